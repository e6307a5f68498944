"""What Prometheus scrapes: what this process has measured, and the desk's figures from the database."""

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from api.access import Allow, Bearer, Caller, KeyHeader
from api.desk import Desk, DeskDep
from api.problems import Problem
from core.ids import hash_secret
from database.pool import DATABASE_ERRORS
from database.queries.live import DeskFigures

router = APIRouter(tags=["operations"])

_THREAD_STATES = ("claimable", "leased", "quiet", "delayed")
_REPLY_STATES = ("queued", "sending", "failed", "unknown", "needs_template")
_TICKET_STATES = ("open", "escalated")


class _Scraper(Allow):
    """Lets in whoever may read metrics; while the database is away, who was let in before.

    Without it, an outage would make the desk's figures vanish instead of saying that the database is down.
    """

    async def __call__(self, request: Request, desk: DeskDep, bearer: Bearer, header: KeyHeader) -> Caller:
        """The caller. Raises Problem 401 and 403, and DATABASE_ERRORS for a caller who was never here."""
        digest = hash_secret(header or (bearer.credentials if bearer else ""))
        try:
            caller = await super().__call__(request, desk, bearer, header)
        except DATABASE_ERRORS:
            if digest not in desk.scrapers:
                raise
            return Caller("key", UUID(int=0), "known from before the outage", frozenset({self.scope}))
        except Problem:
            desk.scrapers.discard(digest)
            raise
        if caller.kind == "key":
            desk.scrapers.add(digest)
        return caller


SCRAPER = _Scraper("metrics:read", "metrics:read", own=False)


@router.get(
    "/metrics",
    dependencies=[Depends(SCRAPER)],
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def read_metrics(desk: DeskDep, request: Request) -> Response:
    """In Prometheus' text format, or OpenMetrics where the scraper asks for it. Figures are at most 3 seconds old."""
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    await desk.figures.read()
    return Response(encode(_Scrape(desk)), media_type=content_type)


class _Scrape(Collector):
    """One scrape: this process and the desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def collect(self) -> Iterator[Metric]:
        """Everything, each metric once. While the database is away only `nightdesk_up` says so."""
        yield from self._desk.telemetry.registry.collect()
        figures = self._desk.figures.latest
        yield _gauge("nightdesk_up", "1 if the database could be asked.", figures is not None)
        if figures is not None:
            yield from describe_desk(figures)


def describe_desk(figures: DeskFigures) -> Iterator[Metric]:
    """The figures as gauges. Channels without work have none; every other label has all its values."""
    yield _count_threads(figures)
    messages = {row["channel"]: row["messages"] for row in figures.channels}
    oldest = {row["channel"]: row["oldest_seconds"] for row in figures.channels}
    yield _gauges("nightdesk_queue_messages", "Messages that are not settled.", "channel", messages)
    yield _gauges("nightdesk_queue_oldest_seconds", "How long the longest waiting thread waits.", "channel", oldest)
    yield _gauge(
        "nightdesk_dead_letters", "Messages given up by machines that nobody has settled.", figures.dead_letters
    )
    replies = dict.fromkeys(_REPLY_STATES, 0) | figures.replies
    yield _gauges("nightdesk_outbox_replies", "Replies that are unsent or undelivered.", "state", replies)
    tickets = dict.fromkeys(_TICKET_STATES, 0) | figures.tickets
    yield _gauges("nightdesk_tickets", "Tickets that wait for an answer or for a person.", "status", tickets)
    yield _gauge("nightdesk_paused", "1 while the desk receives and sends nothing.", figures.is_paused)
    yield _gauge("nightdesk_workers", "Workers that are alive.", figures.workers)
    yield _gauge("nightdesk_workers_offline", "Those of them that think without a model.", figures.offline_workers)
    yield _gauge("nightdesk_worker_slots", "Turns that all workers can run at once.", figures.slots)
    yield _gauge("nightdesk_worker_busy_slots", "Turns that they run.", figures.busy)
    yield _gauges("nightdesk_inboxes_troubled", "Inboxes that somebody must look at.", "channel", figures.troubled)


def _count_threads(figures: DeskFigures) -> Metric:
    threads = GaugeMetricFamily(
        "nightdesk_queue_threads", "Threads that wait or are in work.", labels=["channel", "state"]
    )
    for row in figures.channels:
        for state in _THREAD_STATES:
            threads.add_metric([row["channel"], state], row[state])
    return threads


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=value)


def _gauges(name: str, words: str, label: str, values: Mapping[str, Any]) -> Metric:
    family = GaugeMetricFamily(name, words, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
