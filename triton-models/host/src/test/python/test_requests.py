import unittest

import numpy as np
from eagle_host.errors import HostError
from eagle_host.leases import Lease
from eagle_host.requests import Limits, Step, read_logits_rows, read_step

TARGET = Limits(target=True, slots=4, max_length=32, max_rows=8, top_k=5, vocabulary=50, tokens=100, feature_size=3)
DRAFT = Limits(target=False, slots=4, max_length=32, max_rows=8, top_k=5, vocabulary=20, tokens=100, feature_size=3)
POOL_ROWS = 32 + 2 * 8
LEASE = Lease("me", 1, 2, 0.0)


def target_step(batch: int = 2, rows: int = 3, keep: int = 0, outputs: int = 1) -> dict[str, np.ndarray]:
    inputs = {"input_ids": np.zeros((batch, rows), np.int64), "position_ids": np.zeros((batch, rows), np.int64),
              "window_start": np.zeros(batch, np.int64), "window_mask": np.ones((batch, rows, keep + rows), np.bool_),
              "output_rows": np.zeros((batch, outputs), np.int64)}
    if keep:
        inputs["keep_rows"] = np.zeros((batch, keep), np.int64)
    return inputs


def draft_step(batch: int = 2, rows: int = 3, window: int = 5) -> dict[str, np.ndarray]:
    return {**target_step(batch, rows), "window_mask": np.ones((batch, rows, window), np.bool_),
            "features": np.zeros((batch, rows, 3), np.float32), "write_offset": np.full(batch, window - rows, np.int64)}


