"""The tensors of a step, checked before the pool is touched."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .bundle import Bundle
from .errors import invalid
from .leases import Lease

MIN_ROWS = 2
"""With fewer rows another matrix kernel runs, whose sums differ in the last bit."""

_TYPES = {"input_ids": np.int64, "position_ids": np.int64, "window_start": np.int64, "window_mask": np.bool_,
          "output_rows": np.int64, "keep_rows": np.int64, "features": np.float32, "write_offset": np.int64,
          "children": np.int64, "level_sizes": np.int64, "level_start": np.int64}
_COMMON = ("input_ids", "position_ids", "window_start", "window_mask", "output_rows")
TARGET_INPUTS = (*_COMMON, "keep_rows")
DRAFT_INPUTS = (*_COMMON, "features", "write_offset")


@dataclass(frozen=True)
class Limits:
    """The sizes of an engine (io.quarkiverse.eagle.engine.EngineShape); ``tokens`` bounds the ids of a row."""

    target: bool
    slots: int
    max_length: int
    max_rows: int
    top_k: int
    vocabulary: int
    tokens: int
    feature_size: int

    @staticmethod
    def of(bundle: Bundle, slots: int) -> Limits:
        graph = bundle.graph
        return Limits(bundle.role == "target", slots, bundle.manifest["max_length"], graph.max_rows, graph.top_k,
                      graph.vocabulary, bundle.tokens, graph.feature_size)

    @property
    def pool_rows(self) -> int:
        """Rows of a slot, and of the rotary table."""
        return self.max_length + 2 * self.max_rows


@dataclass(frozen=True)
class Step:
    """A checked step: B sequences of T new rows, A rows to keep, W window columns, R output rows."""

    first_slot: int
    batch: int
    rows: int
    outputs: int
    rows_in_use: int
    """Rows of the longest slot that the step reads or writes."""
    inputs: dict[str, np.ndarray]
    """By graph input; contiguous, the caller's memory."""

    @property
    def reads(self) -> np.ndarray:
        """int64 [B]: leading rows of each slot that the step wants to find there."""
        starts, keep_rows = self.inputs["window_start"], self.inputs.get("keep_rows")
        return starts if keep_rows is None or keep_rows.shape[1] == 0 else np.maximum(starts, keep_rows.max(axis=1) + 1)

    @property
    def ends(self) -> np.ndarray:
        """int64 [B]: rows of each slot that are of use after the step."""
        return self.inputs["window_start"] + self.inputs["window_mask"].shape[2]


def read_step(inputs: dict[str, np.ndarray], first_slot: int, limits: Limits, lease: Lease) -> Step:
    """Checks a step.

    ``inputs`` are the request's tensors by name: input_ids, position_ids [B, T], window_start [B], window_mask [B, T, W],
    output_rows [B, R]; a target's keep_rows [B, A] (none when A is 0); a draft's features [B, T, h] and write_offset [B].
    """
    names = TARGET_INPUTS if limits.target else DRAFT_INPUTS
    given = {name: typed(name, inputs) for name in names if name != "keep_rows"}
    batch, rows = _rank(given, "input_ids", 2)
    _shape(given, "position_ids", (batch, rows))
    _shape(given, "window_start", (batch,))
    _, _, window = _rank(given, "window_mask", 3)
    _shape(given, "window_mask", (batch, rows, window))
    _, outputs = _rank(given, "output_rows", 2)
    _shape(given, "output_rows", (batch, outputs))
    if batch < 1 or first_slot < lease.first_slot or first_slot + batch > lease.first_slot + lease.slots:
        raise invalid(f"slots {first_slot} to {first_slot + batch - 1} are not within the lease of slots"
                      f" {lease.first_slot} to {lease.first_slot + lease.slots - 1}")
    if not 1 <= rows <= limits.max_rows:
        raise invalid(f"{rows} rows per sequence; a step takes 1 to {limits.max_rows}")
    if batch * rows < MIN_ROWS:
        raise invalid(f"a step of {batch * rows} row; add a padding row, for a step runs at least {MIN_ROWS}")
    if not 1 <= outputs <= rows:
        raise invalid(f"{outputs} output rows per sequence of {rows} rows")

    longest = _inside(given, "window_start", limits.pool_rows)
    rows_in_use = longest + window
    if rows_in_use > limits.pool_rows:
        raise invalid(f"a window of {window} columns from row {longest} ends outside of the pool's {limits.pool_rows} rows")
    _inside(given, "input_ids", limits.tokens)
    _inside(given, "position_ids", limits.pool_rows)
    _inside(given, "output_rows", rows)
    if limits.target:
        keep_rows = _keep_rows(inputs, batch)
        keep = keep_rows.shape[1]
        if window != keep + rows:
            raise invalid(f"window_mask has {window} columns; {keep} rows to keep and {rows} new ones want {keep + rows}")
        given["keep_rows"] = keep_rows
        if keep:
            rows_in_use = max(rows_in_use, _inside(given, "keep_rows", limits.pool_rows) + 1)
    else:
        _shape(given, "features", (batch, rows, limits.feature_size))
        _shape(given, "write_offset", (batch,))
        if window < rows or (given["write_offset"] != window - rows).any():
            raise invalid(f"write_offset is {given['write_offset'].tolist()}; a window of {window} columns and {rows} rows"
                          f" wants {window - rows}")
    return Step(first_slot, batch, rows, outputs, rows_in_use, given)


