"""The figures of channels and of the desk, as the dashboard and machines read them."""

import csv
import io
from datetime import datetime, timedelta
from typing import Any, get_args

import pytest

from database.types import Channel
from tests.api.service import NOW, Service, expect_problem, issue_key
from tests.database.histories import History, Turn

HOUR = timedelta(hours=1)


@pytest.fixture
async def reader(service: Service) -> dict[str, str]:
    """The headers of somebody who may read figures."""
    return {"X-API-Key": await issue_key(service.pool, "metrics:read")}


async def read(service: Service, reader: dict[str, str], **params: Any) -> dict[str, Any]:
    response = await service.client.get("/metrics/channels", params=params, headers=reader)
    assert response.status_code == 200, response.text
    metrics: dict[str, Any] = response.json()
    return metrics


async def tell_story(service: Service, at: datetime) -> None:
    """A ticket on WhatsApp that the agent has answered within ten seconds, and one that waits for a person."""
    async with service.pool.acquire() as conn:
        history = History(conn)
        answered = await history.open("whatsapp", at)
        await history.send(await history.reply(answered, "assistant", at), at + timedelta(seconds=10))
        await history.take_turn(answered, Turn(at, 2000, 0.5, 100, 0.25))
        await history.move(answered, "auto_resolved")
        await history.rate(answered, 4, at)
        waiting = await history.open("whatsapp", at)
        await history.fail(await history.reply(waiting, "system", at))
        await history.move(waiting, "escalated")


@pytest.mark.parametrize(
    ("period", "seconds", "points"), [("1h", 300, 12), ("24h", 3600, 24), ("7d", 21_600, 29), ("30d", 86_400, 31)]
)
async def test_a_desk_where_nothing_has_happened_has_figures_of_nothing(
    service: Service, reader: dict[str, str], period: str, seconds: int, points: int
) -> None:
    metrics = await read(service, reader, period=period, channel="mailbox")
    assert (metrics["period"], metrics["bucket_seconds"]) == (period, seconds)
    [mailbox] = metrics["channels"]
    for summary in (metrics["total"], mailbox):
        assert summary["figures"] == summary["previous"]
        assert summary["figures"]["messages_in"] == 0
        assert summary["figures"]["first_reply_p95_seconds"] is None
        assert summary["sentiment_trend"] is None
        assert len(summary["series"]) == points


async def test_figures_come_by_channel_in_all_over_time_and_beside_the_period_before(
    service: Service, reader: dict[str, str]
) -> None:
    await tell_story(service, NOW - 2 * HOUR)
    metrics = await read(service, reader, channel="whatsapp")
    assert metrics["period"] == "24h"
    [whatsapp] = metrics["channels"]
    figures = whatsapp["figures"]
    assert metrics["total"]["figures"] == figures
    assert (figures["messages_in"], figures["messages_out"], figures["tickets"]) == (2, 2, 2)
    assert (figures["auto_resolve_rate"], figures["escalation_rate"], figures["reopen_rate"]) == (0.5, 0.5, 0)
    assert figures["first_replies"] == 1
    assert figures["first_reply_p50_seconds"] == pytest.approx(10, rel=0.05)
    assert figures["agent_p95_seconds"] == pytest.approx(2, rel=0.05)
    assert (figures["ratings"], figures["rating_mean"], figures["sentiment_mean"]) == (1, 4, 0.5)
    assert (figures["replies"], figures["delivery_failures"]) == (2, 1)
    assert (figures["input_tokens"], figures["cost_usd"], figures["unpriced_turns"]) == (100, 0.25, 0)
    [busy] = [point for point in whatsapp["series"] if point["tickets"]]
    assert busy["at"] == "2026-11-21T07:00:00Z"
    assert {name: value for name, value in busy.items() if name != "at"} == figures
    # An hour of which the day before was all.
    later = await read(
        service, reader, channel="whatsapp", **{"from": "2026-11-21T08:00:00Z", "to": "2026-11-22T08:00Z"}
    )
    assert later["total"]["figures"]["tickets"] == 0
    assert later["total"]["previous"] == figures


async def test_every_channel_is_listed_unless_some_are_asked_for(service: Service, reader: dict[str, str]) -> None:
    metrics = await read(service, reader)
    assert [summary["channel"] for summary in metrics["channels"]] == list(get_args(Channel))
    metrics = await read(service, reader, channel=["web", "gmail"])
    assert [summary["channel"] for summary in metrics["channels"]] == ["gmail", "web"]


async def test_times_are_widened_to_whole_hours(service: Service, reader: dict[str, str]) -> None:
    asked = {"from": "2026-11-01T10:59:59+01:00", "to": "2026-11-01T12:00:00.000001Z"}
    metrics = await read(service, reader, **asked)
    assert (metrics["starts_at"], metrics["ends_at"]) == ("2026-11-01T09:00:00Z", "2026-11-01T13:00:00Z")
    assert (metrics["period"], len(metrics["total"]["series"])) == (None, 4)


