"""Drafts all levels of a tree in one request: an extension, then a step per level, as a client would ask for them one by one.

The nodes to expand are chosen as EAGLE-2 does it (arXiv 2406.16858, section 4.1): the candidates of highest value of a level,
where a node's value is the sum of the log-probabilities along its path. Which of all candidates are verified is the client's
choice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .errors import invalid
from .requests import MIN_ROWS, Limits, Step, typed

MOST_LEVELS = 32


@dataclass(frozen=True)
class TreeRequest:
    """A checked request of B sequences and L levels."""

    extension: Step
    children: np.ndarray
    """[B]: candidates per node; 0 for a sequence that drafts nothing."""
    level_sizes: np.ndarray
    """[B, L]: nodes of each level to expand."""
    level_start: np.ndarray
    """[B]: the row after the extension's, where the levels' window begins and their positions count from."""
    level_rows: list[int]
    """[L]: rows per sequence of each level's step, without padding."""


def read_tree(inputs: dict[str, np.ndarray], extension: Step, limits: Limits) -> TreeRequest:
    """Checks what a tree's request brings beside its extension, which is checked already.

    ``children`` [B], ``level_sizes`` [B, L] and ``level_start`` [B].
    """
    batch = extension.batch
    children, sizes, start = (typed(name, inputs) for name in ("children", "level_sizes", "level_start"))
    if extension.outputs != 1:
        raise invalid(f"the extension has {extension.outputs} output rows per sequence; a tree has one root")
    if children.shape != (batch,) or start.shape != (batch,) or sizes.ndim != 2 or sizes.shape[0] != batch:
        raise invalid(f"children, level_start and level_sizes have the shapes {list(children.shape)}, {list(start.shape)} and"
                      f" {list(sizes.shape)}; a batch of {batch} wants [{batch}], [{batch}] and [{batch}, L]")
    if not 1 <= sizes.shape[1] <= MOST_LEVELS:
        raise invalid(f"{sizes.shape[1]} levels; a tree's request has 1 to {MOST_LEVELS}")
    if children.min() < 0 or children.max() > limits.top_k:
        raise invalid(f"children has a value outside of 0 to {limits.top_k}, the best tokens that a row returns")
    candidates = children[:, None]
    for level in range(sizes.shape[1]):
        wanted = sizes[:, level:level + 1]
        if wanted.min() < 0 or (wanted > candidates).any():
            raise invalid(f"level_sizes expands {wanted[:, 0].tolist()} nodes of level {level + 1}, which has"
                          f" {candidates[:, 0].tolist()}")
        candidates = wanted * children[:, None]
    level_rows = [int(rows) for rows in sizes.max(axis=0)]
    if min(level_rows) < 1 or max(level_rows) > limits.max_rows:
        raise invalid(f"the levels' steps have {level_rows} rows per sequence; a step takes 1 to {limits.max_rows}")
    # A lone row gets a padding row at its side.
    end = int(start.max()) + sum(level_rows) + MIN_ROWS
    if start.min() < 0 or end > limits.pool_rows:
        raise invalid(f"the levels end at row {end}, outside of the pool's {limits.pool_rows} rows")
    return TreeRequest(extension, children, sizes, start, level_rows)


def draft_tree(request: TreeRequest, limits: Limits, step: Callable[[Step], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Runs the extension and every level with ``step``.

    Returns top_ids int32 and top_logits float32 [B, 1 + rows of all levels, k]: the root's row, then the levels' in order; and
    expanded int32 [B, rows of all levels]: the number of the candidate that a row expanded, -1 for padding. A sequence's
    candidates are numbered as they come: the root's children, then those of each expanded row.
    """
    batch, rows = request.extension.batch, sum(request.level_rows)
    answer = {"top_ids": np.empty((batch, 1 + rows, limits.top_k), np.int32),
              "top_logits": np.empty((batch, 1 + rows, limits.top_k), np.float32),
              "expanded": np.full((batch, rows), -1, np.int32)}
    outputs = step(request.extension)
    answer["top_ids"][:, :1], answer["top_logits"][:, :1] = outputs["top_ids"], outputs["top_logits"]
    roots = request.extension.inputs["output_rows"][:, 0]
    growing = [_Sequence(request, b, limits, int(roots[b])) for b in range(batch)]
    offset = 0
    for level, level_rows in enumerate(request.level_rows):
        inputs = _padding(request, offset, level_rows, limits)
        for sequence in growing:
            sequence.fill(inputs, level, offset, outputs, answer)
        padded = inputs["input_ids"].shape[1]
        outputs = step(Step(request.extension.first_slot, batch, padded, padded,
                            int(request.level_start.max()) + offset + padded, inputs))
        part = slice(1 + offset, 1 + offset + level_rows)
        answer["top_ids"][:, part] = outputs["top_ids"][:, :level_rows]
        answer["top_logits"][:, part] = outputs["top_logits"][:, :level_rows]
        offset += level_rows
    return answer


def _padding(request: TreeRequest, offset: int, rows: int, limits: Limits) -> dict[str, np.ndarray]:
    """The inputs of a level's step that appends ``rows`` to the ``offset`` before, all of them padding yet."""
    batch = request.extension.batch
    padded = MIN_ROWS if batch * rows < MIN_ROWS else rows
    mask = np.zeros((batch, padded, offset + padded), np.bool_)
    own = np.arange(padded)
    mask[:, own, offset + own] = True
    return {"input_ids": np.zeros((batch, padded), np.int64), "position_ids": np.zeros((batch, padded), np.int64),
            "window_start": request.level_start, "window_mask": mask,
            "output_rows": np.tile(np.arange(padded, dtype=np.int64), (batch, 1)),
            "features": np.zeros((batch, padded, limits.feature_size), np.float32),
            "write_offset": np.full(batch, offset, np.int64)}


class _Sequence:
    """The tree of one sequence while it grows: what is known of the level drafted last."""

    def __init__(self, request: TreeRequest, b: int, limits: Limits, root: int) -> None:
        self._b = b
        self._children = int(request.children[b])
        self._sizes = request.level_sizes[b].tolist()
        self._position = int(request.level_start[b])
        self._first_candidate = 0
        # The rows whose outputs the last level's candidates are, and their values.
        self._rows = np.array([root])
        self._values = np.zeros(1, np.float32)
        self._seen = np.zeros((1, 0), np.bool_)

    def fill(self, inputs: dict[str, np.ndarray], level: int, offset: int, before: dict[str, np.ndarray],
             answer: dict[str, np.ndarray]) -> None:
        """Writes the rows that expand the best candidates, which are in ``before``, the outputs of the step before."""
        size, b, children = self._sizes[level], self._b, self._children
        if size == 0:
            return
        outputs = slice(0, len(self._values))
        ids = before["top_ids"][b, outputs, :children]
        # float32 sums, so that ties are ties here too.
        values = self._values[:, None] + np.minimum(before["top_logits"][b, outputs, :children], np.float32(0))
        best = np.argsort(-values, axis=None, kind="stable")[:size]
        parents = best // children
        rows = slice(0, size)
        inputs["input_ids"][b, rows] = ids.reshape(-1)[best]
        inputs["position_ids"][b, rows] = self._position + level
        inputs["features"][b, rows] = before["features"][b, self._rows[parents]]
        mask = inputs["window_mask"][b]
        mask[rows, :self._seen.shape[1]] |= self._seen[parents]
        answer["expanded"][b, offset:offset + size] = self._first_candidate + best
        self._first_candidate += values.size
        self._rows = np.arange(size)
        self._values = values.reshape(-1)[best]
        self._seen = mask[rows]
