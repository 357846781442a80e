"""Writes the checkpoints beside this file with the compressed-tensors library (0.20.0, transformers 5.24.0, torch 2.15.0), and what
the library itself makes of them again (expected.safetensors, in float16)."""
import sys
from pathlib import Path

import torch
from compressed_tensors.compressors import ModelCompressor
from compressed_tensors.quantization import QuantizationConfig, apply_quantization_config, preset_name_to_scheme
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

torch.manual_seed(0)
for scheme_name, folder in (("FP8", "compressed-tensors-fp8"), ("W4A16", "compressed-tensors-int4")):
    out = Path(sys.argv[1]) / folder
    model = LlamaForCausalLM(LlamaConfig(
        vocab_size=16, hidden_size=64, intermediate_size=32, num_hidden_layers=1, num_attention_heads=4, num_key_value_heads=2,
        head_dim=16, max_position_embeddings=128, tie_word_embeddings=True, eos_token_id=2, bos_token_id=1)).to(torch.float16)
    for parameter in model.parameters():
        if parameter.dim() == 2:
            torch.nn.init.normal_(parameter, std=parameter.shape[1] ** -0.5)
    scheme = preset_name_to_scheme(scheme_name, ["Linear"])
    if scheme_name == "W4A16":
        scheme.weights.group_size = 32
    apply_quantization_config(model, QuantizationConfig(config_groups={"group_0": scheme}, ignore=["lm_head"]))
    for module in model.modules():
        if hasattr(module, "weight_scale"):
            weight = module.weight.data.float()
            if scheme_name == "FP8":
                module.weight_scale.data.fill_((weight.abs().max() / 448).item())
                module.input_scale.data.fill_(0.0123)
            else:
                largest = weight.view(weight.shape[0], -1, 32).abs().amax(-1)
                module.weight_scale.data.copy_((largest / 7.5).to(module.weight_scale.dtype))
    compressor = ModelCompressor.from_pretrained_model(model)
    compressor.compress_model(model)
    model.save_pretrained(out)
    compressor.update_config(out)
    compressor.decompress_model(model)
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items() if name.endswith("_proj.weight")},
              out / "expected.safetensors")
