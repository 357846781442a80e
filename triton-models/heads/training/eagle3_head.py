"""An EAGLE-3 draft head (arXiv 2503.01840) in its authors' form, drafting several tokens ahead in one training step."""

import torch
from torch import nn
import torch.nn.functional as F

from target import rotary_table, rotate


def normed(x, gain, epsilon):
    wide = x.float()
    return (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + epsilon) * gain).to(torch.bfloat16)


@torch.compile(dynamic=True)
def fused(streams, spread, fc):
    return F.linear((streams / spread).to(torch.bfloat16).flatten(2), fc)


@torch.compile(dynamic=True)
def project(tokens, features, token_norm, feature_norm, query, key, value, cosine, sine, head_dim, epsilon):
    """Rotated queries and keys, and values, [chats, heads, places, head_dim], of [token; feature]."""
    x = torch.cat([normed(tokens, token_norm, epsilon), normed(features, feature_norm, epsilon)], -1)
    heads = lambda weight: F.linear(x, weight).unflatten(-1, (-1, head_dim)).transpose(1, 2)
    return rotate(heads(query), cosine, sine), rotate(heads(key), cosine, sine), heads(value)


@torch.compile(dynamic=True)
def finish(features, attended, output, norm, gate, up, down, epsilon):
    x = features + F.linear(attended.transpose(1, 2).flatten(2), output)
    inner = normed(x, norm, epsilon)
    return x + F.linear(F.silu(F.linear(inner, gate)) * F.linear(inner, up), down)


