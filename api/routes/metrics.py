"""What the desk does for its customers, in figures: per channel and period, and in all."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AwareDatetime, Field

from api.access import allow
from api.desk import Desk, DeskDep
from api.problems import Problem
from api.schemas.metrics import (
    ChannelMetrics,
    ChannelSummary,
    DeskMetrics,
    Figures,
    Period,
    Point,
    RatingSummary,
    ResolutionRatios,
    Summary,
    TicketTotals,
    Waiting,
)
from database.queries.channel_metrics import DAY, HOUR, Window, read_desk, read_figures, round_down
from database.types import Channel, TicketStatus

router = APIRouter(tags=["metrics"])

MAX_DAYS = 366
# How long a period is, and how wide the buckets of its time series.
PERIODS: dict[Period, tuple[timedelta, timedelta]] = {
    "1h": (HOUR, timedelta(minutes=5)),
    "24h": (DAY, HOUR),
    "7d": (7 * DAY, 6 * HOUR),
    "30d": (30 * DAY, DAY),
}
# For other lengths: the width for those up to this long. About as many points as a chart can show.
_WIDTHS = ((2 * DAY, HOUR), (14 * DAY, 6 * HOUR), (92 * DAY, DAY), (timedelta.max, 7 * DAY))
_CSV = "text/csv"

# The bounds keep the arithmetic on times within what a time can be.
Time = Annotated[AwareDatetime, Field(ge=datetime(2000, 1, 1, tzinfo=UTC), lt=datetime(2200, 1, 1, tzinfo=UTC))]
From = Annotated[Time | None, Query(alias="from", description="ISO 8601 with its offset; together with `to`.")]
To = Annotated[Time | None, Query(alias="to", description="Not part of the period any more.")]


@dataclass(frozen=True, slots=True)
class Asked:
    """The period that was asked for, and of which channels."""

    period: Period | None
    window: Window
    channels: list[Channel]


async def read_question(
    desk: DeskDep,
    period: Period | None = None,
    starts_at: From = None,
    ends_at: To = None,
    channel: Annotated[list[Channel] | None, Query(max_length=20, description="Repeated for several.")] = None,
) -> Asked:
    """Raises Problem 422 where the period is not clear."""
    channels = [name for name in get_args(Channel) if not channel or name in channel]
    times = _check_times(starts_at, ends_at)
    if times is None:
        chosen = period or "24h"
        return Asked(chosen, choose_window(*PERIODS[chosen], desk.clock()), channels)
    if period is not None:
        raise Problem(422, "Give either `period` or `from` and `to`.")
    return Asked(None, choose_hours(*times), channels)


AskedDep = Annotated[Asked, Depends(read_question)]


@router.get("/metrics/channels", dependencies=[Depends(allow("metrics:read"))])
async def read_channel_metrics(desk: DeskDep, asked: AskedDep) -> ChannelMetrics:
    """Per channel and in all: volume, latencies, outcomes, mood, ratings, deliveries and cost.

    A `period` ends with the running hour (`1h`: the running five minutes); `from` and `to` are widened to whole hours
    in UTC. Without either, the last 24 hours.
    """
    return await _measure(desk, asked)


@router.get(
    "/metrics/channels.csv",
    dependencies=[Depends(allow("metrics:read"))],
    response_class=Response,
    responses={200: {"description": "A table as RFC 4180 has it", "content": {_CSV: {"schema": {"type": "string"}}}}},
)
async def download_channel_metrics(desk: DeskDep, asked: AskedDep) -> Response:
    """The same as a table: a line for each channel and bucket, for each period and the one before it.

    No cell holds anybody's words: all are numbers, times and our own names, so no spreadsheet finds a formula.
    """
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, ["channel", "span", "at", *Figures.model_fields])
    writer.writeheader()
    writer.writerows(_list_lines(await _measure(desk, asked), asked.window))
    headers = {"Content-Disposition": 'attachment; filename="channels.csv"'}
    return Response(table.getvalue(), media_type=_CSV, headers=headers)


@router.get("/admin/metrics", dependencies=[Depends(allow("metrics:read"))])
async def read_desk_metrics(desk: DeskDep, starts_at: From = None, ends_at: To = None) -> DeskMetrics:
    """Tickets by status, how they were resolved and rated, and what waits. Without `from` and `to`, of all time."""
    _check_times(starts_at, ends_at)
    tickets, ratings, waiting = await desk.reader.read(
        lambda conn: read_desk(conn, starts_at=starts_at, ends_at=ends_at, now=desk.clock())
    )
    by_status: dict[TicketStatus, int] = dict.fromkeys(get_args(TicketStatus), 0)
    by_status |= {row["status"]: row["tickets"] for row in tickets}
    total = sum(by_status.values())

    def share(count: int) -> float | None:
        return count / total if total else None

    return DeskMetrics(
        starts_at=starts_at,
        ends_at=ends_at,
        tickets=TicketTotals(total=total, by_status=by_status),
        resolution=ResolutionRatios(
            automatic=share(sum(row["automatic"] for row in tickets)),
            escalated=share(sum(row["escalated"] for row in tickets)),
            closed=share(by_status["closed"]),
            reopened=share(sum(row["reopened"] for row in tickets)),
        ),
        ratings=RatingSummary(**ratings),
        waiting=Waiting(**waiting),
    )


def choose_window(length: timedelta, bucket: timedelta, now: datetime) -> Window:
    """The last hour or days, up to the end of the running hour, or of the running bucket where that is less."""
    step = min(bucket, HOUR)
    ends_at = round_down(now, step) + step
    return Window(ends_at - length, ends_at, bucket)


def choose_hours(starts_at: datetime, ends_at: datetime) -> Window:
    """The whole hours that two times lie in, in as many buckets as a chart can show."""
    begin = round_down(starts_at, HOUR)
    end = round_down(ends_at + HOUR - timedelta.resolution, HOUR)
    length = end - begin
    bucket = next(width for longest, width in _WIDTHS if length <= longest)
    return Window(begin, end, bucket)


def _check_times(starts_at: datetime | None, ends_at: datetime | None) -> tuple[datetime, datetime] | None:
    if starts_at is None and ends_at is None:
        return None
    if starts_at is None or ends_at is None:
        raise Problem(422, "`from` and `to` belong together.")
    if not timedelta() < ends_at - starts_at <= MAX_DAYS * DAY:
        raise Problem(422, f"`from` must be before `to`, and {MAX_DAYS} days before it at most.")
    return starts_at, ends_at


async def _measure(desk: Desk, asked: Asked) -> ChannelMetrics:
    window = asked.window
    rows = await desk.reader.read(lambda conn: read_figures(conn, window, asked.channels))
    found = {(row.pop("is_now"), row.pop("channel"), row.pop("at")): row for row in rows}
    return ChannelMetrics(
        period=asked.period,
        starts_at=window.starts_at,
        ends_at=window.ends_at,
        bucket_seconds=round(window.bucket.total_seconds()),
        total=Summary(**_summarise(found, None, window)),
        channels=[ChannelSummary(channel=name, **_summarise(found, name, window)) for name in asked.channels],
    )


def _summarise(
    found: dict[tuple[bool, str | None, datetime | None], dict[str, Any]], channel: Channel | None, window: Window
) -> dict[str, Any]:
    figures = Figures(**found.get((True, channel, None), {}))
    previous = Figures(**found.get((False, channel, None), {}))
    trend = None
    if figures.sentiment_mean is not None and previous.sentiment_mean is not None:
        trend = figures.sentiment_mean - previous.sentiment_mean
    series = [Point(at=at, **found.get((True, channel, at), {})) for at in window.list_buckets()]
    return {"figures": figures, "previous": previous, "sentiment_trend": trend, "series": series}


def _list_lines(metrics: ChannelMetrics, window: Window) -> Iterator[dict[str, object]]:
    summaries = [("all", metrics.total), *((summary.channel, summary) for summary in metrics.channels)]
    for channel, summary in summaries:
        spans = {"previous": (window.previous_at, summary.previous), "period": (window.starts_at, summary.figures)}
        for span, (at, figures) in spans.items():
            yield {"channel": channel, "span": span, "at": at.isoformat(), **figures.model_dump()}
        for point in summary.series:
            yield {"channel": channel, "span": "bucket", **point.model_dump(), "at": point.at.isoformat()}
