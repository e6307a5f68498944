"""Sends in doubt: the vendor is asked what it has, and nothing is sent again before it has said that it has nothing."""

from collections.abc import Awaitable, Callable

from channels.base import Channels, Receipt, SignInNeeded, VendorAway
from core.logging import bind_log_context, get_logger
from core.tracing import Tracing, find_span
from database import outbox, undelivered
from database.outbox import Doubtful
from database.patience import DatabaseAway
from database.pool import Conn, DbPool
from workers.delivery import record_receipt, record_result
from workers.observing import trace_delivery

_log = get_logger(__name__)

# A vendor may show a message later than it accepts it; twice absent, with a pause between, is absent.
ABSENCES = 2
MAX_SENDS = 4  # of a reply whose vendor answers nothing clear and then does not have it
# A quarter of an hour in all: later replies to the same customer wait for the answer.
MAX_CHECKS = 5


class Reconciliation:
    """Settles replies in doubt: sent, sent again, or left to a person when the vendor cannot say."""

    def __init__(
        self,
        pool: DbPool,
        channels: Channels,
        *,
        check_seconds: float,
        on_sent: Callable[[str], None],
        on_requeued: Callable[[], None],
        tracing: Tracing | None = None,
    ) -> None:
        self._pool = pool
        self._channels = channels
        self._check_seconds = check_seconds
        self._on_sent = on_sent
        self._on_requeued = on_requeued
        self._tracing = tracing or Tracing()

    async def settle(self, doubtful: Doubtful) -> None:
        """Ask the vendor about one reply, and write what it says."""
        reply = doubtful.reply
        ids = {"reply_id": str(reply.id), "conversation_id": str(reply.conversation_id)}
        with bind_log_context(**ids), trace_delivery(self._tracing, "reconcile", reply):
            try:
                await self._settle(doubtful)
            except outbox.DeliveryLeaseLost:
                _log.info("the vendor has reported meanwhile")
            except DatabaseAway as error:
                _log.warning("the database is away, the vendor will be asked again", error=str(error))
            except Exception as error:  # noqa: BLE001  # its lease ends, and the pump must go on
                find_span().fail(type(error).__name__)
                _log.exception("a doubtful send could not be settled; it will be asked about again")

    async def _settle(self, doubtful: Doubtful) -> None:
        reply = doubtful.reply
        reconciler = self._channels[reply.channel].reconciler
        if reconciler is None:
            return
        if doubtful.checks > MAX_CHECKS + ABSENCES:
            # Only workers that die over the question leave it as often as this.
            await self._ask_later(doubtful, "its workers died while they asked the vendor")
            return
        try:
            receipt = await reconciler.find(reply)
        except (VendorAway, SignInNeeded) as error:
            await self._ask_later(doubtful, str(error))
            return
        except Exception as error:  # noqa: BLE001  # asked for ever, it would hold up the conversation for ever
            _log.exception("a vendor could not be asked about a doubtful send")
            await self._ask_later(doubtful, f"the reconciler broke ({type(error).__name__})")
            return
        if receipt is not None:
            await self._accept(doubtful, receipt)
        elif doubtful.absences + 1 >= ABSENCES:
            await self._send_again(doubtful)
        else:
            pause = self._pause(doubtful)
            await self._record(lambda conn: outbox.ask_again(conn, reply, is_absent=True, delay_seconds=pause))

    async def _accept(self, doubtful: Doubtful, receipt: Receipt) -> None:
        await self._record(lambda conn: record_receipt(conn, doubtful.reply, receipt))
        _log.info("a send in doubt had arrived", checks=doubtful.checks)
        self._on_sent(doubtful.reply.thread_contact)
        self._on_requeued()

    async def _send_again(self, doubtful: Doubtful) -> None:
        if doubtful.reply.attempt >= MAX_SENDS:
            reason = f"the vendor did not have it after {doubtful.reply.attempt} attempts, and did not say why"
            await self._record(lambda conn: undelivered.fail(conn, doubtful.reply, reason))
            _log.error("reply not delivered, a person must look", state="failed", reason=reason)
            self._on_requeued()
            return

        async def send_again(conn: Conn) -> None:
            if await outbox.send_again(conn, doubtful.reply.id, lease=doubtful.reply) is None:
                raise outbox.DeliveryLeaseLost

        await self._record(send_again)
        _log.warning("the vendor does not have it, it is sent again", checks=doubtful.checks)
        self._on_requeued()

    async def _ask_later(self, doubtful: Doubtful, reason: str) -> None:
        reply = doubtful.reply
        if doubtful.checks >= MAX_CHECKS:
            text = f"{reason}; it may or may not have been sent"
            await self._record(lambda conn: undelivered.leave_in_doubt(conn, reply, text))
            _log.error("nobody can say whether a reply was sent, a person must look", reason=reason)
            self._on_requeued()
            return
        pause = self._pause(doubtful)
        await self._record(lambda conn: outbox.ask_again(conn, reply, is_absent=False, delay_seconds=pause))

    def _pause(self, doubtful: Doubtful) -> float:
        return float(self._check_seconds * 2**doubtful.checks)

    async def _record(self, result: Callable[[Conn], Awaitable[object]]) -> None:
        await record_result(self._pool, result)
