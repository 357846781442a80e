"""Who may use which slots of the pool, and until when."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Callable

from .errors import Code, HostError, invalid


@dataclass
class Lease:
    """A run of slots that belongs to one client; ``expires`` is a time of the clock that granted it.

    ``kept`` is what the host keeps for the client, and goes with the lease.
    """

    client: str
    first_slot: int
    slots: int
    expires: float
    kept: Any = None


class Leases:
    """The leases of a pool. An expired lease stays its client's until somebody else needs the slots.

    One thread takes and releases; others may ask how many are free.
    """

    def __init__(self, slots: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.slots = slots
        self.seconds = seconds
        self._clock = clock
        self._by_client: dict[str, Lease] = {}

    def take(self, client: str, slots: int) -> Lease:
        """Grants the lowest contiguous run of free slots, or renews the client's own lease of as many."""
        if slots < 1:
            raise invalid(f"a lease of {slots} slots was asked for; ask for at least 1")
        held = self._by_client.get(client)
        if held is not None:
            if held.slots != slots:
                raise invalid(f"the client holds {held.slots} slots and asks for {slots}; release them first")
            return self._renew(held)
        keeping = sorted(self._by_client.values(), key=lambda lease: lease.expires)
        now = self._clock()
        while True:
            first = self._first_fit(keeping, slots)
            if first is not None:
                break
            if not keeping or keeping[0].expires > now:
                raise HostError(Code.NO_SLOTS, f"{slots} slots in a row were asked for; {self.free_slots()} of {self.slots}"
                                               " are free; wait, ask for fewer, or serve the bundle with more slots")
            keeping = keeping[1:]
        self._by_client = {lease.client: lease for lease in keeping}
        lease = Lease(client, first, slots, now + self.seconds)
        self._by_client[client] = lease
        return lease

    def of(self, client: str) -> Lease:
        """The client's lease, renewed."""
        lease = self._by_client.get(client)
        if lease is None:
            raise HostError(Code.LEASE_LOST, "the client holds no slots, or their lease expired and others needed them;"
                                             " lease again and replay")
        return self._renew(lease)

    def release(self, client: str) -> None:
        """Gives the client's slots back; a client that holds none has nothing to give."""
        self._by_client.pop(client, None)

    def free_slots(self) -> int:
        """Slots that somebody could have now: those of no lease, and of expired ones."""
        now = self._clock()
        return self.slots - sum(lease.slots for lease in list(self._by_client.values()) if lease.expires > now)

    def active(self) -> int:
        """Leases that have not expired."""
        now = self._clock()
        return sum(lease.expires > now for lease in list(self._by_client.values()))

    def _renew(self, lease: Lease) -> Lease:
        lease.expires = self._clock() + self.seconds
        return lease

    def _first_fit(self, leases: list[Lease], slots: int) -> int | None:
        first = 0
        for lease in sorted(leases, key=lambda lease: lease.first_slot):
            if lease.first_slot - first >= slots:
                break
            first = lease.first_slot + lease.slots
        return first if first + slots <= self.slots else None
