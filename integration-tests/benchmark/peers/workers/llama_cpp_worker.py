"""llama.cpp through llama-cpp-python. Arguments: threads, a GGUF file, `plain` or `lookup`.

Variants of `lookup` are `lookup-N`: prompt lookup of N tokens.
"""

import sys

import worker

answers = worker.claim_standard_output()

import llama_cpp
from llama_cpp.llama_speculative import LlamaPromptLookupDecoding

threads, model, mode = int(sys.argv[1]), sys.argv[2], sys.argv[3]
drafter = LlamaPromptLookupDecoding() if mode == "lookup" else None
llama = llama_cpp.Llama(
    model_path=model,
    n_ctx=2048,
    n_threads=threads,
    n_threads_batch=threads,
    draft_model=drafter,
    verbose=False,
)


def decode(variant, request):
    if drafter is not None:
        drafter.num_pred_tokens = int(variant.removeprefix("lookup-"))
    prompt = llama.tokenize(request["text"].encode(), add_bos=False, special=True)
    llama.reset()
    clock = worker.Clock()
    generated = []
    for token in llama.generate(prompt, temp=0.0, repeat_penalty=1.0):
        clock.came(1)
        generated.append(token)
        if len(generated) == request["tokens"]:
            break
    text = llama.detokenize(generated, special=True).decode(errors="replace")
    return clock.answer(len(prompt), text)


worker.serve(
    answers,
    decode,
    {
        "llama-cpp-python": llama_cpp.__version__,
        "llama.cpp": llama_cpp.llama_print_system_info().decode().strip(),
    },
)
