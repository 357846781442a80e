"""A tiny Llama that drafts for the target by itself: same tokens, its own narrow embedding."""

import torch
from torch import nn
import torch.nn.functional as F

from target import attend, rms_norm, rotary_table, rotate

HIDDEN, HEADS, LAYERS, INTERMEDIATE = 96, 6, 2, 288
ROPE_THETA, NORM_EPSILON, POSITIONS = 10000.0, 1e-5, 8192


class Norm(nn.Module):
    """RMS norm; no layer norm of PyTorch, so that the tensor keeps its published name."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(HIDDEN))

    def forward(self, x):
        return rms_norm(x, self.weight, NORM_EPSILON)


class Attention(nn.Module):

    def __init__(self):
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (linear(HIDDEN, HIDDEN) for _ in range(4))

    def forward(self, x, cosine, sine):
        split = lambda y: y.view(*y.shape[:2], HEADS, -1).transpose(1, 2)
        query, key = (rotate(split(p(x)), cosine, sine) for p in (self.q_proj, self.k_proj))
        return self.o_proj(attend(query, key, split(self.v_proj(x))).transpose(1, 2).reshape(x.shape))


class Mlp(nn.Module):

    def __init__(self):
        super().__init__()
        self.gate_proj, self.up_proj = linear(HIDDEN, INTERMEDIATE), linear(HIDDEN, INTERMEDIATE)
        self.down_proj = linear(INTERMEDIATE, HIDDEN)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class DecoderLayer(nn.Module):

    def __init__(self):
        super().__init__()
        self.input_layernorm, self.post_attention_layernorm = Norm(), Norm()
        self.self_attn, self.mlp = Attention(), Mlp()

    def forward(self, x, cosine, sine):
        x = x + self.self_attn(self.input_layernorm(x), cosine, sine)
        return x + self.mlp(self.post_attention_layernorm(x))


class Decoder(nn.Module):

    def __init__(self, embedding):
        super().__init__()
        self.embed_tokens = nn.Embedding.from_pretrained(embedding, freeze=False)
        self.layers = nn.ModuleList(DecoderLayer() for _ in range(LAYERS))
        self.norm = Norm()

    def forward(self, ids):
        """Final normalised hidden states [batch, tokens, HIDDEN]; logits are their products with the embedding."""
        cosine, sine = rotary_table(ids.shape[1], HIDDEN // HEADS, ROPE_THETA)
        x = self.embed_tokens(ids)
        for layer in self.layers:
            x = layer(x, cosine, sine)
        return self.norm(x)


class DraftLm(nn.Module):
    """The tensor names of the public Llama checkpoints."""

    def __init__(self, embedding):
        super().__init__()
        self.model = Decoder(embedding)

    @staticmethod
    def config(vocabulary):
        return {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "hidden_act": "silu",
            "hidden_size": HIDDEN,
            "intermediate_size": INTERMEDIATE,
            "num_attention_heads": HEADS,
            "num_key_value_heads": HEADS,
            "num_hidden_layers": LAYERS,
            "max_position_embeddings": POSITIONS,
            "rms_norm_eps": NORM_EPSILON,
            "rope_theta": ROPE_THETA,
            "tie_word_embeddings": True,
            "torch_dtype": "float16",
            "vocab_size": vocabulary,
            "bos_token_id": 1,
            "eos_token_id": 2,
        }


def linear(inputs, outputs):
    made = nn.Linear(inputs, outputs, bias=False)
    nn.init.normal_(made.weight, std=0.08)
    return made


def principal_components(embedding, frequency):
    """
    The target's embedding in the HIDDEN directions that carry most of it, tokens weighted by their frequency, scaled to
    the variance that logits of a normalised state need at the start.
    """
    wide = embedding.float()
    weight = (frequency.float() + 1).sqrt()[:, None]
    centred = wide - (wide * weight).sum(0) / weight.sum()
    _, directions = torch.linalg.eigh((centred * weight).T @ (centred * weight))
    narrow = centred @ directions[:, -HIDDEN:]
    return narrow * (0.1 / narrow.std())
