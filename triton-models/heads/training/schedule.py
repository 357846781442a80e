"""A training run that is bounded by time: the learning rate follows the share of the minutes that is spent."""

import math
import time

from torch import nn


class Schedule:

    WARM_UP_STEPS = 20

    def __init__(self, optimizers, minutes):
        self.optimizers = optimizers
        self.seconds = minutes * 60
        self.groups = [(group, group["lr"]) for optimizer in optimizers for group in optimizer.param_groups]
        self.began = time.time()
        self.steps = 0

    def spent(self):
        return (time.time() - self.began) / self.seconds

    def next(self):
        """Sets the rate of the next step; false when the time is over."""
        spent = self.spent()
        if spent >= 1:
            return False
        scale = min(1, (self.steps + 1) / self.WARM_UP_STEPS) * (0.03 + 0.97 * 0.5 * (1 + math.cos(math.pi * spent)))
        for group, rate in self.groups:
            group["lr"] = rate * scale
        return True

    def step(self, loss, model):
        model.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
        self.steps += 1

    def __str__(self):
        return f"step {self.steps}, {self.spent():.0%} of the time"
