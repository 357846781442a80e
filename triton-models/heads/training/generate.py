"""
Writes chats of the target to learn from: the user's turns begin with a short phrase and are finished by the target itself
(as in Magpie, arXiv 2406.08464), the answers are the target's own, greedy in half of the chats and sampled in the others.
Texts to summarise or to ask about are earlier answers of the target. What the target computed on the way, the streams that
enter some of its layers, is kept for training, so that it never runs twice.
"""

import os
import random
import time

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch.utils.cpp_extension import load

from target import rms_norm, rotary_table
from streams import StreamWriter

ROWS, POSITIONS = 384, 384
END = "<|im_end|>"
SYSTEMS = ("You are a helpful AI assistant named SmolLM, trained by Hugging Face", "You are a helpful assistant.")
NAMES = ("Anna", "Tom", "Maria", "Ben", "Lucy", "James", "Emma", "Sam", "Olivia", "David", "Nina", "Carlos", "Mr. Lee")
OPENINGS = {
    "talk": (
        "", "", "Explain how", "Explain why", "What is the difference between", "Why does", "How do I", "How can I",
        "Can you help me", "I am planning", "My friend says that", "Give advice on", "Imagine you are", "Pretend to be",
        "Write a short story about", "Write an email to", "Write a poem about", "Compose a", "Draft a", "Describe a",
        "What are some", "Could you", "Suppose that", "Tell me about", "Act as", "Write a blog post about", "Discuss",
    ),
    "code": (
        "Write a Python function that", "Write a Java method that", "Write a SQL query that", "Write a shell script to",
        "Complete the code.\n\ndef ", "Complete the following Python function:\n\ndef ", "Implement a function",
        "Write a C++ program", "Write JavaScript code", "Finish this code:\n\nfrom typing import List\n\ndef ",
        "How do I sort", "Implement the class", "Write a regular expression that", "Write a test for", "Write an HTML page",
        "Fix this code:\n\n", "What does this code print?\n\n", "Given an array of integers,", "Given a string s,",
    ),
    "maths": (
        "Solve:", "Calculate", "A train leaves", "If a shop sells", "What is the sum", "A rectangle has", "In a class of",
        "{name} has", "{name} buys", "{name} bought", "{name} is", "{name} earns", "{name} and", "{name} wants to",
        "There are", "A baker", "A farmer", "How many", "If x +", "The price of", "Every day {name}", "{name} runs",
        "A car travels", "Half of the", "On Monday,", "Twice as many",
    ),
    "instruction": (
        "Give me five", "Give three", "List the", "List five", "Plan a", "Compare", "Rewrite this sentence:", "Generate a",
        "Create a list of", "Translate into French:", "Identify the", "Classify the following", "Suggest names for",
        "Brainstorm", "Name three", "Convert", "Edit the following sentence", "Come up with", "Design a", "Provide an example",
        "Construct a", "Outline the", "Find a synonym", "Propose a", "Explain the concept of", "Summarize the plot of",
    ),
    "question": (
        "Who was", "Who is", "Who wrote", "Who played", "When did", "When was", "When is", "Where is", "Where was", "Where do",
        "What is the name of", "What is the", "How many", "Which", "What would happen if", "How long", "what does",
        "who sings", "when does the", "where does the", "What year", "What was the first", "how old is", "the first",
    ),
    "text": (
        "Write a news report about", "Write a news article about", "Write an encyclopedia article about", "Write a report on",
        "Tell the story of", "Describe the history of", "Describe in detail", "Write a sports report about", "Explain in depth",
    ),
}  # fmt: skip
SHARES = {"talk": 0.2, "code": 0.16, "maths": 0.2, "instruction": 0.14, "question": 0.1, "text": 0.1}
OVER_TEXT = (
    "Summarize: ", "Summarize: ", "Summarize the following text:\n\n", "Summarize in two sentences:\n\n", "TL;DR:\n\n",
    "Write a headline for this text:\n\n", "Rewrite the following text in simple words:\n\n", "What is this about?\n\n",
    "What are the main points of this text?\n\n",
)  # fmt: skip
QUESTIONS = ("Who", "What", "When", "Where", "Why", "How", "Which")
TEXT_TOKENS = 260


