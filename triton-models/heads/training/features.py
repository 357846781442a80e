"""Final features of many chats in one row of places, as heads that look at single places learn from them."""

from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True)
class FeatureCache:
    """
    Chats one after the other.

    ids: [rows] token ids; answered: [rows], where the target itself spoke; chat: [rows], the chat that a row belongs to;
    features: [rows, hidden], float16, the target's final normalised hidden states.
    """

    ids: torch.Tensor
    answered: torch.Tensor
    chat: torch.Tensor
    features: torch.Tensor

    @staticmethod
    def of(target, chats):
        """chats: of a StreamReader."""
        final = lambda values: torch.from_numpy(np.array(values[:, -1])).view(torch.bfloat16)
        return FeatureCache(
            ids=torch.tensor([token for ids, _, _ in chats for token in ids]),
            answered=torch.tensor([bit for _, mask, _ in chats for bit in mask], dtype=torch.bool),
            chat=torch.repeat_interleave(torch.arange(len(chats)), torch.tensor([len(ids) for ids, _, _ in chats])),
            features=torch.cat([target.features(final(values)).to(torch.float16) for _, _, values in chats]),
        )
