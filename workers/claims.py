"""What a worker claims next: fair between channels, and without walking over what has been claimed before."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from database import queue
from database.pool import DATABASE_ERRORS, Conn
from database.types import Lease, WorkerId

# Index entries of claimed threads stay in front of the scan until vacuum may remove them, which an old snapshot
# anywhere in the database prevents. So scans begin where the last one found work. A publisher that commits late
# ends up behind that point: it is found within SLACK, else by the next full scan.
SLACK = timedelta(seconds=0.25)
FULL_SCAN_SECONDS = 2.0
IDLE_FULL_SCAN_SECONDS = 0.1


@dataclass(slots=True)
class _Lane:
    """What is known of one channel. It is hungry when the last claim left more behind than it took."""

    channel: str
    in_flight: int = 0
    is_hungry: bool = True
    floor: datetime = queue.NO_FLOOR


class Claims:
    """The claims of one worker.

    A channel with a backlog gets an equal share of the free slots beside others that have one too, and what these
    do not need; a channel without comes first with the little it has. So a flood on one never delays another.

    A suspect thread, which may be what its workers died of, is taken only while no other suspect is in flight: so a
    poisoned message does not drag along, attempt by attempt, the threads that happened to be claimed beside it.
    """

    def __init__(
        self,
        worker_id: WorkerId,
        *,
        channels: Iterable[str],
        lease_seconds: float,
        max_messages: int = queue.MAX_MESSAGES_PER_TURN,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._worker_id = worker_id
        self._lease_seconds = lease_seconds
        self._max_messages = max_messages
        self._monotonic = monotonic
        self._lanes = {channel: _Lane(channel) for channel in channels}
        self._suspects_in_flight = 0
        self._last_full_scan = float("-inf")
        self._is_idle = True

    async def claim(self, conn: Conn, free: int) -> list[Lease]:
        """Lease at most `free` threads. What an error on the way leaves leased is returned, not stranded."""
        leases: list[Lease] = []
        while len(leases) < free:
            wanted = free - len(leases)
            is_full_scan = self._is_full_scan_due()
            shares = self._share_out(wanted, is_full_scan=is_full_scan)
            try:
                claimed = await queue.claim(
                    conn,
                    self._worker_id,
                    shares=shares,
                    max_threads=wanted,
                    max_suspects=int(is_full_scan and not self._suspects_in_flight),
                    lease_seconds=self._lease_seconds,
                    max_messages=self._max_messages,
                )
            except DATABASE_ERRORS:
                if leases:
                    break
                raise
            leases += claimed
            # Slots that one hungry channel left unused go to the others at once.
            if not self._note(shares, claimed, wanted) or not claimed:
                break
        self._is_idle = len(leases) < free
        return leases

    def settled(self, lease: Lease) -> None:
        """The turn of this lease has ended, in whatever way."""
        self._lanes[lease.channel].in_flight -= 1
        self._suspects_in_flight -= lease.is_suspect

    def _share_out(self, free: int, *, is_full_scan: bool) -> list[queue.Share]:
        lanes = sorted(self._lanes.values(), key=lambda lane: (lane.is_hungry, lane.in_flight))
        hungry = sum(lane.is_hungry for lane in lanes)
        return [
            queue.Share(
                lane.channel,
                -(-free // hungry) if lane.is_hungry else free,
                queue.NO_FLOOR if is_full_scan else lane.floor,
            )
            for lane in lanes
        ]

    def _is_full_scan_due(self) -> bool:
        now = self._monotonic()
        if now - self._last_full_scan < (IDLE_FULL_SCAN_SECONDS if self._is_idle else FULL_SCAN_SECONDS):
            return False
        self._last_full_scan = now
        return True

    def _note(self, shares: list[queue.Share], claimed: list[Lease], free: int) -> bool:
        """Remember what the claim has shown. Whether a channel may have more than it was allowed to give."""
        for lease in claimed:
            self._lanes[lease.channel].in_flight += 1
            self._suspects_in_flight += lease.is_suspect
            free -= lease.is_suspect
        has_more = False
        for share in shares:
            lane = self._lanes[share.channel]
            mine = [lease for lease in claimed if lease.channel == share.channel and not lease.is_suspect]
            asked = min(share.threads, free)
            free -= len(mine)
            if asked:
                lane.is_hungry = len(mine) == asked
                has_more |= lane.is_hungry
            if mine:
                lane.floor = min(lease.ready_since for lease in mine) - SLACK
        return has_more and free > 0
