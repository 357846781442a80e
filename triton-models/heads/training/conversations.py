"""Chats of the target: one JSON object a line, `ids` (token ids) and `mask` ("1" where the target itself answered)."""

import gzip
import json


def read(path):
    """All chats as (ids, mask), but the shortest."""
    opened = gzip.open(path, "rt") if path.endswith(".gz") else open(path)
    with opened as lines:
        chats = [json.loads(line) for line in lines]
    return [(chat["ids"], [int(c) for c in chat["mask"]]) for chat in chats if len(chat["ids"]) > 24]
