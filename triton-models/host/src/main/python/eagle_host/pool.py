"""The KV pool: per layer keys and values, [slots, kv_heads, rows, head_dim], bound in place as a step's input and output."""

from __future__ import annotations

import numpy as np

from .bundle import Graph
from .memory import Buffer, HostMemory, Memory

_ELEMENT_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}
_GRAIN = 64
"""Rows that a growing layout grows by at least; a multiple keeps row sums in whole vector lanes."""


class KvPool:
    """Tensors in one piece of memory each, so that any run of slots can be bound by its address.

    ``rows`` is the layout's length; it is ``most_rows`` here and never changes.
    """

    def __init__(self, memory: Memory, graph: Graph, slots: int, most_rows: int) -> None:
        self._memory = memory
        self._graph = graph
        self._slots = slots
        self._row_bytes = graph.head_dim * _ELEMENT_BYTES[graph.kv_type]
        self.rows = most_rows
        self.most_rows = most_rows
        pairs = [f"{which}_{layer}" for layer in range(graph.layers) for which in ("k", "v")]
        self.past = [f"past_{pair}" for pair in pairs]
        self.present = [f"present_{pair}" for pair in pairs]
        self._buffers = self._allocate()

    def _allocate(self) -> list[Buffer]:
        return [self._memory.allocate(self._slots * self.slot_bytes) for _ in self.past]

    @property
    def slot_bytes(self) -> int:
        """Bytes of one slot in one tensor."""
        return self._graph.kv_heads * self.rows * self._row_bytes

    def shape(self, batch: int) -> tuple[int, int, int, int]:
        """[batch, kv_heads, rows, head_dim] of a run of slots."""
        return batch, self._graph.kv_heads, self.rows, self._graph.head_dim

    def addresses(self, first_slot: int) -> list[int]:
        """Where a run of slots begins in each tensor, in the order of ``past`` and ``present``."""
        return [buffer.address + first_slot * self.slot_bytes for buffer in self._buffers]

    def ensure_rows(self, needed: int) -> bool:
        """Makes room for so many rows per slot; true when the layout, and with it every address, changed."""
        if needed > self.most_rows:
            raise ValueError(f"a step needs {needed} rows of a pool that has {self.most_rows}")
        return False

    def clear(self, first_slot: int, slots: int) -> None:
        """Forgets what the slots held, so that no client reads another's rows."""
        for address in self.addresses(first_slot):
            self._memory.clear(address, slots * self.slot_bytes)

    def copy(self, source: int, slot: int, rows: int) -> None:
        """Copies the first rows of a slot to another one; the layout has at least so many."""
        pitch = self.rows * self._row_bytes
        for start, end in zip(self.addresses(source), self.addresses(slot)):
            self._memory.copy(start, end, rows * self._row_bytes, pitch, self._graph.kv_heads)


class GrowingKvPool(KvPool):
    """A pool in the process's memory whose layout holds only as many rows as are in use, in steps of 64.

    Attention on a CPU reads every row of the layout; it is spread out when a sequence outgrows it. The rule of growth is that
    of io.quarkiverse.eagle.onnxruntime.KvPoolBuffers, so that sums have the same lengths there and here.
    """

    def __init__(self, memory: HostMemory, graph: Graph, slots: int, most_rows: int) -> None:
        self._capacity = 0
        super().__init__(memory, graph, slots, _round_up(most_rows))
        self.rows = 0

    def _allocate(self) -> list[Buffer]:
        size = self._slots * self._graph.kv_heads * self._capacity * self._row_bytes
        return [self._memory.allocate(size) for _ in self.past]

    def ensure_rows(self, needed: int) -> bool:
        super().ensure_rows(needed)
        if needed <= self.rows:
            return False
        wanted = min(self.most_rows, _round_up(needed + needed // 8))
        if wanted > self._capacity:
            self._capacity = min(self.most_rows, max(wanted, 2 * self._capacity))
            for i, larger in enumerate(self._allocate()):
                self._spread(self._buffers[i].bytes, larger.bytes, wanted)
                self._buffers[i] = larger
        else:
            for buffer in self._buffers:
                self._spread(buffer.bytes, buffer.bytes, wanted)
        self.rows = wanted
        return True

    def _spread(self, source: np.ndarray, to: np.ndarray, rows: int) -> None:
        """Copies every head's rows to where a layout of more rows wants them; the last head first, for it moves farthest."""
        old, new = self.rows * self._row_bytes, rows * self._row_bytes
        for head in reversed(range(self._slots * self._graph.kv_heads)):
            to[head * new:head * new + old] = source[head * old:(head + 1) * old]


def _round_up(rows: int) -> int:
    return (rows + _GRAIN - 1) // _GRAIN * _GRAIN
