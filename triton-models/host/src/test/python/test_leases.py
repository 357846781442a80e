import unittest

from eagle_host.errors import Code, HostError
from eagle_host.leases import Leases


class LeasesTest(unittest.TestCase):
    def setUp(self) -> None:
        self.now = 0.0
        self.leases = Leases(8, 60, lambda: self.now)

    def take(self, client: str, slots: int) -> int:
        return self.leases.take(client, slots).first_slot

    def refused(self, code: Code):
        return self.assertRaisesRegex(HostError, code.value)

    def test_gives_the_lowest_free_run(self) -> None:
        self.assertEqual([self.take("a", 2), self.take("b", 3), self.take("c", 1)], [0, 2, 5])
        self.leases.release("b")
        self.assertEqual([self.take("d", 2), self.take("e", 1)], [2, 4])

    def test_a_run_is_never_broken_in_two(self) -> None:
        for client in "abcd":
            self.take(client, 2)
        self.leases.release("a")
        self.leases.release("c")
        self.assertEqual(self.leases.free_slots(), 4)
        with self.refused(Code.NO_SLOTS):
            self.take("e", 3)

    def test_asking_again_renews_and_asking_for_another_count_is_wrong(self) -> None:
        lease = self.leases.take("a", 2)
        self.now = 50
        self.assertIs(self.leases.take("a", 2), lease)
        self.assertEqual(lease.expires, 110)
        with self.refused(Code.INVALID):
            self.take("a", 3)
        with self.refused(Code.INVALID):
            self.take("b", 0)

    def test_every_use_renews(self) -> None:
        self.take("a", 8)
        for self.now in range(0, 600, 50):
            self.leases.of("a")
        with self.refused(Code.NO_SLOTS):
            self.take("b", 1)

    def test_an_expired_lease_goes_when_others_need_its_slots(self) -> None:
        self.take("old", 4)
        self.now = 30
        self.take("young", 4)
        self.now = 61
        self.assertEqual((self.leases.free_slots(), self.leases.active()), (4, 1))
        self.assertEqual(self.take("new", 4), 0)
        with self.refused(Code.LEASE_LOST):
            self.leases.of("old")
        self.assertEqual(self.leases.of("young").first_slot, 4)

    def test_an_expired_lease_that_nobody_needs_lives_on(self) -> None:
        self.take("a", 4)
        self.now = 1000
        self.assertEqual(self.take("b", 4), 4)
        self.assertEqual(self.leases.of("a").first_slot, 0)
        self.assertEqual(self.leases.free_slots(), 0)

    def test_leases_are_not_dropped_for_a_request_that_does_not_fit_anyway(self) -> None:
        self.take("a", 2)
        self.now = 30
        self.take("b", 1)
        self.now = 70
        with self.refused(Code.NO_SLOTS):
            self.take("c", 7)
        self.assertEqual(self.leases.of("a").first_slot, 0)

    def test_what_is_kept_for_a_client_goes_with_its_lease(self) -> None:
        self.leases.take("a", 1).kept = "rows"
        self.leases.release("a")
        self.leases.release("a")
        self.assertIsNone(self.leases.take("a", 1).kept)
