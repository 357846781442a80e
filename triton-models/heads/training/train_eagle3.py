"""Training of an EAGLE-3 head on streams of the target that were kept on disk."""

import torch
import torch.nn.functional as F

from schedule import Schedule
from streams import StreamReader, batches

WIDTH = 1536
TOKENS = 4096
STEPS = 5
# Each further step counts a little less than the one before, and is trained at some places only.
FADING = 0.85
ANCHORS = 0.4
# Places where the target did not answer: it has an opinion there too, but nobody asks for it.
ASKED = 0.25


@torch.compile(dynamic=True)
def soft_cross_entropy(logits, wanted):
    """Mean over rows; wanted: the target's logits of the same words."""
    share = torch.softmax(wanted.float(), -1)
    return -(share * torch.log_softmax(logits.float(), -1)).sum(-1).mean()


class Lesson:
    """One batch, with what the target says at each place."""

    def __init__(self, target, chats):
        self.ids, self.answered, self.lengths, streams = StreamReader.batch(chats)
        self.streams = streams[:, :-1]
        self.tokens = target.embedding[self.ids[:, 1:]]
        # The stream behind the last layer comes last.
        self.features = target.features(streams[:, :, -1])

    def rows(self, places, asked):
        """
        places: [n]. Which (chat, index into places) predict a token of the chat that was answered, or one of a share
        `asked` of the others. Place t predicts token t + 2.
        """
        ahead = places + 2
        inside = ahead[None] < self.lengths[:, None]
        answered = self.answered[:, ahead.clamp(max=self.ids.shape[1] - 1)]
        return (inside & (answered | (torch.rand(inside.shape) < asked))).nonzero(as_tuple=True)

    def wanted(self, chats, places):
        """The target's final features from which its logits of token places + 2 follow."""
        return self.features[chats, places + 1]

    def anchors(self, share, steps):
        last = self.ids.shape[1] - 1 - steps
        if last < 1:
            return None
        return torch.randperm(last)[: max(1, int(last * share))].sort().values


def train(model, target, words, reader, minutes, rate, seed, save):
    """Ends by the clock. Returns the tokens read."""
    torch.manual_seed(seed)
    lm_head = target.embedding[words]
    schedule, read, mean = Schedule(optimizers(model, rate), minutes), 0, None
    while True:
        for chats in batches(reader.train, TOKENS, schedule.steps):
            if not schedule.next():
                return read
            lesson = Lesson(target, chats)
            # First one thing, then the next: drafts of drafts mean nothing before the first step is right.
            steps = 2 if schedule.spent() < 0.08 else STEPS
            losses = lesson_losses(model, lesson, lm_head, steps)
            schedule.step(sum(loss * FADING**step for step, loss in enumerate(losses)) / len(losses), model)
            read += int(lesson.lengths.sum())
            now = [loss.item() for loss in losses] + [0] * (STEPS - len(losses))
            mean = now if mean is None else [0.95 * m + 0.05 * n for m, n in zip(mean, now)]
            if schedule.steps % 20 == 0:
                print(f"{schedule}, {read} tokens, losses {[round(m, 3) for m in mean]}", flush=True)
            if schedule.steps % 200 == 0:
                save()
                print(f"held-out top-1 by step: {agreement(model, target, words, reader.held_out)}", flush=True)


def optimizers(model, rate):
    """Muon for the layer's matrices, with steps as large as Adam's; the projection begins as the target's and needs less."""
    own = [model.lm_head, model.norm]
    rest = [p for p in model.parameters() if all(p is not o for o in own)]
    matrices, gains = [p for p in rest if p.ndim == 2], [p for p in rest if p.ndim == 1]
    groups = [{"params": gains, "lr": rate}, {"params": own, "lr": rate * 0.3}]
    return [
        torch.optim.AdamW(groups, betas=(0.9, 0.95), weight_decay=0.01, fused=True),
        torch.optim.Muon(matrices, lr=rate, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
    ]


def lesson_losses(model, lesson, lm_head, steps):
    anchors = lesson.anchors(ANCHORS, steps)
    losses, places = [], torch.arange(lesson.tokens.shape[1])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        drafted = model.draft(lesson.tokens, lesson.streams, anchors, steps if anchors is not None else 1)
        for step, outputs in enumerate(drafted):
            at = places if step == 0 else anchors + step
            chats, index = lesson.rows(at, ASKED)
            if len(chats) == 0:
                continue
            with torch.no_grad():
                wanted = F.linear(lesson.wanted(chats, at[index]), lm_head)
            losses.append(soft_cross_entropy(model.logits(outputs[chats, index]), wanted))
    return losses


@torch.no_grad()
def agreement(model, target, words, held_out, steps=6):
    """Per step, the share of held-out answer tokens that the head and the target (of its whole vocabulary) rank first."""
    agreed, rows = torch.zeros(steps), torch.zeros(steps)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        for first in range(0, len(held_out), 16):
            lesson = Lesson(target, held_out[first : first + 16])
            anchors, places = lesson.anchors(1, steps), torch.arange(lesson.tokens.shape[1])
            for step, outputs in enumerate(model.draft(lesson.tokens, lesson.streams, anchors, steps)):
                at = places if step == 0 else anchors + step
                chats, index = lesson.rows(at, 0)
                wanted = F.linear(lesson.wanted(chats, at[index]), target.embedding).argmax(-1)
                found = words[model.logits(outputs[chats, index]).argmax(-1)]
                agreed[step] += (found == wanted).sum()
                rows[step] += len(chats)
    return [round(share, 3) for share in (agreed / rows).tolist()]


def spread(reader, chats=200):
    """Standard deviation of each channel of the streams, [3, hidden]; the first token of a chat is unlike all others."""
    rows = torch.cat([StreamReader.batch([chat])[3][0][1:].float() for chat in reader.train[:chats]])
    return rows.std(0).clamp(min=1e-2)
