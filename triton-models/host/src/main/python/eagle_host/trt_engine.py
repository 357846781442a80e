"""An engine over a TensorRT plan.

A plan updates its caches in place (IKVCacheUpdateLayer): input and output of each must be bound to one address, which is what
Triton's stock tensorrt backend cannot do, and why this host exists. Needs a GPU; kept to the calls that TensorRT documents.
"""

from __future__ import annotations

import numpy as np

from .bundle import Bundle, BundleError
from .engine import KeptLogits, Options, graph_output, new_outputs
from .memory import Buffer, CudaMemory
from .pool import KvPool
from .requests import Limits, Step


class TensorRtEngine:
    """One execution context on one stream; requests are copied to staging buffers on the device, and results back."""

    def __init__(self, bundle: Bundle, limits: Limits, options: Options) -> None:
        import tensorrt

        self.runtime = "tensorrt"
        self.runtime_version = tensorrt.__version__
        self.graph_file = bundle.graph.plan_file
        self._limits = limits
        self.memory = CudaMemory(options.device_id)
        plan = bundle.file(self.graph_file)
        if not plan.is_file():
            raise BundleError(f"{plan} is missing; build the plans with: eagle plan {bundle.folder} --out …, on a GPU and with the"
                              " TensorRT of this server")
        self._logger = tensorrt.Logger(tensorrt.Logger.WARNING)
        self._plan = tensorrt.Runtime(self._logger).deserialize_cuda_engine(plan.read_bytes())
        if self._plan is None:
            raise BundleError(f"TensorRT {self.runtime_version} cannot run {plan}; a plan runs only on the TensorRT version and"
                              " the kind of GPU that built it")
        self._context = self._plan.create_execution_context()
        self._stream = self.memory.call("cudaStreamCreate")
        self.pool = KvPool(self.memory, bundle.graph, limits.slots, limits.pool_rows)
        self._staging: dict[str, Buffer] = {}
        self._nothing = self.memory.allocate(256)

    def step(self, step: Step, logits: KeptLogits | None) -> dict[str, np.ndarray]:
        self.pool.prepare(step.first_slot, step.reads, step.ends, step.batch * step.rows)
        context = self._context
        shape = self.pool.shape(step.batch)
        for past, present, address in zip(self.pool.past, self.pool.present, self.pool.addresses(step.first_slot)):
            context.set_input_shape(past, shape)
            context.set_tensor_address(past, address)
            context.set_tensor_address(present, address)
        for name, tensor in step.inputs.items():
            address = self._stage(name, tensor.nbytes)
            if tensor.nbytes:
                self.memory.write(address, tensor)
            context.set_input_shape(name, tensor.shape)
            context.set_tensor_address(name, address)
        outputs = new_outputs(step, self._limits)
        for name, tensor in outputs.items():
            graph_name = graph_output(name, self._limits)
            context.set_tensor_address(graph_name, self._stage(graph_name, tensor.nbytes))
        if logits is not None:
            context.set_tensor_address("logits", logits.room_for(step.batch * step.outputs))
        if not context.execute_async_v3(int(self._stream)):
            raise RuntimeError("TensorRT refused the step; the server's log has the reason")
        self.memory.call("cudaStreamSynchronize", self._stream)
        for name, tensor in outputs.items():
            self.memory.read(self._staging[graph_output(name, self._limits)].address, tensor)
        return outputs

    def _stage(self, name: str, size: int) -> int:
        """A device buffer of this name that is large enough; an empty tensor needs an address too."""
        if size == 0:
            return self._nothing.address
        if name not in self._staging or self._staging[name].size < size:
            self._staging[name] = self.memory.allocate(size)
        return self._staging[name].address