def typed(name: str, inputs: dict[str, np.ndarray]) -> np.ndarray:
    """The tensor of this name, of the type that it must have, contiguous."""
    tensor = inputs.get(name)
    if tensor is None:
        raise invalid(f"the request brings no {name}")
    if tensor.dtype != _TYPES[name]:
        raise invalid(f"{name} has type {tensor.dtype}; it must be {np.dtype(_TYPES[name])}")
    return np.ascontiguousarray(tensor)


def _keep_rows(inputs: dict[str, np.ndarray], batch: int) -> np.ndarray:
    if inputs.get("keep_rows") is None:
        return np.empty((batch, 0), np.int64)
    keep_rows = typed("keep_rows", inputs)
    if keep_rows.ndim != 2 or keep_rows.shape[0] != batch:
        raise invalid(f"keep_rows has shape {list(keep_rows.shape)}; a batch of {batch} wants [{batch}, A]")
    return keep_rows


def _rank(given: dict[str, np.ndarray], name: str, rank: int) -> tuple[int, ...]:
    shape = given[name].shape
    if len(shape) != rank:
        raise invalid(f"{name} has shape {list(shape)}; it must have {rank} dimensions")
    return shape


def _shape(given: dict[str, np.ndarray], name: str, shape: tuple[int, ...]) -> None:
    if given[name].shape != shape:
        raise invalid(f"{name} has shape {list(given[name].shape)}; it must have {list(shape)}")


def _inside(given: dict[str, np.ndarray], name: str, end: int) -> int:
    """The greatest value, when all lie in [0, end)."""
    least, greatest = int(given[name].min()), int(given[name].max())
    if least < 0 or greatest >= end:
        raise invalid(f"{name} has the value {least if least < 0 else greatest}; all must lie in 0 to {end - 1}")
    return greatest


def read_logits_rows(inputs: dict[str, np.ndarray], batch: int, outputs: int) -> np.ndarray:
    """``logits_rows`` [n, 2]: sequence and output row of a step that had ``batch`` sequences of ``outputs`` rows.

    Returns the flat row numbers [n] in the step's logits.
    """
    pairs = inputs.get("logits_rows")
    if pairs is None or pairs.dtype != np.int64 or pairs.ndim != 2 or pairs.shape[1] != 2 or pairs.shape[0] < 1:
        raise invalid("logits_rows must be int64 [n, 2]: sequence and output row of the client's last step")
    if pairs.min() < 0 or pairs[:, 0].max() >= batch or pairs[:, 1].max() >= outputs:
        raise invalid(f"logits_rows names rows outside of the last step's {batch} sequences of {outputs} output rows")
    return pairs[:, 0] * outputs + pairs[:, 1]
