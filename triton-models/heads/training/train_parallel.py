"""Training of Medusa and Hydra heads on cached features of the target."""

import torch
import torch.nn.functional as F

from schedule import Schedule

HEADS = 4
ROWS = 256
# Held-out rows that agreement is measured on: the products with the whole vocabulary are most of its time.
MEASURED = 1500


def usable(cache, heads, answered_only):
    """Rows i whose tokens up to i+1+heads are of the same chat, and answered where asked."""
    last = len(cache.ids) - heads - 1
    rows = torch.arange(last)
    kept = cache.chat[rows] == cache.chat[rows + heads + 1]
    if answered_only:
        for offset in range(2, heads + 2):
            kept &= cache.answered[rows + offset]
    return rows[kept]


def inputs(cache, embedding, rows, heads):
    """Features of the rows and embeddings of the tokens after each, in float32."""
    ahead = rows[:, None] + 1 + torch.arange(heads)
    return cache.features[rows].float(), embedding[cache.ids[ahead]].float()


def targets(cache, lm_head, rows, heads):
    """The target's logits [heads, rows, words] for the token that each head predicts."""
    ahead = rows[None, :] + 1 + torch.arange(heads)[:, None]
    return F.linear(cache.features[ahead].to(lm_head.dtype), lm_head).float()


def train(model, cache, embedding, words, minutes, rate, seed):
    """
    Soft-target cross entropy over the given words. Rows outside the answers count too: the target has an opinion about
    every token. Returns the passes over the rows that the time was enough for.
    """
    heads = len(model)
    lm_head = embedding[words]
    rows = usable(cache, heads, answered_only=False)
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.95), weight_decay=0.05)
    schedule = Schedule([optimizer], minutes)
    seen, mean = 0, None
    while True:
        for picked in rows[torch.randperm(len(rows), generator=generator)].split(ROWS):
            if not schedule.next():
                return seen / len(rows)
            with torch.no_grad():
                wanted = torch.softmax(targets(cache, lm_head, picked, heads), -1)
            predicted = model.predict(*inputs(cache, embedding, picked, heads))
            logits = F.linear(predicted.to(lm_head.dtype), lm_head).float()
            loss = -(wanted * torch.log_softmax(logits, -1)).sum(-1).mean()
            schedule.step(loss, model)
            seen += len(picked)
            mean = loss.item() if mean is None else 0.95 * mean + 0.05 * loss.item()
            if schedule.steps % 20 == 0:
                print(f"{schedule}, pass {seen / len(rows):.2f}, loss {mean:.3f}", flush=True)


@torch.inference_mode()
def agreement(model, cache, embedding):
    """
    Per head, the share of held-out answer tokens that it and the target both rank first, over the whole vocabulary, with
    the chat's own tokens as the drafted ones.
    """
    heads = len(model)
    rows = usable(cache, heads, answered_only=True)
    rows = rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))[:MEASURED]]
    agreed = torch.zeros(heads)
    for some in rows.split(256):
        wanted = targets(cache, embedding, some, heads).argmax(-1)
        predicted = model.predict(*inputs(cache, embedding, some, heads))
        agreed += (F.linear(predicted.to(embedding.dtype), embedding).argmax(-1) == wanted).sum(-1)
    return [round(share, 3) for share in (agreed / len(rows)).tolist()]
