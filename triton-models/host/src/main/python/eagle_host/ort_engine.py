"""An engine over ONNX Runtime, on the CPU or on a GPU."""

from __future__ import annotations

import numpy as np
import onnxruntime

from .bundle import Bundle, Weight
from .engine import KeptLogits, Options, graph_output, new_outputs
from .integer_kernels import signed_is_exact
from .memory import CudaMemory, HostMemory
from .pool import GrowingKvPool, KvPool
from .requests import Limits, Step

_BFLOAT16 = 16
"""ONNX's number of a type that NumPy lacks."""
_POOL_TYPES = {"float32": np.float32, "float16": np.float16, "bfloat16": _BFLOAT16}
_PROVIDERS = {"onnxruntime-cpu": [], "onnxruntime-cuda": ["CUDAExecutionProvider"],
              "onnxruntime-tensorrt": ["TensorrtExecutionProvider", "CUDAExecutionProvider"]}


class OnnxRuntimeEngine:
    """A session whose inputs are the request's memory and whose pool is bound by address: nothing is copied on a CPU."""

    def __init__(self, bundle: Bundle, limits: Limits, options: Options) -> None:
        self.runtime = options.runtime
        self.runtime_version = onnxruntime.__version__
        self._limits = limits
        self._options = options
        on_cpu = options.runtime == "onnxruntime-cpu"
        self.memory = HostMemory() if on_cpu else CudaMemory(options.device_id)
        signed = (not on_cpu or bundle.manifest.get("known_answer") is None
                  or signed_is_exact(bundle.file(bundle.manifest["known_answer"]), self._session_options()))
        self.graph_file = bundle.graph.file if signed else bundle.graph.unsigned_file
        self._session = self._open(bundle, signed)
        self.pool = (GrowingKvPool if on_cpu else KvPool)(self.memory, bundle.graph, limits.slots, limits.pool_rows)
        self._pool_type = _POOL_TYPES[bundle.graph.kv_type]
        self._binding = self._session.io_binding()
        self._bound: tuple[int, int] | None = None
        self._shared = [self._bind_shared(bundle, weight) for weight in bundle.graph.shared]

    def _session_options(self) -> onnxruntime.SessionOptions:
        session = onnxruntime.SessionOptions()
        session.intra_op_num_threads = self._options.thread_count
        session.inter_op_num_threads = 1
        session.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        session.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        session.log_severity_level = 3
        session.add_session_config_entry("session.intra_op.allow_spinning", "1" if self._options.spinning else "0")
        return session

    def _open(self, bundle: Bundle, signed: bool) -> onnxruntime.InferenceSession:
        session = self._session_options()
        if not signed:
            weights = bundle.graph.signed
            flipped = [onnxruntime.OrtValue.ortvalue_from_numpy(flip(bundle.map(weight))) for weight in weights]
            session.add_external_initializers([weight.name for weight in weights], flipped)
        providers = _PROVIDERS[self.runtime]
        missing = [name for name in providers if name not in onnxruntime.get_available_providers()]
        if missing:
            raise RuntimeError(f"this ONNX Runtime {self.runtime_version} has no {missing[0]}; install onnxruntime-gpu in place"
                               " of onnxruntime (requirements-gpu.txt), or serve with runtime onnxruntime-cpu")
        opened = onnxruntime.InferenceSession(
            str(bundle.file(self.graph_file)), session,
            providers=[(name, {"device_id": str(self.memory.device_id)}) for name in providers] + ["CPUExecutionProvider"])
        if providers and opened.get_providers()[0] != providers[0]:
            raise RuntimeError(f"ONNX Runtime could not start its {providers[0]} and fell back to the CPU; the server's log has"
                               " the reason")
        return opened

    def _bind_shared(self, bundle: Bundle, weight: Weight) -> object:
        """Binds a weight that lies in another engine's file, for all steps; what it returns must live as long."""
        mapped = bundle.map(weight)
        address, owner = mapped.ctypes.data, mapped
        if self.memory.device != "cpu":
            owner = self.memory.allocate(mapped.nbytes)
            address = owner.address
            self.memory.write(address, mapped)
        element = _BFLOAT16 if weight.type == "bfloat16" else mapped.dtype.type
        self._binding.bind_input(weight.name, self.memory.device, self.memory.device_id, element, list(weight.shape), address)
        return owner

    def step(self, step: Step, logits: KeptLogits | None) -> dict[str, np.ndarray]:
        if self.pool.prepare(step.first_slot, step.reads, step.ends, step.batch * step.rows):
            self._bound = None
        self._bind_pool(step.first_slot, step.batch)
        binding = self._binding
        for name, tensor in step.inputs.items():
            # Shares the array's memory, at a tenth of the time that binding its address takes.
            binding.bind_cpu_input(name, tensor)
        outputs = new_outputs(step, self._limits)
        for name, tensor in outputs.items():
            binding.bind_ortvalue_output(graph_output(name, self._limits), onnxruntime.OrtValue.ortvalue_from_numpy(tensor))
        if logits is not None:
            binding.bind_output("logits", self.memory.device, self.memory.device_id, np.float32,
                                (step.batch, step.outputs, logits.vocabulary), logits.room_for(step.batch * step.outputs))
        self._session.run_with_iobinding(binding)
        return outputs

    def _bind_pool(self, first_slot: int, batch: int) -> None:
        """Binds a run of slots as input and output; it stays bound until another run is wanted or the layout changes."""
        if self._bound == (first_slot, batch):
            return
        shape = self.pool.shape(batch)
        device, device_id = self.memory.device, self.memory.device_id
        for past, present, address in zip(self.pool.past, self.pool.present, self.pool.addresses(first_slot)):
            self._binding.bind_input(past, device, device_id, self._pool_type, shape, address)
            self._binding.bind_output(present, device, device_id, self._pool_type, shape, address)
        self._bound = (first_slot, batch)


def flip(signed: np.ndarray) -> np.ndarray:
    """int8 weights in unsigned form: + 128, which is the sign bit flipped."""
    return signed.view(np.uint8) ^ np.uint8(0x80)
