"""The target model: weights de-quantised from its GGUF file, and the forward pass that gives its features."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from gguf import GGUFReader, dequantize


@dataclass(frozen=True)
class Shape:
    """Sizes of a Llama-like target."""

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    rope_theta: float
    norm_epsilon: float

    @property
    def head_dim(self):
        return self.hidden // self.heads


def rms_norm(x, gain, epsilon):
    wide = x.float()
    return (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + epsilon)).to(x.dtype) * gain.to(x.dtype)


@torch.compile
def project(x, norm, weight, cosine, sine, heads, kv_heads, epsilon):
    """Rotated queries and keys, and values: [batch, heads or kv_heads, tokens, head_dim]."""
    projected = F.linear(rms_norm(x, norm, epsilon), weight)
    split = projected.view(*x.shape[:2], heads + 2 * kv_heads, -1).transpose(1, 2)
    query, key, value = split.split([heads, kv_heads, kv_heads], 1)
    return rotate(query, cosine, sine), rotate(key, cosine, sine), value


@torch.compile
def finish(x, attended, output, norm, gate_up, down, epsilon):
    """The residual stream after a layer, [batch, tokens, hidden]."""
    x = x + F.linear(attended.transpose(1, 2).reshape(x.shape), output)
    gate, up = F.linear(rms_norm(x, norm, epsilon), gate_up).chunk(2, -1)
    return x + F.linear(F.silu(gate) * up, down)


def rotary_table(positions, head_dim, theta, dtype=torch.float32):
    """Cosines and sines, each [positions, head_dim], the halves repeated."""
    inverse = 1.0 / theta ** (torch.arange(0, head_dim, 2).float() / head_dim)
    angle = torch.arange(positions).float()[:, None] * inverse
    return torch.cat([angle.cos()] * 2, -1).to(dtype), torch.cat([angle.sin()] * 2, -1).to(dtype)


def rotate(x, cosine, sine):
    first, second = x.chunk(2, -1)
    return x * cosine + torch.cat([-second, first], -1) * sine


def attend(query, key, value):
    """Causal grouped-query attention over [batch, heads, tokens, head_dim]."""
    return F.scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=True)


class Layer:
    """One decoder layer with its projections fused, so that two cores see few and large products."""

    def __init__(self, shape, tensors, prefix):
        self.shape = shape
        self.attention_norm = tensors[prefix + "attn_norm.weight"]
        query = unpermuted(tensors[prefix + "attn_q.weight"], shape.heads)
        key = unpermuted(tensors[prefix + "attn_k.weight"], shape.kv_heads)
        self.query_key_value = torch.cat([query, key, tensors[prefix + "attn_v.weight"]])
        self.output = tensors[prefix + "attn_output.weight"]
        self.mlp_norm = tensors[prefix + "ffn_norm.weight"]
        self.gate_up = torch.cat([tensors[prefix + "ffn_gate.weight"], tensors[prefix + "ffn_up.weight"]])
        self.down = tensors[prefix + "ffn_down.weight"]

    def project(self, x, cosine, sine):
        s = self.shape
        return project(
            x, self.attention_norm, self.query_key_value, cosine, sine, s.heads, s.kv_heads, s.norm_epsilon
        )

    def finish(self, x, attended):
        return finish(x, attended, self.output, self.mlp_norm, self.gate_up, self.down, self.shape.norm_epsilon)


def unpermuted(weight, heads):
    """GGUF interleaves the two rotary halves of each head's rows; the published checkpoint keeps them apart."""
    rows, columns = weight.shape
    return weight.view(heads, rows // heads // 2, 2, columns).transpose(1, 2).reshape(rows, columns)


class Target:
    """A Llama-like model with tied embeddings. bfloat16 pays where the processor multiplies it natively."""

    def __init__(self, gguf, dtype=torch.bfloat16):
        reader = GGUFReader(gguf)
        field = lambda name: reader.fields["llama." + name].contents()
        self.shape = Shape(
            layers=field("block_count"),
            hidden=field("embedding_length"),
            heads=field("attention.head_count"),
            kv_heads=field("attention.head_count_kv"),
            rope_theta=field("rope.freq_base"),
            norm_epsilon=field("attention.layer_norm_rms_epsilon"),
        )
        tensors = {
            t.name: torch.from_numpy(dequantize(t.data, t.tensor_type).copy()).to(dtype) for t in reader.tensors
        }
        self.dtype = dtype
        self.embedding = tensors["token_embd.weight"]
        self.norm = tensors["output_norm.weight"]
        self.layers = [Layer(self.shape, tensors, f"blk.{i}.") for i in range(self.shape.layers)]

    @torch.inference_mode()
    def streams(self, ids, layers):
        """
        What enters those layers, and leaves the last one for their number, of ids [batch, tokens]: [batch, tokens, layers,
        hidden]. Padding may only follow.
        """
        cosine, sine = rotary_table(ids.shape[1], self.shape.head_dim, self.shape.rope_theta, self.dtype)
        x, kept = self.embedding[ids], []
        for number, layer in enumerate(self.layers):
            if number in layers:
                kept.append(x)
            x = layer.finish(x, attend(*layer.project(x, cosine, sine)))
        if len(self.layers) in layers:
            kept.append(x)
        return torch.stack(kept, 2)

    def features(self, stream):
        """Final normalised hidden states of the stream behind the last layer."""
        return rms_norm(stream, self.norm, self.shape.norm_epsilon)
