"""The target's features of all chats, computed once and kept on disk in float16."""

import glob
import json
import os
import random
import time
from dataclasses import dataclass

import numpy as np
import torch

from conversations import HELD_OUT


@dataclass(frozen=True)
class FeatureCache:
    """
    What was computed of one split, chats one after the other.

    ids: [rows] token ids; answered: [rows], where the target itself spoke; chat: [rows], the chat that a row belongs to;
    features: [rows, hidden], float16, the target's final normalised hidden states.
    """

    ids: torch.Tensor
    answered: torch.Tensor
    chat: torch.Tensor
    features: torch.Tensor

    @staticmethod
    def read(folder, split, hidden):
        chats, features = [], []
        for listing in sorted(glob.glob(os.path.join(folder, f"{split}-*.jsonl"))):
            part = [json.loads(line) for line in open(listing)]
            rows = sum(len(ids) for ids, _ in part)
            # A run that was stopped may have written features that are not listed yet: the listing decides.
            values = np.fromfile(listing.replace(".jsonl", ".f16"), dtype=np.float16, count=rows * hidden)
            features.append(torch.from_numpy(values.reshape(rows, hidden)))
            chats += part
        if not chats:
            raise SystemExit(f"{folder}: no {split} features; run the features step first")
        return FeatureCache(
            ids=torch.tensor([token for ids, _ in chats for token in ids]),
            answered=torch.tensor([bit for _, mask in chats for bit in mask], dtype=torch.bool),
            chat=torch.repeat_interleave(torch.arange(len(chats)), torch.tensor([len(ids) for ids, _ in chats])),
            features=torch.cat(features),
        )


def compute(target, chats, folder, minutes, part=0, parts=1):
    """
    Computes every parts-th batch, held-out chats first, until all are done or the minutes are over. Several processes of
    one thread each, one part each, waste less than one process of several threads on a machine with other work.
    """
    os.makedirs(folder, exist_ok=True)
    began, done = time.time(), 0
    for split, some in (("held-out", chats[:HELD_OUT]), ("train", chats[HELD_OUT:])):
        name = os.path.join(folder, f"{split}-{part}")
        with open(name + ".f16", "wb") as features, open(name + ".jsonl", "w") as listing:
            for batch in batches(some)[part::parts]:
                if time.time() - began > minutes * 60:
                    return
                width = max(len(ids) for ids, _ in batch)
                padded = torch.zeros(len(batch), width, dtype=torch.long)
                for row, (ids, _) in enumerate(batch):
                    padded[row, : len(ids)] = torch.tensor(ids)
                computed = target.features(padded).to(torch.float16)
                for row, (ids, _) in enumerate(batch):
                    features.write(computed[row, : len(ids)].numpy().tobytes())
                features.flush()
                for ids, mask in batch:
                    listing.write(json.dumps([ids, mask]) + "\n")
                    done += len(ids)
                listing.flush()
                print(f"features of {done} tokens, {done / (time.time() - began):.0f} a second", flush=True)


def batches(chats, tokens=2048, seed=0):
    """Chats of like length together, in random order, at most `tokens` with padding."""
    order = random.Random(seed)
    made, current = [], []
    for chat in sorted(chats, key=lambda c: len(c[0]) + order.random() * 40):
        if current and (len(current) + 1) * max(len(c[0]) for c in current + [chat]) > tokens:
            made.append(current)
            current = []
        current.append(chat)
    made.append(current)
    order.shuffle(made)
    return made
