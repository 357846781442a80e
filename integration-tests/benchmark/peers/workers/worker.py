"""Reads requests as lines of JSON from standard input, one at a time, and writes an answer for each, until the input ends."""

import json
import os
import sys
import time
import traceback


class Clock:
    """When tokens came. What comes at once with the first token came with the prompt's step, and is not timed."""

    def __init__(self):
        self.tokens = 0
        self.with_first = 0
        self.first = self.last = 0.0

    def came(self, count):
        if count == 0:
            return
        self.last = time.perf_counter()
        if self.tokens == 0:
            self.with_first = count
            self.first = self.last
        self.tokens += count

    def answer(self, prompt_tokens, text):
        return {
            "tokens": self.tokens,
            "timed": self.tokens - self.with_first,
            "seconds": self.last - self.first,
            "prompt_tokens": prompt_tokens,
            "text": text,
        }


def claim_standard_output():
    """Whatever libraries print goes to standard error from now on: standard output is for answers."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


def serve(answers, decode, versions):
    """:param decode: takes a variant's name and a request, returns the fields of an answer"""

    def write(fields):
        answers.write(json.dumps(fields) + "\n")
        answers.flush()

    write({"ready": True, "versions": versions})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            write(decode(request["variant"], request))
        except Exception as e:
            traceback.print_exc()
            write({"error": f"{type(e).__name__}: {e}"})
