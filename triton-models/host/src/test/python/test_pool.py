import tempfile
import unittest
from pathlib import Path

import numpy as np
import tiny_bundle
from eagle_host.bundle import Bundle
from eagle_host.memory import HostMemory
from eagle_host.pool import PATIENCE, GrowingKvPool, KvPool

SLOTS = 3


def prepare(pool: KvPool, rows: int) -> bool:
    """All slots hold so many rows, and none of them is new."""
    return pool.prepare(0, np.full(SLOTS, rows), np.full(SLOTS, rows))


class PoolTest(unittest.TestCase):
    def setUp(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            self.graph = Bundle(tiny_bundle.write(Path(folder)), "target").graph
        self.memory = HostMemory()

    def rows_of(self, pool: KvPool, tensor: int, slot: int) -> np.ndarray:
        """float32 [kv_heads, rows, head_dim]"""
        into = np.empty(pool.shape(1)[1:], np.float32)
        self.memory.read(pool.addresses(slot)[tensor], into)
        return into

    def fill(self, pool: KvPool) -> list[list[np.ndarray]]:
        values = np.random.default_rng(7)
        written = []
        for tensor in range(len(pool.past)):
            written.append([values.random(pool.shape(1)[1:], np.float32) for _ in range(SLOTS)])
            for slot in range(SLOTS):
                self.memory.write(pool.addresses(slot)[tensor], written[tensor][slot])
        return written

    def test_names_and_shapes_are_those_of_the_graph(self) -> None:
        pool = KvPool(self.memory, self.graph, SLOTS, 48)
        self.assertEqual(pool.past, ["past_k_0", "past_v_0", "past_k_1", "past_v_1"])
        self.assertEqual(pool.present[3], "present_v_1")
        self.assertEqual(pool.shape(2), (2, 2, 48, 4))
        self.assertEqual(pool.addresses(1), [address + 2 * 48 * 4 * 4 for address in pool.addresses(0)])

    def test_a_layout_that_grows_keeps_every_row_of_use(self) -> None:
        pool = GrowingKvPool(self.memory, self.graph, SLOTS, 1000)
        used = [10, 0, 50]
        self.assertTrue(pool.prepare(0, np.zeros(SLOTS, int), np.array(used)))
        self.assertEqual(pool.rows, 64)
        before = self.fill(pool)
        lengths = [64]
        # Past its capacity the pool moves; within it, it is spread where it lies.
        for needed in (65, 129, 250, 700, 1000):
            self.assertTrue(prepare(pool, needed))
            self.assertGreaterEqual(pool.rows, needed)
            self.assertEqual(pool.rows % 64, 0)
            lengths.append(pool.rows)
            for tensor, slots in enumerate(before):
                for slot, rows in enumerate(slots):
                    found = self.rows_of(pool, tensor, slot)
                    np.testing.assert_array_equal(found[:, : used[slot]], rows[:, : used[slot]])
        self.assertEqual(lengths, [64, 128, 192, 256, 704, 1024])
        self.assertFalse(prepare(pool, 1001))
        with self.assertRaisesRegex(ValueError, "needs 1025 rows of a pool that has 1024"):
            prepare(pool, 1025)

    def test_copies_the_first_rows_of_a_slot_and_nothing_else(self) -> None:
        for pool in (KvPool(self.memory, self.graph, SLOTS, 48), GrowingKvPool(self.memory, self.graph, SLOTS, 48)):
            prepare(pool, 48)
            before = self.fill(pool)
            pool.copy(2, 0, 17)
            for tensor, slots in enumerate(before):
                copied = self.rows_of(pool, tensor, 0)
                np.testing.assert_array_equal(copied[:, :17], slots[2][:, :17])
                np.testing.assert_array_equal(copied[:, 17:], slots[0][:, 17:])
                for slot in (1, 2):
                    np.testing.assert_array_equal(self.rows_of(pool, tensor, slot), slots[slot])

    def test_clearing_forgets_the_slots_and_no_others(self) -> None:
        for pool in (KvPool(self.memory, self.graph, SLOTS, 48), GrowingKvPool(self.memory, self.graph, SLOTS, 48)):
            pool.clear(0, SLOTS)
            prepare(pool, 48)
            before = self.fill(pool)
            pool.clear(1, 1)
            for tensor, slots in enumerate(before):
                self.assertFalse(self.rows_of(pool, tensor, 1).any())
                for slot in (0, 2):
                    np.testing.assert_array_equal(self.rows_of(pool, tensor, slot), slots[slot])

    def test_a_layout_that_nobody_needs_any_more_is_packed_and_keeps_what_the_slots_hold(self) -> None:
        pool = GrowingKvPool(self.memory, self.graph, SLOTS, 2000)
        prepare(pool, 1500)
        before = self.fill(pool)
        for end in (108,) * (PATIENCE - 1) + (1500,) + (108,) * (PATIENCE - 1):
            self.assertFalse(pool.prepare(0, np.array([100]), np.array([end])))
        self.assertTrue(pool.prepare(0, np.array([100]), np.array([108])))
        self.assertEqual(pool.rows, 128)
        pool.copy(1, 2, 1200)
        self.assertFalse(pool.prepare(2, np.array([1200]), np.array([1208])))
        pool.prepare(1, np.array([1490]), np.array([1498]))
        for tensor, slots in enumerate(before):
            np.testing.assert_array_equal(self.rows_of(pool, tensor, 0)[:, :100], slots[0][:, :100])
            np.testing.assert_array_equal(self.rows_of(pool, tensor, 1)[:, :1490], slots[1][:, :1490])
            np.testing.assert_array_equal(self.rows_of(pool, tensor, 2)[:, :1200], slots[1][:, :1200])
        self.assertEqual([pool.held(slot) for slot in range(SLOTS)], [108, 1498, 1208])

    def test_is_short_at_once_for_a_prompt_unless_a_long_sequence_keeps_coming_back(self) -> None:
        pool = GrowingKvPool(self.memory, self.graph, SLOTS, 2000)
        prepare(pool, 1500)
        before = self.fill(pool)
        packed = 0
        for _ in range(10):
            pool.prepare(0, np.array([0]), np.array([2 * PATIENCE]), 2 * PATIENCE)
            packed += pool.rows < 1500
            pool.prepare(1, np.array([1498]), np.array([1500]))
            for tensor, slots in enumerate(before):
                np.testing.assert_array_equal(self.rows_of(pool, tensor, 1)[:, :1498], slots[1][:, :1498])
        self.assertIn(packed, (1, 2, 3))

    def test_what_was_set_aside_is_void_for_who_begins_anew(self) -> None:
        pool = GrowingKvPool(self.memory, self.graph, SLOTS, 2000)
        prepare(pool, 1500)
        for _ in range(PATIENCE):
            pool.prepare(0, np.array([0]), np.array([8]))
        rows = pool.rows
        self.assertFalse(pool.prepare(1, np.array([0]), np.array([8])))
        self.assertEqual((pool.rows, pool.held(1)), (rows, 8))
