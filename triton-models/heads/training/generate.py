"""
Writes chats of the target to learn from: the user's turns begin with a short phrase and are finished by the target itself
(as in Magpie, arXiv 2406.08464), the answers are the target's own, greedy in half of the chats and sampled in the others.
"""

import json
import random

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

from target import rms_norm, rotary_table, rotate

ROWS, POSITIONS = 64, 512
END = "<|im_end|>"
SYSTEMS = ("You are a helpful AI assistant named SmolLM, trained by Hugging Face", "You are a helpful assistant.")
OPENINGS = (
    "", "", "", "Explain how", "Explain why", "What is the difference between", "Why does", "How do I", "How can I",
    "Write a Python function that", "Write a Java method that", "Write a SQL query that", "Write a shell script to",
    "Write a short story about", "Write an email to", "Write a poem about", "Summarize the following paragraph:",
    "Rewrite this sentence:", "Translate into French:", "Give me five", "List the", "Plan a", "Describe", "Compare",
    "Who was", "When did", "Where is", "What would happen if", "Solve:", "Calculate", "A train leaves",
    "If a shop sells", "Can you help me", "I am planning", "My friend says that", "Suggest names for", "Give advice on",
)  # fmt: skip


class Chat:
    """One row of the batch: what was fed so far and who speaks."""

    def __init__(self, encode, choose):
        self.encode, self.choose = encode, choose
        self.temperature = 0.0 if choose.random() < 0.5 else choose.choice([0.5, 0.7, 1.0])
        self.answering, self.turns = False, 0
        system = f"<|im_start|>system\n{choose.choice(SYSTEMS)}{END}\n" if choose.random() < 0.8 else ""
        self.forced = encode(system + "<|im_start|>user\n" + choose.choice(OPENINGS))
        self.ids, self.mask = [], []
        self.feed(self.forced.pop(0), answered=False)

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
            if self.turns == 3 or self.choose.random() < 0.5:
                return False
            self.answering = False
            self.forced = self.encode("\n<|im_start|>user\n" + self.choose.choice(OPENINGS))
        else:
            self.feed(end, answered=False)
            self.answering = True
            self.forced = self.encode("\n<|im_start|>assistant\n")
        return len(self.ids) < POSITIONS and not self.loops()

    def loops(self):
        return self.answering and len(self.ids) % 48 == 0 and len(set(self.ids[-48:])) < 8

    def spoken_temperature(self):
        """Users vary; a greedy user would ask the same in every chat."""
        return self.temperature if self.answering else 1.0


class Decoder:
    """One token a row and step, each row at its own position; keys and values [rows, kv_heads, POSITIONS, head_dim]."""

    def __init__(self, target):
        self.target, shape = target, target.shape
        pool = lambda: torch.zeros(ROWS, shape.kv_heads, POSITIONS, shape.head_dim, dtype=target.dtype)
        self.keys, self.values = [[pool() for _ in target.layers] for _ in range(2)]
        self.cosine, self.sine = rotary_table(POSITIONS, shape.head_dim, shape.rope_theta, target.dtype)

    @torch.inference_mode()
    def logits(self, tokens, positions):
        rows, length = torch.arange(ROWS), int(positions.max()) + 1
        seen = (torch.arange(length) <= positions[:, None])[:, None, None]
        cosine, sine = self.cosine[positions][:, None, None], self.sine[positions][:, None, None]
        x = self.target.embedding[tokens][:, None]
        for layer, keys, values in zip(self.target.layers, self.keys, self.values):
            query, key, value = layer.project(x, cosine, sine)
            keys[rows, :, positions], values[rows, :, positions] = key[:, :, 0], value[:, :, 0]
            attended = F.scaled_dot_product_attention(
                query, keys[:, :, :length], values[:, :, :length], attn_mask=seen, enable_gqa=True
            )
            x = layer.finish(x, attended)
        x = rms_norm(x, self.target.norm, self.target.shape.norm_epsilon)
        return F.linear(x[:, 0], self.target.embedding).float()


def generate(target, tokenizer_file, path, answer_tokens, seed):
    """Appends chats to the file until the target wrote about that many answer tokens."""
    tokenizer = Tokenizer.from_file(tokenizer_file)
    encode = lambda text: tokenizer.encode(text, add_special_tokens=False).ids
    choose, end = random.Random(seed), tokenizer.token_to_id(END)
    decoder, written = Decoder(target), 0
    chats = [Chat(encode, choose) for _ in range(ROWS)]
    with open(path, "w") as file:
        while written < answer_tokens:
            logits = decoder.logits(
                torch.tensor([chat.ids[-1] for chat in chats]), torch.tensor([len(chat.ids) - 1 for chat in chats])
            )
            for row, token in enumerate(sample(logits, torch.tensor([c.spoken_temperature() for c in chats]))):
                chat = chats[row]
                if chat.follow(token, end):
                    continue
                if sum(chat.mask) >= 16:
                    file.write(json.dumps({"ids": chat.ids, "mask": "".join(map(str, chat.mask))}) + "\n")
                    file.flush()
                    written += sum(chat.mask)
                    print(f"{written} of {answer_tokens} answer tokens", flush=True)
                chats[row] = Chat(encode, choose)


def sample(logits, temperatures, top_k=50):
    """A token a row: the likeliest at temperature 0, else drawn from the top_k."""
    best = logits.topk(top_k, -1)
    share = torch.softmax(best.values / temperatures.clamp(min=1e-3)[:, None], -1)
    drawn = best.indices.gather(1, torch.multinomial(share, 1))[:, 0]
    return torch.where(temperatures == 0, best.indices[:, 0], drawn).tolist()