@torch.compile(dynamic=True)
def attend(query, key, value, own_keys, own_values, seen):
    """
    query [chats, heads, anchors, head_dim]; key, value [chats, kv_heads, places, head_dim]; own: places of each anchor's own
    chain, [chats, kv_heads, drafted, anchors, head_dim]; seen [anchors, places]. Heads share keys in groups.
    """
    chats, heads, anchors, head_dim = query.shape
    kv_heads, places = key.shape[1], key.shape[2]
    shared = query.view(chats, kv_heads, heads // kv_heads, anchors, head_dim)
    scores = (shared.flatten(2, 3) @ key.transpose(2, 3)).view(*shared.shape[:4], places).float() * head_dim**-0.5 + seen
    own = (shared[:, :, :, None] * own_keys[:, :, None]).float().sum(-1) * head_dim**-0.5
    shares = torch.softmax(torch.cat([scores, own.transpose(3, 4)], -1), -1).to(torch.bfloat16)
    attended = (shares[..., :places].flatten(2, 3) @ value).view(shared.shape)
    drafted = shares[..., places:].transpose(3, 4)[..., None] * own_values[:, :, None]
    return (attended + drafted.sum(3)).reshape(query.shape)


@torch.compile(dynamic=True)
def logits(outputs, norm, lm_head, epsilon):
    return F.linear(normed(outputs, norm, epsilon), lm_head)


class Eagle3(nn.Module):
    """
    One decoder layer whose attention reads the next token's embedding beside a feature. Features of the target are three of
    its streams, whitened while training (`spread`, folded into `fc` on writing); features of drafted tokens are outputs.
    """

    STREAMS = 3

    def __init__(self, shape, intermediate, spread, lm_head, norm):
        super().__init__()
        hidden, self.shape = shape.hidden, shape
        self.register_buffer("spread", spread)
        projection = lambda inputs, outputs, scale=0.02: nn.Parameter(torch.randn(outputs, inputs) * scale)
        keys = shape.kv_heads * shape.head_dim
        self.fc = projection(self.STREAMS * hidden, hidden, 0.01)
        self.query, self.key, self.value = (projection(2 * hidden, outputs) for outputs in (hidden, keys, keys))
        self.output = projection(hidden, hidden, 0.002)
        self.token_norm, self.feature_norm, self.mlp_norm = (nn.Parameter(torch.ones(hidden)) for _ in range(3))
        self.gate, self.up = (projection(hidden, intermediate) for _ in range(2))
        self.down = projection(intermediate, hidden, 0.002)
        self.norm = nn.Parameter(norm.float().clone())
        self.lm_head = nn.Parameter(lm_head.float().clone())

    def project(self, tokens, features, cosine, sine):
        weights = (self.token_norm, self.feature_norm, self.query, self.key, self.value)
        return project(tokens, features, *weights, cosine, sine, self.shape.head_dim, self.shape.norm_epsilon)

    def finish(self, features, attended):
        weights = (self.output, self.mlp_norm, self.gate, self.up, self.down)
        return finish(features, attended, *weights, self.shape.norm_epsilon)

    def logits(self, outputs):
        return logits(outputs, self.norm, self.lm_head, self.shape.norm_epsilon)

    def draft(self, tokens, streams, anchors, steps):
        """
        tokens: [chats, places, hidden], the embedding of the token after each feature. Yields outputs [chats, places, hidden]
        of the first step, then of each further step those of [chats, anchors, hidden]: step j's row of anchor a is place
        a + j, whose feature is the output of the step before, and which sees the target's features up to a alone.
        """
        s, places = self.shape, tokens.shape[1]
        cosine, sine = rotary_table(places, s.head_dim, s.rope_theta, torch.bfloat16)
        features = fused(streams, self.spread, self.fc)
        query, key, value = self.project(tokens, features, cosine, sine)
        attended = F.scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=True)
        outputs = self.finish(features, attended)
        yield outputs
        if steps == 1:
            return
        seen = torch.zeros(len(anchors), places).masked_fill_(torch.arange(places) > anchors[:, None], -torch.inf)
        own_keys, own_values, features = [], [], outputs[:, anchors]
        for step in range(1, steps):
            at = anchors + step
            query, own_key, own_value = self.project(tokens[:, at], features, cosine[at], sine[at])
            own_keys.append(own_key)
            own_values.append(own_value)
            own = torch.stack(own_keys, 2), torch.stack(own_values, 2)
            features = self.finish(features, attend(query, key, value, *own, seen))
            yield features

    def by_name(self):
        """The parameters by the authors' names; `fc` is whitened here and not in their form."""
        layer = "midlayer."
        return {
            "fc.weight": self.fc,
            layer + "input_layernorm.weight": self.token_norm,
            layer + "hidden_norm.weight": self.feature_norm,
            layer + "self_attn.q_proj.weight": self.query,
            layer + "self_attn.k_proj.weight": self.key,
            layer + "self_attn.v_proj.weight": self.value,
            layer + "self_attn.o_proj.weight": self.output,
            layer + "post_attention_layernorm.weight": self.mlp_norm,
            layer + "mlp.gate_proj.weight": self.gate,
            layer + "mlp.up_proj.weight": self.up,
            layer + "mlp.down_proj.weight": self.down,
            "norm.weight": self.norm,
            "lm_head.weight": self.lm_head,
        }

    def tensors(self, words, vocabulary):
        """words: the target's ids of the draft's, ascending."""
        offered = torch.zeros(vocabulary, dtype=torch.bool)
        offered[words] = True
        whitened = {"fc.weight": self.fc / self.spread.flatten()}
        return {**self.by_name(), **whitened, "d2t": words - torch.arange(len(words)), "t2d": offered}

    @torch.no_grad()
    def load(self, tensors):
        """The opposite of `tensors`. Returns the words that the head drafts."""
        for name, parameter in self.by_name().items():
            parameter.copy_(tensors[name].float())
        self.fc.mul_(self.spread.flatten())
        return tensors["d2t"] + torch.arange(len(tensors["d2t"]))

    def config(self, layers, vocabulary):
        s = self.shape
        return {
            "architectures": ["LlamaForCausalLMEagle3"],
            "model_type": "llama",
            "hidden_act": "silu",
            "hidden_size": s.hidden,
            "intermediate_size": len(self.gate),
            "num_attention_heads": s.heads,
            "num_key_value_heads": s.kv_heads,
            "num_hidden_layers": 1,
            "max_position_embeddings": 8192,
            "rms_norm_eps": s.norm_epsilon,
            "rope_theta": s.rope_theta,
            "tie_word_embeddings": False,
            "torch_dtype": "float16",
            "vocab_size": vocabulary,
            "draft_vocab_size": len(self.lm_head),
            "bos_token_id": 1,
            "eos_token_id": 2,
            # Counted by the layer that puts a stream out.
            "eagle_config": {"eagle_aux_hidden_state_layer_ids": [layer - 1 for layer in layers]},
        }
