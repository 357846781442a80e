"""Chats with the streams of the target that belong to them, on disk: written once, read by every training run."""

import glob
import json
import os
import random
import time

import numpy as np
import torch

# bfloat16 as the target computed it; NumPy knows no such type and moves the bits.
BITS = np.int16
# Chats that no training step sees; the figures of the model cards are measured on them.
HELD_OUT = 64


class StreamWriter:
    """
    `NAME.jsonl`, a line `{"ids": …, "mask": "0…1…"}` a chat, with a 1 where the target answered, and `NAME.bf16`,
    `[tokens, layers, hidden]` of all chats in that order.
    """

    def __init__(self, folder, name):
        os.makedirs(folder, exist_ok=True)
        self.listing = open(os.path.join(folder, name + ".jsonl"), "w")
        self.values = open(os.path.join(folder, name + ".bf16"), "wb")
        self.tokens = self.answered = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listing.close()
        self.values.close()

    def write(self, ids, mask, streams):
        """streams: [tokens, layers, hidden], bfloat16."""
        self.values.write(streams.contiguous().view(torch.int16).numpy().tobytes())
        self.listing.write(json.dumps({"ids": ids, "mask": "".join(map(str, mask))}) + "\n")
        self.tokens += len(ids)
        self.answered += sum(mask)

    def flush(self):
        # First the streams: a chat is there when it is listed.
        self.values.flush()
        self.listing.flush()


class StreamReader:
    """
    All chats of a folder, each `(ids, mask, streams)` on demand, in an order that the seed fixes; the first HELD_OUT of them
    are not trained on.
    """

    def __init__(self, folder, layers, hidden, seed):
        self.chats = []
        for listing in sorted(glob.glob(os.path.join(folder, "*.jsonl"))):
            chats = [json.loads(line) for line in open(listing)]
            rows = sum(len(chat["ids"]) for chat in chats)
            values = np.memmap(
                listing.replace(".jsonl", ".bf16"), dtype=BITS, mode="r", shape=(rows, layers, hidden)
            )
            first = 0
            for chat in chats:
                last = first + len(chat["ids"])
                self.chats.append((chat["ids"], [int(bit) for bit in chat["mask"]], values[first:last]))
                first = last
        if len(self.chats) <= HELD_OUT:
            raise SystemExit(f"{folder}: {len(self.chats)} chats, more than {HELD_OUT} are needed; generate more")
        random.Random(seed).shuffle(self.chats)
        self.held_out, self.train = self.chats[:HELD_OUT], self.chats[HELD_OUT:]

    @staticmethod
    def batch(chats):
        """ids and answered [chats, tokens], lengths [chats], streams [chats, tokens, layers, hidden] in bfloat16."""
        lengths = torch.tensor([len(ids) for ids, _, _ in chats])
        width = int(lengths.max())
        ids = torch.zeros(len(chats), width, dtype=torch.long)
        answered = torch.zeros(len(chats), width, dtype=torch.bool)
        streams = torch.zeros(len(chats), width, *chats[0][2].shape[1:], dtype=torch.bfloat16)
        for row, (tokens, mask, values) in enumerate(chats):
            ids[row, : len(tokens)] = torch.tensor(tokens)
            answered[row, : len(tokens)] = torch.tensor(mask, dtype=torch.bool)
            streams[row, : len(tokens)] = torch.from_numpy(np.array(values)).view(torch.bfloat16)
        return ids, answered, lengths, streams


def compute(target, chats, folder, name, layers):
    """Writes the chats that `conversations.read` gave, with the streams that enter those layers."""
    began = time.time()
    with StreamWriter(folder, name) as writer:
        for some in batches(chats, tokens=2048, seed=0):
            width = max(len(ids) for ids, _ in some)
            padded = torch.zeros(len(some), width, dtype=torch.long)
            for row, (ids, _) in enumerate(some):
                padded[row, : len(ids)] = torch.tensor(ids)
            computed = target.streams(padded, layers)
            for row, (ids, mask) in enumerate(some):
                writer.write(ids, mask, computed[row, : len(ids)])
            writer.flush()
            print(f"{writer.tokens} tokens, {writer.tokens / (time.time() - began):.0f} a second", flush=True)


def batches(chats, tokens, seed):
    """Chats (ids first) of like length together, in random order, at most `tokens` with padding."""
    order = random.Random(seed)
    made, current, longest = [], [], 0
    for chat in sorted(chats, key=lambda c: len(c[0]) + order.random() * 40):
        longest = max(longest, len(chat[0]))
        if current and (len(current) + 1) * longest > tokens:
            made.append(current)
            current, longest = [], len(chat[0])
        current.append(chat)
    made.append(current)
    order.shuffle(made)
    return made
