"""Distillation of the draft language model: it learns the very tokens that the target wrote."""

import torch
import torch.nn.functional as F

from schedule import Schedule
from streams import batches

NEGATIVES = 2048


def padded(chats):
    width = max(len(ids) for ids, _ in chats)
    ids = torch.zeros(len(chats), width, dtype=torch.long)
    counted = torch.zeros(len(chats), width)
    for row, (tokens, mask) in enumerate(chats):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        # Prompts are worth a little: they come in the target's own words or in its users'.
        counted[row, : len(tokens)] = torch.tensor(mask, dtype=torch.float).clamp(min=0.2)
    return ids, counted


def train(model, chats, words, vocabulary, minutes, rate, seed):
    """
    Cross entropy on the tokens that the target wrote, over the frequent words and, anew in each step, some of the others,
    so that no rare token keeps a high logit. Returns the passes over the chats.
    """
    torch.manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.98), weight_decay=0.01)
    schedule = Schedule([optimizer], minutes)
    embedding = model.model.embed_tokens.weight
    rare = torch.ones(vocabulary, dtype=torch.bool)
    rare[words] = False
    rare = rare.nonzero()[:, 0]
    place = torch.full((vocabulary,), -1)
    passes, mean = 0, None
    while True:
        made = batches(chats, tokens=2048, seed=seed + passes)
        for number, batch in enumerate(made):
            if not schedule.next():
                return passes + number / len(made)
            ids, counted = padded(batch)
            chosen = torch.cat([words, rare[torch.randperm(len(rare))[:NEGATIVES]]])
            place.fill_(-1)
            place[chosen] = torch.arange(len(chosen))
            label, weight = place[ids[:, 1:]].flatten(), counted[:, 1:].flatten()
            known = (weight > 0) & (label >= 0)
            state = model.model(ids[:, :-1]).flatten(0, 1)[known]
            logits = F.linear(state.bfloat16(), embedding[chosen].bfloat16()).float()
            loss = F.cross_entropy(logits, label[known], reduction="none")
            loss = (loss * weight[known]).sum() / weight[known].sum()
            schedule.step(loss, model)
            mean = loss.item() if mean is None else 0.97 * mean + 0.03 * loss.item()
            if schedule.steps % 20 == 0:
                print(f"{schedule}, pass {passes + number / len(made):.2f}, loss {mean:.3f}", flush=True)
        passes += 1


@torch.inference_mode()
def agreement(model, cache, embedding):
    """
    The share of held-out answer tokens that both models rank first, over the whole vocabulary, and the share that is the
    chat's own token.
    """
    agreed = own = total = 0
    for chat in range(int(cache.chat[-1]) + 1):
        rows = (cache.chat == chat).nonzero()[:, 0]
        scored = cache.answered[rows[1:]]
        state = model.model(cache.ids[rows][None, :-1])[0][scored]
        drafted = F.linear(state, model.model.embed_tokens.weight).argmax(-1)
        feature = cache.features[rows[:-1]][scored].to(embedding.dtype)
        agreed += (drafted == F.linear(feature, embedding).argmax(-1)).sum().item()
        own += (drafted == cache.ids[rows[1:]][scored]).sum().item()
        total += int(scored.sum())
    return [round(agreed / total, 3), round(own / total, 3)]