class Chat:
    """What one row of the batch says, and who speaks."""

    def __init__(self, encode, choose, texts):
        self.encode, self.choose = encode, choose
        self.temperature = 0.0 if choose.random() < 0.5 else choose.choice([0.5, 0.7, 1.0])
        self.turns, self.ids, self.mask = 0, [], []
        system = f"<|im_start|>system\n{choose.choice(SYSTEMS)}{END}\n" if choose.random() < 0.8 else ""
        shown = system + "<|im_start|>user\n"
        share = choose.random()
        self.kind = next((kind for kind in SHARES if (share := share - SHARES[kind]) < 0), "over a text" if texts else "talk")
        self.answering = False
        if self.kind != "over a text":
            self.forced = encode(shown + self.opening())
        else:
            text = texts.pop(choose.randrange(len(texts)))[:TEXT_TOKENS]
            if choose.random() < 0.7:
                self.forced = encode(shown + choose.choice(OVER_TEXT)) + text + encode(END + "\n<|im_start|>assistant\n")
                self.answering = True
            else:
                self.forced = encode(shown) + text + encode("\n\n" + choose.choice(QUESTIONS))
        self.feed(self.forced.pop(0), answered=False)

    def opening(self):
        return self.choose.choice(OPENINGS[self.kind]).format(name=self.choose.choice(NAMES))

    def feed(self, token, answered):
        self.ids.append(token)
        self.mask.append(int(answered))

    def follow(self, predicted, end):
        """Takes the next token, forced or predicted. False when the chat is over."""
        if self.forced:
            self.feed(self.forced.pop(0), answered=False)
        elif predicted != end:
            self.feed(predicted, self.answering)
        elif self.answering:
            self.feed(end, answered=True)
            self.turns += 1
            if self.turns == 3 or self.kind == "text" or self.choose.random() < 0.5:
                return False
            self.kind = self.kind if self.kind in OPENINGS else "talk"
            self.answering = False
            self.forced = self.encode("\n<|im_start|>user\n" + self.opening())
        else:
            self.feed(end, answered=False)
            self.answering = True
            self.forced = self.encode("\n<|im_start|>assistant\n")
        return not self.loops()

    def loops(self):
        return self.answering and len(self.ids) % 48 == 0 and len(set(self.ids[-48:])) < 8

    def spoken_temperature(self):
        """Users vary; a greedy user would ask the same in every chat."""
        return self.temperature if self.answering else 1.0

    def text(self):
        """What a later chat may be about: the answer of a chat that wrote a text."""
        answer = [token for token, bit in zip(self.ids, self.mask) if bit][:-1]
        return answer if self.kind == "text" and len(answer) > 60 else None


class Wave:
    """
    Rows that all write place t of their caches in step t: no scattered writes, and few places at first. A chat that ends is
    followed by another one in the places behind it, which does not see the earlier ones; only distances of positions count.
    """

    def __init__(self, target, layers):
        self.target, self.layers, shape = target, layers, target.shape
        rows, head_dim = ROWS * shape.kv_heads, shape.head_dim
        pool = lambda *places: torch.zeros(rows, *places, dtype=target.dtype)
        self.keys = [pool(head_dim, POSITIONS) for _ in target.layers]
        self.values = [pool(POSITIONS, head_dim) for _ in target.layers]
        self.attend = kernel(shape).attend
        self.cosine, self.sine = rotary_table(POSITIONS, shape.head_dim, shape.rope_theta, target.dtype)
        # Streams of all places of a wave, [place, row, kept layer, hidden]: a chat's part is written when it ends.
        self.streams = torch.zeros(POSITIONS, ROWS, len(layers), shape.hidden, dtype=target.dtype)

    @torch.inference_mode()
    def logits(self, tokens, begins, place):
        """tokens [ROWS], begins [ROWS]: the place of the first token of each row's chat; place: the one to write."""
        shape = self.target.shape
        begins = begins.repeat_interleave(shape.kv_heads)
        cosine, sine = self.cosine[place : place + 1], self.sine[place : place + 1]
        x = self.target.embedding[tokens][:, None]
        for number, (layer, keys, values) in enumerate(zip(self.target.layers, self.keys, self.values)):
            self.keep(x, number, place)
            query, key, value = layer.project(x, cosine, sine)
            keys[:, :, place], values[:, place] = key.reshape(-1, shape.head_dim), value.reshape(-1, shape.head_dim)
            shared = query.reshape(ROWS * shape.kv_heads, -1, shape.head_dim)
            attended = self.attend(shared, keys, values, begins, place)
            x = layer.finish(x, attended.view(ROWS, shape.heads, 1, shape.head_dim))
        self.keep(x, len(self.target.layers), place)
        x = rms_norm(x, self.target.norm, shape.norm_epsilon)
        return F.linear(x[:, 0], self.target.embedding)

    def keep(self, x, number, place):
        if number in self.layers:
            self.streams[place, :, self.layers.index(number)] = x[:, 0]


