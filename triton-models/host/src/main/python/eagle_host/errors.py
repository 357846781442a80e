"""What a client is told when a request cannot be served."""

from __future__ import annotations

from enum import Enum


class Code(Enum):
    """The code words of the wire protocol; a client decides by them what to do."""

    EPOCH_CHANGED = "EAGLE_EPOCH_CHANGED"
    LEASE_LOST = "EAGLE_LEASE_LOST"
    NO_SLOTS = "EAGLE_NO_SLOTS"
    INVALID = "EAGLE_INVALID"
    STEP_FAILED = "EAGLE_STEP_FAILED"


class HostError(Exception):
    """A request was refused or failed; the text is one code word and a sentence."""

    def __init__(self, code: Code, sentence: str) -> None:
        super().__init__(f"{code.value}: {sentence}")
        self.code = code


def invalid(sentence: str) -> HostError:
    """The request is wrong; nothing was touched."""
    return HostError(Code.INVALID, sentence)
