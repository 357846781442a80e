"""OpenVINO GenAI on a GGUF file. Arguments: threads, the file, `plain` or `lookup`.

Variants of `lookup` are `lookup-N`: prompt lookup of N tokens.
"""

import sys

import worker

answers = worker.claim_standard_output()

import openvino
import openvino_genai

threads, model, mode = int(sys.argv[1]), sys.argv[2], sys.argv[3]
properties = {"INFERENCE_NUM_THREADS": threads}
if mode == "lookup":
    properties["prompt_lookup"] = True
pipeline = openvino_genai.LLMPipeline(model, "CPU", **properties)
tokenizer = pipeline.get_tokenizer()


class Streamer(openvino_genai.StreamerBase):
    def __init__(self, clock):
        super().__init__()
        self.clock = clock

    def write(self, token):
        self.clock.came(1 if isinstance(token, int) else len(token))
        return openvino_genai.StreamingStatus.RUNNING

    def end(self):
        pass


def decode(variant, request):
    options = openvino_genai.GenerationConfig()
    options.max_new_tokens = request["tokens"]
    options.ignore_eos = True
    options.do_sample = False
    options.apply_chat_template = False
    if mode == "lookup":
        options.num_assistant_tokens = int(variant.removeprefix("lookup-"))
        options.max_ngram_size = 3
    prompt = tokenizer.encode(request["text"], add_special_tokens=False)
    clock = worker.Clock()
    result = pipeline.generate(prompt, options, Streamer(clock))
    text = tokenizer.decode(list(result.tokens[0]), skip_special_tokens=False)
    return clock.answer(prompt.input_ids.shape[1], text)


worker.serve(answers, decode, {"openvino-genai": openvino_genai.__version__, "openvino": openvino.__version__})
