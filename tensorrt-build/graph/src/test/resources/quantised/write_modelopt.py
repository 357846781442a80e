"""Writes the checkpoint in modelopt-fp8 with NVIDIA ModelOpt (0.47.0, transformers 5.24.0, torch 2.15.0), and what its numbers and
scales are together (expected.safetensors, in float16)."""
import sys
from pathlib import Path

import modelopt.torch.quantization as mtq
import torch
from modelopt.torch.export import export_hf_checkpoint
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM

torch.manual_seed(0)
out = Path(sys.argv[1]) / "modelopt-fp8"
model = LlamaForCausalLM(LlamaConfig(
    vocab_size=16, hidden_size=64, intermediate_size=32, num_hidden_layers=1, num_attention_heads=4, num_key_value_heads=2,
    head_dim=16, max_position_embeddings=128, tie_word_embeddings=False, architectures=["LlamaForCausalLM"], eos_token_id=2,
    bos_token_id=1)).to(torch.bfloat16)
for parameter in model.parameters():
    if parameter.dim() == 2:
        torch.nn.init.normal_(parameter, std=parameter.shape[1] ** -0.5)


def calibrate(model):
    for _ in range(3):
        model(torch.randint(0, 16, (2, 16)))


model = mtq.quantize(model, mtq.FP8_DEFAULT_CFG, calibrate)
export_hf_checkpoint(model, export_dir=out)
tensors = load_file(out / "model.safetensors")
save_file({name: (tensor.float() * tensors[name + "_scale"]).half() for name, tensor in tensors.items()
           if name.endswith("_proj.weight")}, out / "expected.safetensors")
