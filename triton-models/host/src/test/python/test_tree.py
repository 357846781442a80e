import unittest
from typing import Any

import numpy as np
from eagle_host.errors import HostError
from eagle_host.leases import Lease
from eagle_host.requests import MIN_ROWS, Step, read_step
from eagle_host.tree import draft_tree, read_tree
from test_host import HostCase
from test_requests import DRAFT, draft_step

FIRST_SLOT = 1


def extension(batch: int) -> dict[str, np.ndarray]:
    """Two rows per sequence; the root is the second of an even sequence, the first of an odd one."""
    inputs = draft_step(batch, 2, 2)
    inputs["output_rows"][:, 0] = [1 - b % 2 for b in range(batch)]
    inputs["window_start"][:] = [3 + b for b in range(batch)]
    return inputs


def tree(children: list[int], sizes: list[list[int]]) -> dict[str, np.ndarray]:
    batch = len(children)
    inputs = extension(batch)
    inputs["children"] = np.array(children, np.int64)
    inputs["level_sizes"] = np.array(sizes, np.int64).reshape(batch, -1)
    inputs["level_start"] = inputs["window_start"] + 1 + inputs["output_rows"][:, 0]
    return inputs


class HashingDraft:
    """Its outputs depend on a row's token, position, feature and whatever the row sees, and on nothing else."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.columns: dict[int, list[bytes]] = {}

    def __call__(self, step: Step) -> dict[str, np.ndarray]:
        self.steps.append(step)
        assert step.batch * step.rows >= MIN_ROWS
        shape = (step.batch, step.rows)
        ids, scores = np.zeros((*shape, DRAFT.top_k), np.int32), np.zeros((*shape, DRAFT.top_k), np.float32)
        features = np.zeros((*shape, 3), np.float32)
        for b in range(step.batch):
            # A window begins anew behind the extension.
            columns = [] if len(self.steps) == 1 else self.columns[b]
            at = int(step.inputs["write_offset"][b])
            columns[at:] = [self._row(step, b, t) for t in range(step.rows)]
            self.columns[b] = columns
            for t in range(step.rows):
                seen = [columns[w] for w in np.flatnonzero(step.inputs["window_mask"][b, t])]
                ids[b, t], scores[b, t], features[b, t] = self.outputs(sorted(seen))
        rows = step.inputs["output_rows"]
        pick = np.arange(step.batch)[:, None]
        return {"top_ids": ids[pick, rows], "top_logits": scores[pick, rows], "features": features}

    @staticmethod
    def _row(step: Step, b: int, t: int) -> bytes:
        inputs = step.inputs
        return HashingDraft.row(inputs["input_ids"][b, t], inputs["position_ids"][b, t], inputs["features"][b, t])

    @staticmethod
    def row(token: int, position: int, feature: np.ndarray) -> bytes:
        return int(position).to_bytes(4, "big") + int(token).to_bytes(4, "big") + feature.astype(np.float32).tobytes()

    @staticmethod
    def outputs(seen: list[bytes]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        random = np.random.default_rng(list(b"".join(seen)))
        # Few different values, so that there are ties.
        scores = -np.sort(random.integers(1, 6, DRAFT.top_k)).astype(np.float32) / 8
        return random.permutation(DRAFT.tokens)[:DRAFT.top_k].astype(np.int32), scores, random.random(3, np.float32)


class ByHand:
    """The tree of one sequence, node by node as section 4.1 tells it."""

    def __init__(self, root_row: tuple[np.ndarray, np.ndarray, np.ndarray], children: int, start: int) -> None:
        self.children, self.start = children, start
        self.candidates: list[dict[str, Any]] = []
        self.level = self.add(root_row, None)

    def add(self, row: tuple[np.ndarray, np.ndarray, np.ndarray], parent: dict[str, Any] | None) -> list[dict[str, Any]]:
        ids, scores, feature = row
        born = []
        for i in range(self.children):
            value = scores[i] if parent is None else np.float32(parent["value"] + scores[i])
            born.append({"number": len(self.candidates), "token": ids[i], "value": value, "feature": feature,
                         "path": [] if parent is None else parent["path"] + [parent["row"]]})
            self.candidates.append(born[-1])
        return born

    def expand(self, size: int, depth: int) -> list[int]:
        best = sorted(self.level, key=lambda node: (-node["value"], node["number"]))[:size]
        self.level = []
        for node in best:
            node["row"] = HashingDraft.row(node["token"], self.start + depth, node["feature"])
            self.level += self.add(HashingDraft.outputs(sorted([*node["path"], node["row"]])), node)
        return [node["number"] for node in best]


class TreeTest(unittest.TestCase):
    def draft(self, inputs: dict[str, np.ndarray], draft: HashingDraft) -> dict[str, np.ndarray]:
        lease = Lease("me", FIRST_SLOT, 3, 0.0)
        return draft_tree(read_tree(inputs, read_step(inputs, FIRST_SLOT, DRAFT, lease), DRAFT), DRAFT, draft)

    def test_grows_the_tree_that_one_would_grow_by_hand(self) -> None:
        for children, sizes in (([5], [[5, 5, 5, 5]]), ([1], [[1, 1, 1]]), ([3], [[2, 4, 6]]), ([2, 5], [[2, 3, 0], [1, 1, 1]]),
                                ([4, 0, 3], [[4, 2], [0, 0], [3, 8]])):
            with self.subTest(children=children, sizes=sizes):
                inputs, draft = tree(children, sizes), HashingDraft()
                answer = self.draft(inputs, draft)
                first = HashingDraft()(read_step(extension(len(children)), FIRST_SLOT, DRAFT, Lease("me", FIRST_SLOT, 3, 0.0)))
                for b, of_b in enumerate(sizes):
                    if children[b]:
                        root = int(inputs["output_rows"][b, 0])
                        self.assert_by_hand(b, of_b, answer, np.array(sizes).max(axis=0),
                                            ByHand((first["top_ids"][b, 0], first["top_logits"][b, 0],
                                                    first["features"][b, root]), children[b], int(inputs["level_start"][b])))
                    else:
                        self.assertTrue((answer["expanded"][b] == -1).all())

    def assert_by_hand(self, b: int, sizes: list[int], answer: dict[str, np.ndarray], level_rows: np.ndarray,
                       hand: ByHand) -> None:
        row = 0
        np.testing.assert_array_equal(answer["top_ids"][b, 0, :hand.children],
                                      [node["token"] for node in hand.candidates])
        for level, size in enumerate(sizes):
            before = len(hand.candidates)
            part = answer["expanded"][b, row:row + level_rows[level]].tolist()
            self.assertEqual(part, hand.expand(size, level) + [-1] * (level_rows[level] - size))
            ids = answer["top_ids"][b, 1 + row:1 + row + size, :hand.children]
            self.assertEqual(ids.reshape(-1).tolist(), [node["token"] for node in hand.candidates[before:]])
            row += int(level_rows[level])

    def test_runs_one_step_per_level_in_the_leases_slots(self) -> None:
        draft = HashingDraft()
        self.draft(tree([5, 5], [[3, 2], [5, 1]]), draft)
        self.assertEqual([(step.first_slot, step.batch, step.rows, step.rows_in_use) for step in draft.steps],
                         [(1, 2, 2, 6), (1, 2, 5, 10), (1, 2, 2, 12)])

    def test_a_lone_row_gets_a_padding_row(self) -> None:
        draft = HashingDraft()
        self.draft(tree([1], [[1, 1]]), draft)
        self.assertEqual([step.rows for step in draft.steps], [2, 2, 2])
        self.assertEqual(draft.steps[2].inputs["window_mask"][0].tolist(), [[True, True, False], [False, False, True]])

    def test_refuses_what_is_no_tree(self) -> None:
        for sentence, changes in (("brings no children", {"children": None}),
                                  ("level_sizes has type float32", {"level_sizes": np.ones((1, 1), np.float32)}),
                                  (r"wants \[1\]", {"children": np.ones(2, np.int64)}),
                                  ("0 levels", {"level_sizes": np.ones((1, 0), np.int64)}),
                                  ("33 levels", {"level_sizes": np.ones((1, 33), np.int64)}),
                                  ("outside of 0 to 5", {"children": np.full(1, 6, np.int64)}),
                                  (r"expands \[4\] nodes of level 1, which has \[3\]", {"level_sizes": np.full((1, 2), 4)}),
                                  ("expands", {"level_sizes": np.array([[1, -1]])}),
                                  (r"steps have \[1, 0\] rows", {"level_sizes": np.array([[1, 0]])}),
                                  (r"steps have \[3, 9\] rows", {"level_sizes": np.array([[3, 9]])}),
                                  ("outside of the pool's 48 rows", {"level_start": np.full(1, 44, np.int64)}),
                                  ("outside of the pool's 48 rows", {"level_start": np.full(1, -1, np.int64)}),
                                  ("2 output rows", {"output_rows": np.zeros((1, 2), np.int64)})):
            inputs = {**tree([3], [[1, 2]]), **changes}
            draft = HashingDraft()
            with self.subTest(sentence), self.assertRaisesRegex(HostError, f"EAGLE_INVALID: .*{sentence}"):
                self.draft({name: value for name, value in inputs.items() if value is not None}, draft)
            self.assertEqual(draft.steps, [])


class HostTreeTest(HostCase):
    def test_a_draft_answers_with_every_candidate_and_counts_its_steps(self) -> None:
        self.host, self.engine = self.open("draft")
        self.info(operation="lease", client="me", slots=2)
        outputs = self.ask(tree([5, 2], [[5, 3], [2, 0]]), operation="tree", client="me", epoch=self.host.epoch, first_slot=0)
        self.assertEqual({name: value.shape for name, value in outputs.items()},
                         {"top_ids": (2, 9, 5), "top_logits": (2, 9, 5), "expanded": (2, 8)})
        manifest = self.info(operation="manifest")
        self.assertEqual((manifest["steps"], manifest["rows"]), (3, 2 * (2 + 5 + 3)))

    def test_a_target_drafts_nothing(self) -> None:
        self.info(operation="lease", client="me", slots=2)
        with self.refused("EAGLE_INVALID: a target drafts no trees"):
            self.ask(tree([5], [[5]]), operation="tree", client="me", epoch=self.host.epoch, first_slot=0)
