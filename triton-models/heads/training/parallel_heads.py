"""Medusa and Hydra heads: every head reads the target's feature and predicts one token further ahead."""

import torch
from torch import nn
import torch.nn.functional as F


class ResidualBlock(nn.Module):
    """x + SiLU(W x + b), an identity before training."""

    def __init__(self, hidden):
        super().__init__()
        self.linear = nn.Linear(hidden, hidden)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x):
        return x + F.silu(self.linear(x))


class Medusa(nn.ModuleList):
    """Medusa (arXiv 2401.10774): head k predicts token i+2+k from feature i alone."""

    model_type = "medusa"

    def __init__(self, heads, hidden):
        super().__init__(nn.Sequential(ResidualBlock(hidden)) for _ in range(heads))

    def config(self, hidden, vocabulary):
        return {
            "model_type": self.model_type,
            "medusa_num_heads": len(self),
            "medusa_num_layers": 1,
            "hidden_size": hidden,
            "vocab_size": vocabulary,
            "shares_lm_head": True,
        }

    def predict(self, feature, drafted):
        """Predicted features [heads, rows, hidden] of feature [rows, hidden]; the drafted tokens are not looked at."""
        return torch.stack([head(feature) for head in self])


class HydraHead(nn.Module):

    def __init__(self, inputs, hidden):
        super().__init__()
        # The published name of the first projection is a keyword of Python.
        self.add_module("in", nn.Linear(inputs * hidden, hidden))
        self.res = ResidualBlock(hidden)
        first = self.get_submodule("in")
        nn.init.zeros_(first.weight)
        nn.init.zeros_(first.bias)

    def forward(self, feature, drafted):
        x = torch.cat([feature.unsqueeze(1), drafted], 1).flatten(1)
        return self.res(self.get_submodule("in")(x)) + feature


class Hydra(nn.ModuleList):
    """Hydra (arXiv 2402.05109): head k also reads the embeddings of tokens i+1 … i+1+k, drafted before its own."""

    model_type = "hydra"

    def __init__(self, heads, hidden):
        super().__init__(HydraHead(k + 2, hidden) for k in range(heads))

    def config(self, hidden, vocabulary):
        return {
            "model_type": self.model_type,
            "hydra_num_heads": len(self),
            "hidden_size": hidden,
            "vocab_size": vocabulary,
            "shares_lm_head": True,
        }

    def predict(self, feature, drafted):
        """
        Predicted features [heads, rows, hidden] of feature [rows, hidden] and drafted [rows, heads, hidden], the
        embeddings of the tokens that follow the feature's own.
        """
        return torch.stack([head(feature, drafted[:, : k + 1]) for k, head in enumerate(self)])
