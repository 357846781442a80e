"""What the host needs of an engine, and the choice of one."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .bundle import Bundle, BundleError
from .memory import Buffer, Memory
from .pool import KvPool
from .requests import Limits, Step

RUNTIMES = ("onnxruntime-cpu", "onnxruntime-cuda", "onnxruntime-tensorrt", "tensorrt")
_MOST_THREADS = 16


@dataclass(frozen=True)
class Options:
    """How an engine runs; ``threads`` 0 takes the machine's cores, ``slots`` 0 the bundle's."""

    runtime: str = "onnxruntime-cpu"
    slots: int = 0
    threads: int = 0
    spinning: bool = False
    device_id: int = 0

    @property
    def thread_count(self) -> int:
        return self.threads or min(_MOST_THREADS, len(os.sched_getaffinity(0)))


class KeptLogits:
    """The full logits of a client's last step, float32 [B · R, V], where the engine left them. The buffer is reused."""

    def __init__(self, memory: Memory, vocabulary: int) -> None:
        self._memory = memory
        self._row_bytes = vocabulary * 4
        self.vocabulary = vocabulary
        self._buffer: Buffer | None = None

    def room_for(self, rows: int) -> int:
        """The address of a buffer of so many rows."""
        size = rows * self._row_bytes
        if self._buffer is None or self._buffer.size < size:
            self._buffer = None
            self._buffer = self._memory.allocate(size)
        return self._buffer.address

    def rows(self, wanted: np.ndarray) -> np.ndarray:
        """float32 [n, V]: the rows ``wanted`` [n]."""
        logits = np.empty((len(wanted), self.vocabulary), np.float32)
        for i, row in enumerate(wanted):
            self._memory.read(self._buffer.address + int(row) * self._row_bytes, logits[i])
        return logits


class Engine(Protocol):
    """One graph over a pool; one step at a time."""

    runtime: str
    runtime_version: str
    graph_file: str
    memory: Memory
    pool: KvPool

    def step(self, step: Step, logits: KeptLogits | None) -> dict[str, np.ndarray]:
        """Runs a step.

        Returns top_ids int32 [B, R, k], top_logits [B, R, k], features [B, T, h] and a target's log_z [B, R], all float32, in
        new arrays; a target's full logits go to ``logits``.
        """


def new_outputs(step: Step, limits: Limits) -> dict[str, np.ndarray]:
    """Memory for a step's outputs, by their names on the wire."""
    outputs = {"top_ids": np.empty((step.batch, step.outputs, limits.top_k), np.int32),
               "top_logits": np.empty((step.batch, step.outputs, limits.top_k), np.float32),
               "features": np.empty((step.batch, step.rows, limits.feature_size), np.float32)}
    if limits.target:
        outputs["log_z"] = np.empty((step.batch, step.outputs), np.float32)
    return outputs


def graph_output(name: str, limits: Limits) -> str:
    """A wire output's name in the graph."""
    return "features_out" if name == "features" and not limits.target else name


def open_engine(bundle: Bundle, options: Options) -> Engine:
    """Opens the engine of a verified bundle."""
    if options.runtime not in RUNTIMES:
        raise ValueError(f"runtime is {options.runtime}; choose one of {', '.join(RUNTIMES)}")
    if bundle.manifest["update"] != "in-place":
        raise BundleError(f"{bundle.folder} has {bundle.manifest['update']} update; the engine host binds its pool in place and"
                          " needs a bundle built with --update in-place")
    if bundle.manifest["target"] == "tensorrt" and options.runtime == "onnxruntime-cpu":
        raise BundleError(f"{bundle.folder} is made for tensorrt; on a CPU the host needs a bundle built with"
                          " --for onnxruntime")
    limits = Limits.of(bundle, options.slots or bundle.manifest["slots"])
    if options.runtime == "tensorrt":
        from .trt_engine import TensorRtEngine

        return TensorRtEngine(bundle, limits, options)
    from .ort_engine import OnnxRuntimeEngine

    return OnnxRuntimeEngine(bundle, limits, options)
