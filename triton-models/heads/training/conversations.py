"""Chats of the target: one JSON object a line, `ids` (token ids) and `mask` ("1" where the target itself answered)."""

import gzip
import json
import random

# Chats that no training step sees; the figures of the model cards are measured on them.
HELD_OUT = 24


def read(path, seed):
    """All chats as (ids, mask) in an order that the seed fixes; the first HELD_OUT of them are held out."""
    opened = gzip.open(path, "rt") if path.endswith(".gz") else open(path)
    with opened as lines:
        chats = [json.loads(line) for line in lines]
    chats = [(chat["ids"], [int(c) for c in chat["mask"]]) for chat in chats if len(chat["ids"]) > 24]
    if len(chats) <= HELD_OUT:
        raise SystemExit(f"{path}: {len(chats)} usable chats, more than {HELD_OUT} are needed; generate more")
    random.Random(seed).shuffle(chats)
    return chats
