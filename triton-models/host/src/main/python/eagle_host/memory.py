"""Where pool and logits lie: this process's memory, or a GPU's."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

_ALIGNMENT = 64


class Buffer(Protocol):
    """Zeroed memory at a fixed address; freed with the object."""

    address: int
    size: int


class Memory(Protocol):
    """A kind of memory. Sizes are bytes."""

    device: str
    """As ONNX Runtime calls it: ``cpu`` or ``cuda``."""
    device_id: int

    def allocate(self, size: int) -> Buffer: ...

    def clear(self, address: int, size: int) -> None: ...

    def copy(self, source: int, to: int, size: int, pitch: int, pieces: int) -> None:
        """Copies pieces of a size, which begin a pitch apart on both sides and do not overlap the others."""

    def read(self, address: int, into: np.ndarray) -> None: ...

    def write(self, address: int, source: np.ndarray) -> None: ...

    def free_bytes(self) -> int: ...


class HostBuffer:
    def __init__(self, size: int) -> None:
        block = np.zeros(size + _ALIGNMENT, np.uint8)
        start = -block.ctypes.data % _ALIGNMENT
        self.bytes = block[start:start + size]
        """uint8 [size]"""
        self.address = self.bytes.ctypes.data
        self.size = size


class HostMemory:
    """This process's own memory."""

    device = "cpu"
    device_id = 0

    def allocate(self, size: int) -> HostBuffer:
        return HostBuffer(size)

    def clear(self, address: int, size: int) -> None:
        _view(address, size)[:] = 0

    def copy(self, source: int, to: int, size: int, pitch: int, pieces: int) -> None:
        for start in range(0, pieces * pitch, pitch):
            _view(to + start, size)[:] = _view(source + start, size)

    def read(self, address: int, into: np.ndarray) -> None:
        into.view(np.uint8).reshape(-1)[:] = _view(address, into.nbytes)

    def write(self, address: int, source: np.ndarray) -> None:
        _view(address, source.nbytes)[:] = source.view(np.uint8).reshape(-1)

    def free_bytes(self) -> int:
        """What the system can give to processes without swapping."""
        with open("/proc/meminfo", encoding="ascii") as meminfo:
            for line in meminfo:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
        return 0


def _view(address: int, size: int) -> np.ndarray:
    import ctypes

    return np.frombuffer((ctypes.c_uint8 * size).from_address(address), np.uint8)


class CudaBuffer:
    def __init__(self, memory: CudaMemory, size: int) -> None:
        self.size = size
        self.address = 0
        self._cuda = memory.cuda
        self.address = int(memory.call("cudaMalloc", size))

    def __del__(self) -> None:
        if self.address:
            self._cuda.cudaFree(self.address)


class CudaMemory:
    """The memory of one GPU, through CUDA's runtime library."""

    device = "cuda"

    def __init__(self, device_id: int) -> None:
        try:
            from cuda.bindings import runtime
        except ImportError as e:
            raise RuntimeError("a GPU's memory is managed through the package cuda-python, which is missing; install"
                               " requirements-gpu.txt") from e
        self.cuda = runtime
        self.device_id = device_id
        self.call("cudaSetDevice", device_id)

    def call(self, function: str, *arguments: Any) -> Any:
        """Calls a function of CUDA's runtime and turns its status into an exception."""
        status, *results = getattr(self.cuda, function)(*arguments)
        if status != self.cuda.cudaError_t.cudaSuccess:
            raise RuntimeError(f"{function} failed with {status.name} on GPU {self.device_id}")
        return results[0] if len(results) == 1 else tuple(results)

    def allocate(self, size: int) -> CudaBuffer:
        buffer = CudaBuffer(self, size)
        self.clear(buffer.address, size)
        return buffer

    def clear(self, address: int, size: int) -> None:
        self.call("cudaMemset", address, 0, size)

    def copy(self, source: int, to: int, size: int, pitch: int, pieces: int) -> None:
        self.call("cudaMemcpy2D", to, pitch, source, pitch, size, pieces, self.cuda.cudaMemcpyKind.cudaMemcpyDeviceToDevice)
        # A copy within the device returns before it is done, and steps may run on streams that do not wait for it.
        self.call("cudaDeviceSynchronize")

    def read(self, address: int, into: np.ndarray) -> None:
        self.call("cudaMemcpy", into.ctypes.data, address, into.nbytes, self.cuda.cudaMemcpyKind.cudaMemcpyDeviceToHost)

    def write(self, address: int, source: np.ndarray) -> None:
        self.call("cudaMemcpy", address, source.ctypes.data, source.nbytes,
                  self.cuda.cudaMemcpyKind.cudaMemcpyHostToDevice)

    def free_bytes(self) -> int:
        return self.call("cudaMemGetInfo")[0]
