"""What a worker traces and reports by itself: mail that it fetches, and turns that fail for good."""

from contextlib import ExitStack

from pydantic import SecretStr

from agent.context import Turn
from agent.run import TurnResult
from core.otlp import export_traces
from core.reports import open_reports
from core.settings import OtelSettings, SentrySettings
from database.pool import DbPool
from tests.emulators.otlp import run_collector
from tests.emulators.sentry import run_sentry
from tests.logs import logging_as_in
from tests.workers.inboxes import Inbox
from tests.workers.stubs import Desk


async def test_each_fetched_mail_begins_a_trace(pool: DbPool) -> None:
    inbox = Inbox(pool)
    with run_collector() as collector, ExitStack() as export:
        otel = OtelSettings(exporter_otlp_endpoint=collector.url)
        sync = inbox.open_sync(tracing=export.enter_context(export_traces(otel, process="worker")))
        await inbox.sync_once(sync)
        inbox.poller.deliver("Hello", "And I?", "a list")
        await inbox.sync_once(sync)
        export.close()
    drawn = sorted(collector.draw(span.trace_id) for span in collector.spans if span.name == "fetch source")
    assert drawn == [["fetch source"], *[["fetch source", "  publish message_queue"]] * 2]
    rows = await inbox.fetch("SELECT trace FROM message_queue ORDER BY id")
    published = [span for span in collector.spans if span.name == "publish message_queue"]
    assert [row["trace"].split("-")[1:3] for row in rows] == [[span.trace_id, span.span_id] for span in published]


async def break_with_words(turn: Turn) -> TurnResult:
    raise ConnectionError(turn.question)


async def test_a_turn_that_failed_for_good_is_reported_once_with_its_message(desk: Desk) -> None:
    desk.agent.think = break_with_words
    with run_sentry() as sentry:
        settings = SentrySettings(dsn=SecretStr(sentry.dsn))
        with open_reports(settings, "test", process="worker") as report, logging_as_in("worker", report):
            await desk.submit()
            await desk.work()
            await desk.set_attempts(desk.settings.worker.max_attempts - 1)
            await desk.execute("UPDATE queue_threads SET ready_at = now()")
            await desk.work()
    (event,) = sentry.events
    assert event["exception"]["values"][-1]["type"] == "ConnectionError"
    assert event["message"] == "turn failed for good, a person takes over"
    assert event["tags"]["message_id"] == str(await desk.fetch_value("SELECT id FROM message_queue"))
    assert b"export my data" not in sentry.requests[0]
