"""Asks the server at argv[1] with the key argv[2] what people ask with the openai package."""
import sys

import openai

client = openai.OpenAI(base_url=sys.argv[1], api_key=sys.argv[2], max_retries=0)
question = {
    "model": "default",
    "messages": [{"role": "user", "content": "What is the capital of France?"}],
    "temperature": 0,
    "max_tokens": 16,
}

assert [model.id for model in client.models.list()] == ["default"]

answer = client.chat.completions.create(**question, logprobs=True, top_logprobs=2)
text = answer.choices[0].message.content
assert "Paris" in text, text
assert len(answer.choices[0].logprobs.content[0].top_logprobs) == 2
assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
assert answer.eagle["tau"] > 0 and answer.eagle["drafter"] == "eagle2", answer.eagle

chunks = list(client.chat.completions.create(**question, stream=True, stream_options={"include_usage": True}))
assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == text
assert chunks[-1].usage == answer.usage, chunks[-1]

plain = client.chat.completions.create(**question, extra_body={"drafter": "none"})
assert plain.choices[0].message.content == text

story = {"model": "default", "prompt": "Once upon a time", "max_tokens": 12, "temperature": 0.9, "seed": 5}
two = client.completions.create(**story, n=2)
assert len(two.choices) == 2 and two.choices[0].text != two.choices[1].text
assert client.completions.create(**story).choices[0].text == two.choices[0].text
assert "".join(c.choices[0].text for c in client.completions.create(**story, stream=True)) == two.choices[0].text

try:
    client.chat.completions.create(**{**question, "temperature": -1})
    raise AssertionError("a negative temperature was taken")
except openai.BadRequestError as error:
    assert error.param == "temperature", error.body
try:
    client.with_options(api_key="wrong").models.list()
    raise AssertionError("a wrong key was taken")
except openai.AuthenticationError as error:
    assert error.code == "invalid_api_key", error.body

print("all is well")