def generate(target, tokenizer_file, folder, layers, minutes, seed):
    """Writes chats and the streams that enter those layers until the minutes are over, some waves of ROWS rows."""
    tokenizer = Tokenizer.from_file(tokenizer_file)
    encode = lambda text: tokenizer.encode(text, add_special_tokens=False).ids
    choose, end = random.Random(seed), tokenizer.token_to_id(END)
    wave, texts, began = Wave(target, layers), [], time.time()
    with StreamWriter(folder, f"generated-{seed}") as writer:
        while time.time() - began < minutes * 60:
            chats = [Chat(encode, choose, texts) for _ in range(ROWS)]
            begins = torch.zeros(ROWS, dtype=torch.long)
            for place in range(POSITIONS):
                logits = wave.logits(torch.tensor([chat.ids[-1] for chat in chats]), begins, place)
                for row, token in enumerate(sample(logits, [chat.spoken_temperature() for chat in chats])):
                    chat = chats[row]
                    if chat.follow(token, end) and place + 1 < POSITIONS:
                        continue
                    first = int(begins[row])
                    # The last token was chosen, but not read: it has no streams.
                    fed = place + 1 - first
                    if sum(chat.mask[:fed]) >= 16:
                        writer.write(chat.ids[:fed], chat.mask[:fed], wave.streams[first : place + 1, row])
                    if (text := chat.text()) is not None and len(texts) < 4 * ROWS:
                        texts.append(text)
                    chats[row], begins[row] = Chat(encode, choose, texts), place + 1
            writer.flush()
            pace = writer.tokens / (time.time() - began)
            print(f"{writer.tokens} tokens, {writer.answered} of answers, {pace:.0f} a second", flush=True)


def kernel(shape):
    """The attention of one new row a sequence, compiled for the target's heads."""
    return load(
        "attention",
        [os.path.join(os.path.dirname(os.path.abspath(__file__)), "attention.cpp")],
        extra_cflags=[
            *("-O3", "-ffast-math", "-march=native", "-fopenmp"),
            *(f"-DHEAD_DIM={shape.head_dim}", f"-DGROUP={shape.heads // shape.kv_heads}"),
        ],
    )


@torch.compile
def maxima(blocks):
    return blocks.amax(-1)


def sample(logits, temperatures, top_k=50, block=64):
    """A token a row: the likeliest at temperature 0, else drawn from the top_k, which lie in the top_k best blocks."""
    blocks = logits.view(len(logits), -1, block)
    near = maxima(blocks).topk(top_k, -1).indices
    best = blocks.gather(1, near[..., None].expand(-1, -1, block)).flatten(1).topk(top_k, -1)
    ids = near.gather(1, best.indices // block) * block + best.indices % block
    heat = torch.tensor(temperatures)
    share = torch.softmax(best.values.float() / heat.clamp(min=1e-3)[:, None], -1)
    drawn = ids.gather(1, torch.multinomial(share, 1))[:, 0]
    return torch.where(heat == 0, ids[:, 0], drawn).tolist()
