"""What the desk does for its customers, in figures: per channel and period, and in all."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from api.access import allow
from api.desk import DeskDep
from api.schemas_metrics import ChannelMetrics, DeskMetrics, Period
from database.types import Channel

router = APIRouter(tags=["metrics"])


@router.get("/metrics/channels", dependencies=[Depends(allow("metrics:read"))])
async def read_channel_metrics(
    desk: DeskDep,
    period: Period | None = None,
    starts_at: Annotated[datetime | None, Query(alias="from")] = None,
    ends_at: Annotated[datetime | None, Query(alias="to")] = None,
    channel: Annotated[list[Channel] | None, Query()] = None,
) -> ChannelMetrics:
    """Per channel and in all: volume, latencies, outcomes, mood, ratings, deliveries and cost."""
    raise NotImplementedError


@router.get("/admin/metrics", dependencies=[Depends(allow("metrics:read"))])
async def read_desk_metrics(
    desk: DeskDep,
    starts_at: Annotated[datetime | None, Query(alias="from")] = None,
    ends_at: Annotated[datetime | None, Query(alias="to")] = None,
) -> DeskMetrics:
    """Tickets, how they were resolved, and how they were rated."""
    raise NotImplementedError
