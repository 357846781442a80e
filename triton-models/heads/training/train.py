"""Trains draft heads for a target on the target's own answers; see README.md beside this file."""

import argparse
import json
import os
import shutil

import torch
from safetensors.torch import load_file, save_file

import conversations
import draft_lm
import features
import generate
import train_draft_lm
import train_parallel
from parallel_heads import Hydra, Medusa
from target import Target


def main():
    given = arguments()
    torch.manual_seed(given.seed)
    torch.set_num_threads(given.threads)
    target = Target(given.gguf)
    if given.step == "generate":
        generate.generate(target, given.tokenizer, given.data, given.answer_tokens, given.seed)
    else:
        STEPS[given.step](given, target, conversations.read(given.data, given.seed))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=["generate", *STEPS])
    parser.add_argument("--gguf", required=True, help="the target's weights")
    parser.add_argument("--data", required=True, help="chats of the target, .jsonl or .jsonl.gz; generate writes it")
    parser.add_argument("--tokenizer", help="the target's tokenizer.json, for generate and draft-lm")
    parser.add_argument("--answer-tokens", type=int, default=380_000, help="how much generate writes")
    parser.add_argument("--cache", default="features", help="folder of the target's cached features")
    parser.add_argument("--out", help="folder that the head is written to")
    parser.add_argument("--begin", help="folder of a head of the same kind whose weights training begins with")
    parser.add_argument("--rate", type=float, help="peak learning rate, else the step's own")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--words", type=int, default=8192, help="most frequent tokens that the loss looks at")
    parser.add_argument("--part", type=int, default=0, help="which part of the features this process computes")
    parser.add_argument("--parts", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if given.step in ("generate", "draft-lm") and not given.tokenizer:
        parser.error(f"{given.step} needs --tokenizer, the target's tokenizer.json")
    if given.step not in ("generate", "features") and not given.out:
        parser.error(f"{given.step} needs --out, the folder that the head is written to")
    return given


def cache_features(given, target, chats):
    features.compute(target, chats, given.cache, given.minutes, given.part, given.parts)


def train_parallel_heads(kind, given, target, chats):
    hidden, vocabulary = target.shape.hidden, len(target.embedding)
    read = lambda split: features.FeatureCache.read(given.cache, split, hidden)
    cache, model = read("train"), kind(train_parallel.HEADS, hidden)
    words = most_frequent(frequencies(chats, vocabulary), given.words)
    begin(model, given.begin)
    passes = train_parallel.train(model, cache, target.embedding, words, given.minutes, given.rate or 1e-3, given.seed)
    write(given.out, model, model.config(hidden, vocabulary))
    agreed = train_parallel.agreement(model, read("held-out"), target.embedding)
    print(f"{len(cache.ids)} tokens, {passes:.1f} passes, held-out top-1 by head: {agreed}")


def train_language_model(given, target, chats):
    vocabulary = len(target.embedding)
    frequency = frequencies(chats, vocabulary)
    model = draft_lm.DraftLm(draft_lm.principal_components(target.embedding, frequency))
    words = most_frequent(frequency, given.words)
    begin(model, given.begin)
    passes = train_draft_lm.train(
        model, chats[conversations.HELD_OUT :], words, vocabulary, given.minutes, given.rate or 3e-3, given.seed
    )
    write(given.out, model, model.config(vocabulary))
    # A checkpoint of its own: whoever builds an engine of it needs the tokenizer beside the weights.
    shutil.copyfile(given.tokenizer, os.path.join(given.out, "tokenizer.json"))
    held_out = features.FeatureCache.read(given.cache, "held-out", target.shape.hidden)
    agreed, own = train_draft_lm.agreement(model, held_out, target.embedding)
    print(f"{passes:.1f} passes, held-out top-1: {agreed} the target's first choice, {own} the chat's own token")


def frequencies(chats, vocabulary):
    """How often the target wrote each token, in the chats that are not held out."""
    counts = torch.zeros(vocabulary, dtype=torch.long)
    for ids, mask in chats[conversations.HELD_OUT :]:
        counts += torch.bincount(torch.tensor(ids)[torch.tensor(mask, dtype=torch.bool)], minlength=vocabulary)
    return counts


def most_frequent(frequency, words):
    chosen = frequency.argsort(descending=True, stable=True)[:words]
    print(f"{words} tokens are {frequency[chosen].sum() / frequency.sum():.1%} of the answers", flush=True)
    return chosen.sort().values


def begin(model, folder):
    if folder:
        tensors = load_file(os.path.join(folder, "model.safetensors"))
        model.load_state_dict({name: value.float() for name, value in tensors.items()})


def write(folder, model, config):
    os.makedirs(folder, exist_ok=True)
    tensors = {name: value.detach().to(torch.float16).contiguous() for name, value in model.state_dict().items()}
    save_file(tensors, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump(config, file, indent=2)
        file.write("\n")


STEPS = {
    "features": cache_features,
    "medusa": lambda *given: train_parallel_heads(Medusa, *given),
    "hydra": lambda *given: train_parallel_heads(Hydra, *given),
    "draft-lm": train_language_model,
}

if __name__ == "__main__":
    main()
