"""transformers on a GGUF file, whose weights it makes floating. Arguments: threads, the file, `float32` or `bfloat16`.

Variants are `plain` and `lookup-N`: assisted generation by prompt lookup of N tokens.
"""

import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"

import worker

answers = worker.claim_standard_output()

import torch
import transformers

threads, model_file, precision = int(sys.argv[1]), sys.argv[2], sys.argv[3]
torch.set_num_threads(threads)
folder, file = os.path.split(os.path.abspath(model_file))
tokenizer = transformers.AutoTokenizer.from_pretrained(folder, gguf_file=file)
model = transformers.AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, dtype=getattr(torch, precision))
model.eval()
model.generation_config.eos_token_id = None
model.generation_config.pad_token_id = 0


class Streamer(transformers.generation.streamers.BaseStreamer):
    """The first that it is given is the prompt."""

    def __init__(self, clock):
        self.clock = clock
        self.prompt_seen = False

    def put(self, value):
        if self.prompt_seen:
            self.clock.came(value.numel())
        self.prompt_seen = True

    def end(self):
        pass


def decode(variant, request):
    prompt = tokenizer(request["text"], return_tensors="pt", add_special_tokens=False)
    options = {}
    if variant != "plain":
        options["prompt_lookup_num_tokens"] = int(variant.removeprefix("lookup-"))
    clock = worker.Clock()
    with torch.inference_mode():
        output = model.generate(
            input_ids=prompt["input_ids"],
            attention_mask=prompt["attention_mask"],
            do_sample=False,
            max_new_tokens=request["tokens"],
            streamer=Streamer(clock),
            **options,
        )
    length = prompt["input_ids"].shape[1]
    return clock.answer(length, tokenizer.decode(output[0, length:], skip_special_tokens=False))


worker.serve(answers, decode, {"transformers": transformers.__version__, "torch": torch.__version__})
