"""What the desk does for its customers, in figures: the answers of the metrics routes."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel

from database.types import Channel, TicketStatus

Period = Literal["1h", "24h", "7d", "30d"]


class Figures(BaseModel):
    """The figures of one span of time. A rate, a mean or a percentile of nothing is null.

    Tickets are those that came in in the span, as they are today: `auto_resolved` without a person, `escalated` to one,
    `reopened` by their customer. Replies are those written in it. Everything else counts when it happened.
    Percentiles are at most 5 % off.
    """

    messages_in: int = 0
    messages_out: int = 0
    tickets: int = 0
    auto_resolved: int = 0
    escalated: int = 0
    reopened: int = 0
    auto_resolve_rate: float | None = None
    escalation_rate: float | None = None
    reopen_rate: float | None = None
    first_replies: int = 0
    first_reply_p50_seconds: float | None = None
    first_reply_p95_seconds: float | None = None
    agent_turns: int = 0
    agent_p50_seconds: float | None = None
    agent_p95_seconds: float | None = None
    sentiment_mean: float | None = None
    ratings: int = 0
    rating_mean: float | None = None
    replies: int = 0
    delivery_failures: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    unpriced_turns: int = 0


class Point(Figures):
    """The figures of one bucket of a time series; `at` is its beginning."""

    at: datetime


class Summary(BaseModel):
    """A whole period beside the one before it, and its time series without gaps.

    `sentiment_trend` is by how much the mean has risen since the period before.
    """

    figures: Figures
    previous: Figures
    sentiment_trend: float | None = None
    series: list[Point]


class ChannelSummary(Summary):
    """One channel."""

    channel: Channel


class ChannelMetrics(BaseModel):
    """What happened from `starts_at` until `ends_at`, in buckets of `bucket_seconds`; the first may be cut short."""

    period: Period | None
    starts_at: datetime
    ends_at: datetime
    bucket_seconds: int
    total: Summary
    channels: list[ChannelSummary]


class TicketTotals(BaseModel):
    """Tickets by their status today."""

    total: int
    by_status: dict[TicketStatus, int]


class ResolutionRatios(BaseModel):
    """Shares of the tickets; null where there are none. `automatic`: settled, and no person was ever asked."""

    automatic: float | None
    escalated: float | None
    closed: float | None
    reopened: float | None


class RatingSummary(BaseModel):
    """The latest rating of each ticket."""

    count: int
    average: float | None
    resolved_share: float | None


class Waiting(BaseModel):
    """What waits now, whatever period was asked for. `overdue`: nobody has answered by the time that was promised."""

    open: int
    escalated: int
    overdue: int


class DeskMetrics(BaseModel):
    """The desk in all: tickets that came in and ratings that were given from `starts_at` until `ends_at`."""

    starts_at: datetime | None
    ends_at: datetime | None
    tickets: TicketTotals
    resolution: ResolutionRatios
    ratings: RatingSummary
    waiting: Waiting
