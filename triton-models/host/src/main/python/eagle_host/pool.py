"""The KV pool: per layer keys and values, [slots, kv_heads, rows, head_dim], bound in place as a step's input and output."""

from __future__ import annotations

import numpy as np

from .bundle import Graph
from .memory import Buffer, HostMemory, Memory

_ELEMENT_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}
_GRAIN = 64
"""Rows that a growing layout grows by at least; a multiple keeps row sums in whole vector lanes."""
PATIENCE = 16
"""Least steps in succession that a layout with half as many rows again as they wanted is kept for.

A step of many rows counts as so many steps of two.
"""
_MOST_PATIENCE = 16 * PATIENCE


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

    def prepare(self, first_slot: int, reads: np.ndarray, ends: np.ndarray, rows: int = 2) -> bool:
        """Makes room for a step of a run of slots that finds ``reads`` [B] rows there and leaves ``ends`` [B].

        ``rows`` are the step's new ones, of all slots together. True when the layout, and with it every address, changed.
        """
        needed = int(max(reads.max(), ends.max()))
        if needed > self.most_rows:
            raise ValueError(f"a step needs {needed} rows of a pool that has {self.most_rows}")
        return False

    def held(self, slot: int) -> int:
        """Rows that a slot may hold."""
        return self.most_rows

    def clear(self, first_slot: int, slots: int) -> None:
        """Forgets what the slots held, so that no client reads another's rows."""
        for address in self.addresses(first_slot):
            self._memory.clear(address, slots * self.slot_bytes)

    def copy(self, source: int, slot: int, rows: int) -> None:
        """Copies the first rows of a slot to another one, whose others are void; the source has at least so many."""
        pitch = self.rows * self._row_bytes
        for start, end in zip(self.addresses(source), self.addresses(slot)):
            self._memory.copy(start, end, rows * self._row_bytes, pitch, self._graph.kv_heads)


class GrowingKvPool(KvPool):
    """A pool in the process's memory whose layout holds only as many rows as are in use, in steps of 64.

    Attention on a CPU reads every row of the layout; it is spread out when a sequence outgrows it, and packed when steps did not
    need most of it. What other slots hold beyond a packed layout is set aside until a step wants it. The rules are those of
    io.quarkiverse.eagle.onnxruntime.KvPoolBuffers.
    """

    def __init__(self, memory: HostMemory, graph: Graph, slots: int, most_rows: int) -> None:
        self._capacity = 0
        super().__init__(memory, graph, slots, _round_up(most_rows))
        self.rows = 0
        self._heads = graph.kv_heads
        self._roomy_steps = 0
        self._patience = PATIENCE
        self._steps_since_packed = 0
        self._used = [0] * slots
        """By slot, rows that are of use: up to the end of its last window."""
        self._aside: list[list[np.ndarray] | None] = [None] * slots
        """By slot, its rows of every tensor, [kv_heads, used rows · row bytes]; None for what the layout holds."""

    def _allocate(self) -> list[Buffer]:
        size = self._slots * self._graph.kv_heads * self._capacity * self._row_bytes
        return [self._memory.allocate(size) for _ in self.past]

    def prepare(self, first_slot: int, reads: np.ndarray, ends: np.ndarray, rows: int = 2) -> bool:
        super().prepare(first_slot, reads, ends, rows)
        needed = int(max(reads.max(), ends.max()))
        changed = self._ensure_rows(needed)
        self._steps_since_packed += 1
        for b, slot in enumerate(range(first_slot, first_slot + len(reads))):
            if self._aside[slot] is not None:
                self._bring_back(slot, min(int(reads[b]), self._used[slot]))
            self._used[slot] = int(ends[b])
        wanted = _round_up(needed)
        self._roomy_steps = self._roomy_steps + max(1, rows // 2) if wanted + wanted // 2 < self.rows else 0
        if self._roomy_steps >= self._patience:
            self._pack(wanted)
            self._roomy_steps = 0
            self._steps_since_packed = 0
            changed = True
        return changed

    def _bring_back(self, slot: int, rows: int) -> None:
        if rows > 0:
            soon = self._steps_since_packed < PATIENCE
            self._patience = min(_MOST_PATIENCE, 2 * self._patience) if soon else PATIENCE
        self._copy_aside(slot, slot, rows)
        self._aside[slot] = None

    def _ensure_rows(self, needed: int) -> bool:
        if needed <= self.rows:
            return False
        wanted = _round_up(needed)
        # The last head first, for it moves farthest.
        heads = self._held_heads()[::-1]
        if wanted > self._capacity:
            self._capacity = min(self.most_rows, max(wanted, 2 * self._capacity))
            for i, larger in enumerate(self._allocate()):
                self._move(self._buffers[i].bytes, larger.bytes, wanted, heads)
                self._buffers[i] = larger
        else:
            for buffer in self._buffers:
                self._move(buffer.bytes, buffer.bytes, wanted, heads)
        self.rows = wanted
        return True

    def _pack(self, rows: int) -> None:
        """Makes the layout shorter. Slots that hold more are set aside."""
        for slot in range(self._slots):
            if self._used[slot] > rows and self._aside[slot] is None:
                size = self._used[slot] * self._row_bytes
                self._aside[slot] = [self._slot(buffer, slot)[:, :size].copy() for buffer in self._buffers]
        heads = self._held_heads()
        for buffer in self._buffers:
            self._move(buffer.bytes, buffer.bytes, rows, heads)
        self.rows = rows

    def _slot(self, buffer: Buffer, slot: int) -> np.ndarray:
        """A slot of a tensor, uint8 [kv_heads, rows · row bytes]."""
        start = slot * self.slot_bytes
        return buffer.bytes[start:start + self.slot_bytes].reshape(self._heads, -1)

    def _copy_aside(self, source: int, slot: int, rows: int) -> None:
        size = rows * self._row_bytes
        for buffer, kept in zip(self._buffers, self._aside[source]):
            self._slot(buffer, slot)[:, :size] = kept[:, :size]

    def clear(self, first_slot: int, slots: int) -> None:
        super().clear(first_slot, slots)
        for slot in range(first_slot, first_slot + slots):
            self._aside[slot] = None
            self._used[slot] = 0

    def held(self, slot: int) -> int:
        return self._used[slot]

    def copy(self, source: int, slot: int, rows: int) -> None:
        self._ensure_rows(rows)
        self._aside[slot] = None
        self._used[slot] = rows
        if self._aside[source] is None:
            super().copy(source, slot, rows)
        else:
            self._copy_aside(source, slot, rows)

    def _held_heads(self) -> list[tuple[int, int]]:
        """Heads of all slots by number whose rows the layout holds, and the bytes of each that are of use."""
        return [
            (slot * self._heads + head, used * self._row_bytes)
            for slot, used in enumerate(self._used)
            if used and self._aside[slot] is None
            for head in range(self._heads)
        ]

    def _move(self, source: np.ndarray, to: np.ndarray, rows: int, heads: list[tuple[int, int]]) -> None:
        """Copies heads' bytes to where a layout of so many rows wants them."""
        old, new = self.rows * self._row_bytes, rows * self._row_bytes
        for head, size in heads:
            to[head * new:head * new + size] = source[head * old:head * old + size]


def _round_up(rows: int) -> int:
    return (rows + _GRAIN - 1) // _GRAIN * _GRAIN
