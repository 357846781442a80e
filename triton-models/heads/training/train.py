"""Trains draft heads for a target on the target's own answers; see README.md beside this file."""

import argparse
import json
import os
import shutil

import torch
from safetensors.torch import load_file, save_file

import conversations
import draft_lm
import generate
import streams
import train_draft_lm
import train_eagle3
import train_parallel
from eagle3_head import Eagle3
from features import FeatureCache
from parallel_heads import Hydra, Medusa
from target import Target


def main():
    given = arguments()
    torch.manual_seed(given.seed)
    torch.set_num_threads(given.threads)
    STEPS[given.step](given, Target(given.gguf))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=STEPS)
    parser.add_argument("--gguf", required=True, help="the target's weights")
    parser.add_argument("--streams", required=True, help="folder of chats and the target's streams: written, then read")
    parser.add_argument("--data", help="chats to compute the streams of, .jsonl or .jsonl.gz, for streams")
    parser.add_argument("--tokenizer", help="the target's tokenizer.json, for generate and draft-lm")
    parser.add_argument("--out", help="folder that the head is written to")
    parser.add_argument("--begin", help="folder of a head of the same kind whose weights training begins with")
    parser.add_argument("--rate", type=float, help="peak learning rate, else the step's own")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--words", type=int, default=8192, help="most frequent tokens that the loss looks at")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if given.step in ("generate", "draft-lm") and not given.tokenizer:
        parser.error(f"{given.step} needs --tokenizer, the target's tokenizer.json")
    if given.step == "streams" and not given.data:
        parser.error("streams needs --data, chats of the target")
    if given.step not in ("generate", "streams") and not given.out:
        parser.error(f"{given.step} needs --out, the folder that the head is written to")
    return given


def layers(target):
    """Whose input streams are kept: past the middle, near the end, and what leaves the last layer."""
    count = target.shape.layers
    return [count // 2 - 1, 3 * count // 4 + 1, count]


def generate_chats(given, target):
    generate.generate(target, given.tokenizer, given.streams, layers(target), given.minutes, given.seed)


def compute_streams(given, target):
    name = os.path.basename(given.data).split(".")[0]
    streams.compute(target, conversations.read(given.data), given.streams, name, layers(target))


def reader(given, target):
    return streams.StreamReader(given.streams, len(layers(target)), target.shape.hidden, given.seed)


def train_eagle3_head(given, target):
    chats, vocabulary = reader(given, target), len(target.embedding)
    words = most_frequent(frequencies(chats.train, vocabulary), given.words)
    model = Eagle3(target.shape, train_eagle3.WIDTH, train_eagle3.spread(chats), target.embedding[words], target.norm)
    if given.begin:
        words = model.load(tensors_of(given.begin))
    save = lambda: write(given.out, model.tensors(words, vocabulary), model.config(layers(target), vocabulary))
    read = train_eagle3.train(model, target, words, chats, given.minutes, given.rate or 1e-3, given.seed, save)
    save()
    agreed = train_eagle3.agreement(model, target, words, chats.held_out)
    print(f"{read} of {sum(len(chat[0]) for chat in chats.train)} tokens, held-out top-1 by step: {agreed}")


def train_parallel_heads(kind, given, target):
    chats, hidden, vocabulary = reader(given, target), target.shape.hidden, len(target.embedding)
    cache, model = FeatureCache.of(target, chats.train), kind(train_parallel.HEADS, hidden)
    words = most_frequent(frequencies(chats.train, vocabulary), given.words)
    begin(model, given.begin)
    passes = train_parallel.train(model, cache, target.embedding, words, given.minutes, given.rate or 1e-3, given.seed)
    write(given.out, model.state_dict(), model.config(hidden, vocabulary))
    agreed = train_parallel.agreement(model, FeatureCache.of(target, chats.held_out), target.embedding)
    print(f"{len(cache.ids)} tokens, {passes:.1f} passes, held-out top-1 by head: {agreed}")


def train_language_model(given, target):
    chats, vocabulary = reader(given, target), len(target.embedding)
    frequency = frequencies(chats.train, vocabulary)
    model = draft_lm.DraftLm(draft_lm.principal_components(target.embedding, frequency))
    words = most_frequent(frequency, given.words)
    begin(model, given.begin)
    spoken = [(ids, mask) for ids, mask, _ in chats.train]
    passes = train_draft_lm.train(model, spoken, words, vocabulary, given.minutes, given.rate or 3e-3, given.seed)
    write(given.out, model.state_dict(), model.config(vocabulary))
    # A checkpoint of its own: whoever builds an engine of it needs the tokenizer beside the weights.
    shutil.copyfile(given.tokenizer, os.path.join(given.out, "tokenizer.json"))
    held_out = FeatureCache.of(target, chats.held_out)
    agreed, own = train_draft_lm.agreement(model, held_out, target.embedding)
    print(f"{passes:.1f} passes, held-out top-1: {agreed} the target's first choice, {own} the chat's own token")


def frequencies(chats, vocabulary):
    """How often the target wrote each token."""
    counts = torch.zeros(vocabulary, dtype=torch.long)
    for ids, mask, _ in chats:
        counts += torch.bincount(torch.tensor(ids)[torch.tensor(mask, dtype=torch.bool)], minlength=vocabulary)
    return counts


def most_frequent(frequency, words):
    chosen = frequency.argsort(descending=True, stable=True)[:words]
    print(f"{words} tokens are {frequency[chosen].sum() / frequency.sum():.1%} of the answers", flush=True)
    return chosen.sort().values


def begin(model, folder):
    if folder:
        model.load_state_dict({name: value.float() for name, value in tensors_of(folder).items()})


def tensors_of(folder):
    return load_file(os.path.join(folder, "model.safetensors"))


def write(folder, tensors, config):
    os.makedirs(folder, exist_ok=True)
    small = lambda value: value.detach().to(torch.float16) if value.is_floating_point() else value
    save_file({name: small(value).contiguous() for name, value in tensors.items()}, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump(config, file, indent=2)
        file.write("\n")


STEPS = {
    "generate": generate_chats,
    "streams": compute_streams,
    "eagle3": train_eagle3_head,
    "medusa": lambda *given: train_parallel_heads(Medusa, *given),
    "hydra": lambda *given: train_parallel_heads(Hydra, *given),
    "draft-lm": train_language_model,
}

if __name__ == "__main__":
    main()