async def test_a_year_comes_in_weeks(service: Service, reader: dict[str, str]) -> None:
    metrics = await read(service, reader, **{"from": "2025-11-21T00:00:00Z", "to": "2026-11-21T00:00:00Z"})
    assert metrics["bucket_seconds"] == 7 * 86_400
    assert len(metrics["total"]["series"]) == 53


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("period=2h", {"period"}),
        ("channel=fax", {"channel.0"}),
        ("from=2026-11-21T00:00:00Z", set()),
        ("from=2026-11-21T00:00:00Z&to=2026-11-20T00:00:00Z", set()),
        ("from=2025-11-20T00:00:00Z&to=2026-11-22T00:00:00Z", set()),
        ("period=24h&from=2026-11-20T00:00:00Z&to=2026-11-21T00:00:00Z", set()),
        ("from=2026-11-20T00:00:00&to=2026-11-21T00:00:00", {"from", "to"}),
        ("from=0001-01-01T00:00:00%2B14:00&to=9999-12-31T23:59:59-14:00", {"from", "to"}),
        ("from=1e300&to=%00", {"from", "to"}),
    ],
)
@pytest.mark.parametrize("path", ["/metrics/channels", "/metrics/channels.csv"])
async def test_a_period_that_is_not_clear_is_refused(
    service: Service, reader: dict[str, str], path: str, query: str, fields: set[str]
) -> None:
    problem = expect_problem(await service.client.get(f"{path}?{query}", headers=reader), 422)
    assert {error["field"] for error in problem.get("errors", [])} == fields


async def test_the_table_says_the_same(service: Service, reader: dict[str, str]) -> None:
    await tell_story(service, NOW - 2 * HOUR)
    response = await service.client.get("/metrics/channels.csv?channel=whatsapp", headers=reader)
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in response.headers["content-disposition"]
    assert response.text.endswith("\r\n")
    lines = list(csv.DictReader(io.StringIO(response.text, newline="")))
    assert [line["span"] for line in lines] == 2 * ["previous", "period", *24 * ["bucket"]]
    metrics = await read(service, reader, channel="whatsapp")
    [period] = [line for line in lines if (line["channel"], line["span"]) == ("whatsapp", "period")]
    for name, value in metrics["channels"][0]["figures"].items():
        assert period[name] == ("" if value is None else str(value))


@pytest.mark.parametrize("path", ["/metrics/channels", "/metrics/channels.csv", "/admin/metrics"])
async def test_figures_take_the_scope_for_them(service: Service, path: str) -> None:
    expect_problem(await service.client.get(path), 401)
    other = {"X-API-Key": await issue_key(service.pool, "tickets:read")}
    expect_problem(await service.client.get(path, headers=other), 403)


async def test_the_desk_in_all_counts_tickets_ratings_and_what_waits(service: Service, reader: dict[str, str]) -> None:
    before = (await service.client.get("/admin/metrics", headers=reader)).json()
    await tell_story(service, NOW - 2 * HOUR)
    after = (await service.client.get("/admin/metrics", headers=reader)).json()
    assert after["tickets"]["total"] == before["tickets"]["total"] + 2
    for status, more in {"open": 0, "auto_resolved": 1, "escalated": 1, "closed": 0}.items():
        assert after["tickets"]["by_status"][status] == before["tickets"]["by_status"][status] + more
    assert after["ratings"]["count"] == before["ratings"]["count"] + 1
    assert after["waiting"]["escalated"] == before["waiting"]["escalated"] + 1
    assert after["waiting"]["overdue"] == before["waiting"]["overdue"] + 1
    span = {"from": "2199-01-01T00:00:00Z", "to": "2199-02-01T00:00:00Z"}
    empty = (await service.client.get("/admin/metrics", params=span, headers=reader)).json()
    assert empty["tickets"]["total"] == 0
    assert empty["resolution"] == dict.fromkeys(("automatic", "escalated", "closed", "reopened"))
    assert empty["ratings"] == {"count": 0, "average": None, "resolved_share": None}
    assert empty["waiting"] == after["waiting"]


async def test_the_desks_shares_are_of_the_tickets_that_came_in_meanwhile(
    service: Service, reader: dict[str, str]
) -> None:
    at = NOW - timedelta(days=400)
    await tell_story(service, at)
    span = {"from": (at - HOUR).isoformat(), "to": (at + HOUR).isoformat()}
    desk = (await service.client.get("/admin/metrics", params=span, headers=reader)).json()
    assert desk["tickets"]["total"] == 2
    assert desk["resolution"] == {"automatic": 0.5, "escalated": 0.5, "closed": 0, "reopened": 0}
    assert desk["ratings"] == {"count": 1, "average": 4, "resolved_share": 1}
    bad = await service.client.get("/admin/metrics?from=2026-11-21T00:00:00Z", headers=reader)
    expect_problem(bad, 422)