class RequestsTest(unittest.TestCase):
    def read(self, inputs: dict[str, np.ndarray], limits: Limits = TARGET, first_slot: int = 1) -> Step:
        return read_step(inputs, first_slot, limits, LEASE)

    def assert_refused(self, sentence: str, inputs: dict[str, np.ndarray], limits: Limits = TARGET,
                       first_slot: int = 1) -> None:
        with self.assertRaisesRegex(HostError, f"EAGLE_INVALID: .*{sentence}"):
            self.read(inputs, limits, first_slot)

    def test_reads_a_targets_step(self) -> None:
        inputs = target_step(keep=2)
        inputs["window_start"][1] = 20
        step = self.read(inputs)
        self.assertEqual((step.first_slot, step.batch, step.rows, step.outputs, step.rows_in_use), (1, 2, 3, 1, 25))
        self.assertEqual(list(step.inputs), ["input_ids", "position_ids", "window_start", "window_mask", "output_rows",
                                             "keep_rows"])
        self.assertIs(step.inputs["input_ids"], inputs["input_ids"])

    def test_a_target_that_keeps_nothing_gets_an_empty_tensor(self) -> None:
        self.assertEqual(self.read(target_step()).inputs["keep_rows"].shape, (2, 0))

    def test_kept_rows_count_as_in_use(self) -> None:
        inputs = target_step(keep=1)
        inputs["keep_rows"][0] = 40
        self.assertEqual(self.read(inputs).rows_in_use, 41)

    def test_reads_a_drafts_step(self) -> None:
        step = self.read(draft_step(), DRAFT)
        self.assertEqual(step.rows_in_use, 5)
        self.assertNotIn("keep_rows", step.inputs)

    def test_positions_may_reach_past_the_greatest_length_as_deep_levels_of_a_draft_do(self) -> None:
        inputs = draft_step()
        inputs["position_ids"][:] = POOL_ROWS - 1
        self.read(inputs, DRAFT)
        inputs["position_ids"][0, 0] = POOL_ROWS
        self.assert_refused("position_ids has the value 48", inputs, DRAFT)

    def test_refuses_slots_outside_of_the_lease(self) -> None:
        for first_slot, batch in ((0, 1), (2, 2), (1, 3), (3, 1), (-1, 2)):
            with self.subTest(first_slot=first_slot, batch=batch):
                self.assert_refused("not within the lease of slots 1 to 2", target_step(batch), first_slot=first_slot)

    def test_refuses_sizes_that_do_not_fit(self) -> None:
        self.assert_refused("a step takes 1 to 8", target_step(rows=9))
        self.assert_refused("a step takes 1 to 8", target_step(rows=0))
        self.assert_refused("add a padding row", target_step(1, 1))
        self.assert_refused("4 output rows per sequence of 3 rows", target_step(outputs=4))
        self.assert_refused("0 output rows", target_step(outputs=0))

    def test_refuses_values_out_of_range(self) -> None:
        for name, value in (("input_ids", 100), ("input_ids", -1), ("position_ids", -1), ("position_ids", POOL_ROWS),
                            ("window_start", -1), ("window_start", POOL_ROWS), ("output_rows", 3), ("output_rows", -1),
                            ("keep_rows", -1), ("keep_rows", POOL_ROWS)):
            inputs = target_step(keep=1)
            inputs[name].flat[-1] = value
            with self.subTest(name=name, value=value):
                self.assert_refused(f"{name} has the value {value}", inputs)

    def test_refuses_a_window_that_ends_outside_of_the_pool(self) -> None:
        inputs = target_step()
        inputs["window_start"][0] = POOL_ROWS - 3
        self.read(inputs)
        inputs["window_start"][0] = POOL_ROWS - 2
        self.assert_refused("ends outside of the pool's 48 rows", inputs)

    def test_refuses_a_window_of_the_wrong_width(self) -> None:
        wide = target_step()
        wide["window_mask"] = np.ones((2, 3, 4), np.bool_)
        self.assert_refused("0 rows to keep and 3 new ones want 3", wide)
        moved = draft_step()
        moved["write_offset"][1] = 1
        self.assert_refused("wants 2", moved, DRAFT)
        self.assert_refused("write_offset", draft_step(window=2), DRAFT)

    def test_refuses_missing_mistyped_and_misshapen_tensors(self) -> None:
        for limits, step in ((TARGET, target_step), (DRAFT, draft_step)):
            for name in step():
                without = step()
                del without[name]
                with self.subTest(name=name, missing=True):
                    self.assert_refused(f"brings no {name}", without, limits)
                mistyped = step()
                mistyped[name] = mistyped[name].astype(np.int16)
                with self.subTest(name=name, mistyped=True):
                    self.assert_refused(f"{name} has type int16", mistyped, limits)
                longer = step()
                longer[name] = np.repeat(longer[name], 2, axis=0)
                with self.subTest(name=name, longer=True), self.assertRaisesRegex(HostError, "EAGLE_INVALID"):
                    self.read(longer, limits)
                flat = step()
                flat[name] = flat[name].reshape(-1, 1, 1, 1)
                with self.subTest(name=name, flat=True), self.assertRaisesRegex(HostError, "EAGLE_INVALID"):
                    self.read(flat, limits)

    def test_refuses_kept_rows_of_another_batch(self) -> None:
        inputs = target_step(keep=1)
        inputs["keep_rows"] = np.zeros((3, 1), np.int64)
        self.assert_refused(r"a batch of 2 wants \[2, A\]", inputs)

    def test_logits_rows_become_flat_row_numbers(self) -> None:
        pairs = np.array([[1, 2], [0, 0]], np.int64)
        self.assertEqual(read_logits_rows({"logits_rows": pairs}, 2, 3).tolist(), [5, 0])
        for wrong in ([[2, 0]], [[0, 3]], [[-1, 0]], [[0, -1]]):
            with self.subTest(wrong), self.assertRaisesRegex(HostError, "EAGLE_INVALID"):
                read_logits_rows({"logits_rows": np.array(wrong, np.int64)}, 2, 3)
        for inputs in ({}, {"logits_rows": pairs[0]}, {"logits_rows": pairs[:0]}, {"logits_rows": pairs.astype(np.int32)}):
            with self.assertRaisesRegex(HostError, "EAGLE_INVALID"):
                read_logits_rows(inputs, 2, 3)
