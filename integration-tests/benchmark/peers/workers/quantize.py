"""Writes a GGUF file as Q8_0. Arguments: the file, where to write."""

import ctypes
import os
import sys

import llama_cpp

source, target = sys.argv[1], sys.argv[2]
parameters = llama_cpp.llama_model_quantize_default_params()
parameters.ftype = llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0
parameters.allow_requantize = True
parameters.nthread = 1
part = target + ".part"
failed = llama_cpp.llama_model_quantize(source.encode(), part.encode(), ctypes.byref(parameters))
if failed:
    sys.exit(f"llama.cpp cannot write {source} as Q8_0: error {failed}")
os.replace(part, target)
