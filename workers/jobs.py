"""What staff ask of a worker beside the turns: read a file, try a question out, send a test message."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from uuid import UUID

from agent.decision.answerability import estimate_answerability
from agent.knowledge.apart import read_apart
from agent.knowledge.documents import Document, DocumentError
from agent.knowledge.embedder import Embedders
from agent.knowledge.ingest import Ingested, store_document
from agent.knowledge.search import MAX_PASSAGES, KnowledgeSearch
from channels.base import Channels, DeliveryFailed, DeliveryUncertain, SignInNeeded
from channels.registry import find_sender
from core.background import run_in_background
from core.logging import RareLog, get_logger
from database.notify import DONE_CHANNEL
from database.patience import READ_SECONDS, run_patiently
from database.pool import DATABASE_ERRORS, Conn, DbPool
from database.queries import jobs, knowledge
from database.queries.jobs import JobLost
from database.queries.knowledge import Shelf
from database.types import Audience, ConversationId, MessageId, OutboundMessage, Passage
from database.types.jobs import (
    FoundPassage,
    Job,
    JobId,
    JobKind,
    SearchAnswer,
    SearchRequest,
    TrialMessage,
    TrialReceipt,
    UploadAnswer,
    UploadRequest,
)
from workers.pump import Pump

_log = get_logger(__name__)

LEASE_SECONDS = 30.0
_DRAIN_SECONDS = 1.0
_EXCERPT_CHARACTERS = 600
# Files one by one, as embedding takes all of a model; questions beside them, since somebody waits.
_CONCURRENCY: dict[JobKind, int] = {"upload": 1, "search": 4, "test_message": 1}
# A test message is sent once: nobody knows how far a worker came that died of it.
MAX_ATTEMPTS: dict[JobKind, int] = {"upload": 3, "search": 2, "test_message": 1}
_GIVEN_UP: dict[JobKind, str] = {
    "upload": "the workers that read it died or were stopped, three times",
    "search": "the workers that searched died or were stopped",
    "test_message": "the worker died while it was sending; perhaps it was sent",
}


class JobKeeper:
    """Takes jobs of every kind, a few at a time, as long as `run` does."""

    def __init__(
        self,
        pool: DbPool,
        embedders: Embedders,
        search: KnowledgeSearch,
        channels: Channels,
        *,
        confidence_threshold: float,
        notify: Callable[[str, str], None],
        poll_seconds: float,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._pool = pool
        self._embedders = embedders
        self._search = search
        self._channels = channels
        self._confidence_threshold = confidence_threshold
        self._notify = notify
        self._lease_seconds = lease_seconds
        self._outage_log = RareLog(_log)
        self._do: dict[JobKind, Callable[[Job], Awaitable[None]]] = {
            "upload": self._load,
            "search": self._try_out,
            "test_message": self._send_test,
        }
        self.pumps = {
            kind: Pump[Job](
                kind,
                claim=partial(self._claim, kind),
                handle=self.handle,
                concurrency=concurrency,
                poll_seconds=poll_seconds,
                outage_log=self._outage_log,  # one line for all of them
            )
            for kind, concurrency in _CONCURRENCY.items()
        }

    def wake(self, _payload: str = "") -> None:
        """A job waits."""
        for pump in self.pumps.values():
            pump.wake()

    async def run(self) -> None:
        """Until cancelled; what is under way then is taken over by another worker when its lease ends."""
        try:
            await asyncio.gather(*(pump.run() for pump in self.pumps.values()))
        finally:
            for pump in self.pumps.values():
                pump.stop()
            await asyncio.gather(*(pump.drain(_DRAIN_SECONDS) for pump in self.pumps.values()))

    async def handle(self, job: Job) -> None:
        """Do a job and settle it. One that could not be settled is taken again when its lease ends."""
        try:
            async with run_in_background(self._hold(job)):
                await self._do[job.kind](job)
        except JobLost:
            _log.warning("a job was taken over by another worker", job_id=str(job.id), kind=job.kind)
        except DATABASE_ERRORS as error:
            self._outage_log.warning("a job waits for the database", kind=job.kind, error=type(error).__name__)
        except Exception as error:  # noqa: BLE001  # it is tried again, and given up in the end; the pump must go on
            _log.error("a job broke", job_id=str(job.id), kind=job.kind, error=type(error).__name__)

    async def _claim(self, kind: JobKind, free: int) -> Sequence[Job]:
        attempts = MAX_ATTEMPTS[kind]
        async with self._pool.acquire() as conn:
            for given_up in await jobs.give_up(conn, kind, _GIVEN_UP[kind], max_attempts=attempts):
                self._announce(given_up)
            return await jobs.claim(conn, kind, max_jobs=free, max_attempts=attempts, lease_seconds=self._lease_seconds)

    async def _hold(self, job: Job) -> None:
        """Renew the lease while the job is done. Whoever has lost it is stopped by the next thing it writes."""
        while True:
            await asyncio.sleep(self._lease_seconds / 3)
            try:
                async with self._pool.acquire() as conn:
                    await jobs.renew(conn, job, lease_seconds=self._lease_seconds)
            except JobLost:
                return
            except DATABASE_ERRORS as error:
                self._outage_log.warning("a lease could not be renewed", kind=job.kind, error=type(error).__name__)

    async def _load(self, job: Job) -> None:
        request = UploadRequest.model_validate_json(job.request)
        try:
            document = _apply(request, await read_apart(request.path, job.content or b""))
        except DocumentError as error:
            await self._fail(job, str(error))
            return

        async def tell(embedded: int, total: int) -> None:
            async with self._pool.acquire() as conn:
                await jobs.note_progress(conn, job, embedded=embedded, total=total)
            self._announce(job.id)

        async def settle(conn: Conn, article_id: UUID, stored: Ingested) -> None:
            answer = UploadAnswer(
                article_id=article_id,
                passages=stored.passages,
                is_unchanged=stored.is_unchanged,
                is_draft=stored.is_draft,
            )
            await jobs.finish(conn, job, answer)

        await store_document(self._pool, self._embedders, request.source, document, tell=tell, settle=settle)
        self._announce(job.id)
        async with self._pool.acquire() as conn:
            await knowledge.refresh_statistics(conn)

    async def _try_out(self, job: Job) -> None:
        request = SearchRequest.model_validate_json(job.request)
        started = time.perf_counter()
        audiences: tuple[Audience, ...] = ("public", "internal") if request.audience == "internal" else ("public",)
        shelf = Shelf(audiences=audiences, language=request.language)
        found = await self._search.search(request.query, shelf=shelf, max_passages=max(request.limit, MAX_PASSAGES))
        meant = await self._search.mend(request.query)
        confidence = estimate_answerability(request.query, found[:MAX_PASSAGES])
        answer = SearchAnswer(
            passages=tuple(map(_describe, found[: request.limit])),
            corrected=None if meant == request.query else meant,
            confidence=confidence,
            required_confidence=self._confidence_threshold,
            is_sure=confidence >= self._confidence_threshold,
            milliseconds=(time.perf_counter() - started) * 1000,
        )
        await self._settle(job, lambda conn: jobs.finish(conn, job, answer))

    async def _send_test(self, job: Job) -> None:
        request = TrialMessage.model_validate_json(job.request)
        sender = find_sender(self._channels, request.channel, request.inbox)
        if sender is None:
            await self._fail(job, f"no sender is configured for {request.channel}")
            return
        try:
            receipt = await sender.send(_write_test(job, request, partial(self._hand_over, job)))
        except DeliveryUncertain as error:
            await self._fail(job, f"it may or may not have been sent: {error}")
        except (DeliveryFailed, SignInNeeded) as error:
            await self._fail(job, str(error))
        else:
            answer = TrialReceipt(vendor_id=receipt.vendor_id)
            await self._settle(job, lambda conn: jobs.finish(conn, job, answer))

    async def _hand_over(self, job: Job) -> None:
        """The vendor may have it from here on, unless the desk was paused after the claim."""
        if not await run_patiently(self._pool, lambda conn: jobs.may_send(conn, job), patience_seconds=READ_SECONDS):
            raise DeliveryFailed("the desk was paused before it was sent", permanent=True)

    async def _fail(self, job: Job, problem: str) -> None:
        await self._settle(job, lambda conn: jobs.fail(conn, job, problem))

    async def _settle(self, job: Job, settle: Callable[[Conn], Awaitable[None]]) -> None:
        await run_patiently(self._pool, settle, patience_seconds=READ_SECONDS)
        self._announce(job.id)

    def _announce(self, job_id: JobId) -> None:
        self._notify(DONE_CHANNEL, str(job_id))


def _apply(request: UploadRequest, document: Document) -> Document:
    """The document as whoever uploads it wants it, where they say so."""
    return replace(
        document,
        category=request.category or document.category,
        audience=request.audience or document.audience,
        is_draft=document.is_draft if request.is_draft is None else request.is_draft,
    )


def _describe(passage: Passage) -> FoundPassage:
    return FoundPassage(
        id=passage.id,
        article_id=passage.article_id,
        source=passage.source,
        kind=passage.kind,
        category=passage.category,
        language=passage.language,
        title=passage.title,
        heading=passage.heading,
        excerpt=passage.content[:_EXCERPT_CHARACTERS],
        score=passage.score,
        by_meaning=passage.similarity,
        by_words=passage.lexical,
        by_name=passage.named,
    )


def _write_test(job: Job, request: TrialMessage, hand_over: Callable[[], Awaitable[None]]) -> OutboundMessage:
    """Nothing of it is stored: there is no conversation that an answer could belong to."""
    return OutboundMessage(
        id=MessageId(job.id),
        conversation_id=ConversationId(job.id),
        thread_contact="",
        channel=request.channel,
        inbox=request.inbox,
        text=request.text,
        attempt=1,
        lease_token=job.lease_token,
        path=request.path,
        hand_over=hand_over,
    )
