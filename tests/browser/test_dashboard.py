"""The dashboard: figures of a period and of this moment, as somebody looks at them."""

import asyncio
import csv
import io
import random
import re
import struct
from base64 import b64encode
from datetime import timedelta
from pathlib import Path
from typing import Literal
from uuid import uuid4

import pytest
from playwright.async_api import Download, Locator, Route, ViewportSize, expect

from database.queries import inboxes, operations
from database.types import WorkerId
from tests.api.service import NOW, Service
from tests.browser.console import Console
from tests.database.builders import publish_texts
from tests.database.histories import History, Turn

DESKTOP: ViewportSize = {"width": 1440, "height": 900}
NARROW: ViewportSize = {"width": 390, "height": 844}
EACH_LOOK = pytest.mark.parametrize("look", ["light", "dark"])
# How many colours the emptiest quarter of a picture has.
COUNT_COLOURS = """async (address) => {
    const image = new Image();
    image.src = address;
    await image.decode();
    const [width, height] = [image.width / 2, image.height / 2];
    const pen = new OffscreenCanvas(image.width, image.height).getContext("2d", { willReadFrequently: true });
    pen.drawImage(image, 0, 0);
    const count = (x, y) => new Set(new Uint32Array(pen.getImageData(x, y, width, height).data.buffer)).size;
    return Math.min(count(0, 0), count(width, 0), count(0, height), count(width, height));
}"""
CHANNELS = ("web", "gmail", "whatsapp", "gmail", "web")


async def live_through(site: Service, *, days: float, tickets: int) -> None:
    """The desk has worked for a while: most tickets are solved by the agent, some by people, a few go wrong."""
    chance = random.Random(6)
    async with site.pool.acquire() as conn, conn.transaction():
        history = History(conn)
        for number in range(tickets):
            at = NOW - timedelta(days=days) * (chance.random() ** 1.2)
            ticket = await history.open(CHANNELS[number % len(CHANNELS)], at)
            turn = Turn(at, round(900 + 2400 * chance.random()), chance.uniform(-0.5, 0.9), 1800, 0.0042)
            await history.take_turn(ticket, turn)
            is_hard = chance.random() < 0.2
            reply = await history.reply(ticket, "person" if is_hard else "assistant", at)
            if chance.random() < 0.03:
                await history.fail(reply)
            else:
                await history.send(reply, at + timedelta(seconds=chance.uniform(3, 9) * (60 if is_hard else 1)))
            await history.move(ticket, "escalated" if is_hard else "auto_resolved")
            if number % 4 == 0:
                await history.rate(ticket, chance.choice([3, 4, 5, 5]), at)
            if number % 17 == 3:
                await history.move(ticket, "open")


async def beat(site: Service, *, in_flight: int = 3) -> None:
    """A worker is alive."""
    async with site.pool.acquire() as conn:
        await operations.beat(
            conn,
            WorkerId(uuid4()),
            host="desk",
            pid=7,
            brain="offline",
            concurrency=16,
            in_flight=in_flight,
            is_elected=True,
        )


def tile(console: Console, name: str) -> Locator:
    """A figure with what stands around it."""
    return console.page.locator("dl > div").filter(has=console.page.get_by_text(name, exact=True))


async def look_at(console: Console, address: str = "/desk/dashboard") -> None:
    """Open the dashboard and wait until it has its figures."""
    await console.page.set_viewport_size(DESKTOP)
    await console.sign_in(address)
    await expect(tile(console, "Model cost")).to_be_visible()


async def export(console: Console, what: str) -> Download:
    """Choose from the menu what to take along."""
    await console.page.get_by_role("button", name="Export").click()
    async with console.page.expect_download() as started:
        await console.page.get_by_role("menuitem", name=what).click()
    return await started.value


async def read_saved(saved: Download) -> bytes:
    """What the browser has written."""
    return await asyncio.to_thread((await saved.path()).read_bytes)


async def expect_to_fit(console: Console) -> None:
    """Nothing makes the page scroll sideways."""
    width = await console.page.evaluate("document.documentElement.scrollWidth")
    assert width <= NARROW["width"]


@EACH_LOOK
async def test_a_busy_desk_shows_figures_charts_channels_and_workers(
    console: Console, site: Service, look: Literal["light", "dark"]
) -> None:
    await live_through(site, days=14, tickets=160)
    await beat(site)
    async with site.pool.acquire() as conn:
        await inboxes.note_problem(conn, "gmail", "support@desk.example", "read", "The sign-in was refused.")
        await publish_texts(conn, "someone", "Where is my invoice?")
    await console.prefer(look)
    await look_at(console, "/desk/dashboard?period=7d")
    await expect(console.page.locator(".recharts-surface")).to_have_count(4)
    await expect(tile(console, "First reply, median")).to_contain_text("P95")
    await expect(tile(console, "First reply, median")).to_contain_text(re.compile("better|worse|no change"))
    await expect(tile(console, "Waiting")).to_contain_text("1")
    await expect(tile(console, "Workers")).to_contain_text("3 of 16 places taken")
    await expect(console.page.get_by_role("region", name="Inboxes")).to_contain_text("The sign-in was refused.")
    await console.expect_accessible()
    await console.keep_screenshot()
    await console.page.set_viewport_size(NARROW)
    await expect_to_fit(console)
    await console.expect_accessible()
    await console.keep_screenshot("phone")


@EACH_LOOK
async def test_an_empty_desk_says_how_to_send_a_first_message_and_to_start_a_worker(
    console: Console, look: Literal["light", "dark"]
) -> None:
    await console.prefer(look)
    await look_at(console)
    await expect(console.page.get_by_role("heading", name="No message has arrived yet")).to_be_visible()
    await expect(console.page.get_by_role("link", name="Open the support form")).to_have_attribute("href", "/")
    await expect(console.page.get_by_role("alert")).to_contain_text("nightdesk worker")
    await expect(tile(console, "Rating")).to_contain_text("–")
    await console.expect_accessible()
    await console.keep_screenshot()
    await console.page.set_viewport_size(NARROW)
    await expect_to_fit(console)
    await console.keep_screenshot("phone")


async def test_the_view_stands_in_the_address_and_survives_a_reload(console: Console, site: Service) -> None:
    await live_through(site, days=20, tickets=40)
    await look_at(console)
    await console.page.get_by_text("30 d", exact=True).click()
    await expect(console.page).to_have_url(re.compile(r"\?period=30d$"))
    await console.page.get_by_role("button", name="All channels").click()
    await console.page.get_by_label("Gmail").click()
    await expect(console.page).to_have_url(re.compile(r"\?period=30d&channel=gmail$"))
    await expect(tile(console, "Tickets")).to_contain_text("16")
    await console.page.keyboard.press("Escape")
    await console.page.reload()
    await expect(console.page.get_by_role("button", name="Gmail", exact=True)).to_be_visible()
    await expect(tile(console, "Tickets")).to_contain_text("16")
    await expect(console.page.get_by_role("rowheader", name="Gmail")).to_be_visible()
    await expect(console.page.get_by_role("rowheader", name="WhatsApp")).to_have_count(0)


async def test_days_are_chosen_and_wrong_ones_are_refused_in_words(console: Console, site: Service) -> None:
    await live_through(site, days=3, tickets=10)
    await look_at(console)
    await console.page.get_by_role("button", name="Dates").click()
    await console.page.get_by_label("First day").fill("2026-11-20")
    await console.page.get_by_label("Last day").fill("2026-11-10")
    await console.page.get_by_role("button", name="Show these days").click()
    await expect(console.page.get_by_text("The last day lies before the first.")).to_be_visible()
    await console.expect_accessible()
    await console.keep_screenshot()
    await console.page.get_by_label("Last day").fill("2026-11-21")
    await console.page.get_by_role("button", name="Show these days").click()
    await expect(console.page).to_have_url(re.compile(r"\?from=2026-11-20&to=2026-11-21$"))
    await expect(console.page.get_by_text("compared with the 2 days before")).to_be_visible()


async def test_a_quiet_period_offers_a_longer_one(console: Console, site: Service) -> None:
    await live_through(site, days=20, tickets=10)
    await look_at(console, "/desk/dashboard?period=1h&channel=mailbox")
    await console.page.get_by_role("button", name="Show 30 days of all channels").click()
    await expect(tile(console, "Tickets")).to_contain_text("10")


async def test_channels_are_ordered_by_a_column(console: Console, site: Service) -> None:
    await live_through(site, days=1, tickets=20)
    await look_at(console)
    names = console.page.get_by_role("table").get_by_role("rowheader").filter(has_text=re.compile("^[A-Z][a-z]+"))
    await expect(names.last).to_have_text("Mailbox")
    await console.page.get_by_role("button", name="Channel", exact=True).click()
    await expect(console.page.get_by_role("columnheader", name="Channel")).to_have_attribute("aria-sort", "ascending")
    await expect(names.last).to_have_text("WhatsApp")
    await console.page.get_by_role("button", name="Channel", exact=True).press("Enter")
    await expect(names.last).to_have_text("Gmail")


async def test_whoever_does_not_see_a_chart_gets_it_as_a_table(console: Console, site: Service) -> None:
    await live_through(site, days=1, tickets=20)
    await look_at(console)
    for name in ("Messages", "Latency", "Outcome of tickets", "Sentiment"):
        table = console.page.get_by_role("table", name=name, exact=True)
        await expect(table.get_by_role("row")).to_have_count(25)  # an hour each, below their names
    cells = await console.page.get_by_role("table", name="Messages", exact=True).locator("td:nth-child(2)").all()
    assert sum([int(await cell.inner_text()) for cell in cells]) == 20
    await console.page.get_by_text("Assistant’s turn", exact=True).click()
    await expect(console.page.get_by_role("table", name="Latency")).to_contain_text(" s")


async def test_the_figures_are_taken_along_as_a_table(console: Console, site: Service) -> None:
    await live_through(site, days=1, tickets=20)
    await look_at(console, "/desk/dashboard?period=7d&channel=web")
    saved = await export(console, "Figures as CSV")
    assert saved.suggested_filename == "nightdesk-7d.csv"
    lines = list(csv.DictReader(io.StringIO((await read_saved(saved)).decode(), newline="")))
    [period] = [line for line in lines if (line["channel"], line["span"]) == ("web", "period")]
    assert period["tickets"] == "8"
    assert {line["channel"] for line in lines} == {"all", "web"}


@EACH_LOOK
async def test_the_charts_are_taken_along_as_a_picture(
    console: Console, site: Service, look: Literal["light", "dark"]
) -> None:
    await live_through(site, days=7, tickets=60)
    await console.prefer(look)
    await look_at(console, "/desk/dashboard?period=7d")
    await expect(console.page.locator(".recharts-surface")).to_have_count(4)
    saved = await export(console, "Charts as PNG")
    assert saved.suggested_filename == "nightdesk-7d.png"
    picture = await read_saved(saved)
    await saved.save_as(Path(".data") / "screenshots" / f"charts-{look}.png")
    assert picture.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", picture[16:24])
    assert width == 2880
    assert height > 1000
    colours = await console.page.evaluate(COUNT_COLOURS, f"data:image/png;base64,{b64encode(picture).decode()}")
    assert colours > 50  # lines, bars and smooth letters, each of the four quarters has some


async def test_a_new_ticket_counts_without_a_reload(console: Console, site: Service) -> None:
    await live_through(site, days=1, tickets=3)
    await look_at(console)
    await expect(tile(console, "Tickets")).to_contain_text("3")
    await live_through(site, days=1, tickets=2)
    await expect(tile(console, "Tickets")).to_contain_text("5", timeout=15_000)


async def test_while_the_server_is_away_the_last_figures_stay(console: Console, site: Service) -> None:
    await live_through(site, days=1, tickets=12)
    console.expect_complaint("ERR_INTERNET_DISCONNECTED")
    await console.page.clock.install()
    await look_at(console)
    await expect(console.page.locator(".recharts-surface")).to_have_count(4)
    await console.page.context.set_offline(True)
    old = console.page.get_by_role("status").filter(has_text="Figures as of")
    for _ in range(6):  # a question, and its retries
        await console.page.clock.run_for(60_000)
    await expect(old).to_be_visible()
    await expect(console.page.get_by_text("What you see may be old; we keep trying.")).to_be_visible()
    await expect(tile(console, "Tickets")).to_contain_text("12")
    await console.expect_accessible()
    await console.keep_screenshot()
    await console.page.context.set_offline(False)
    await console.page.clock.run_for(60_000)
    await expect(old).to_be_hidden()


async def test_figures_that_do_not_come_are_asked_for_again(console: Console, site: Service) -> None:
    await live_through(site, days=1, tickets=12)
    console.expect_complaint("500")

    async def break_down(route: Route) -> None:
        await route.fulfill(status=500, json={"type": "about:blank", "title": "Broken", "status": 500, "detail": ""})

    await console.page.route("**/metrics/channels?*", break_down)
    await console.page.set_viewport_size(DESKTOP)
    await console.sign_in("/desk/dashboard")
    failure = console.page.get_by_role("alert").filter(has_text="Figures cannot be shown")
    await expect(failure).to_be_visible()
    await console.expect_accessible()
    await console.keep_screenshot()
    await console.page.unroute("**/metrics/channels?*")
    await failure.get_by_role("button", name="Try again").click()
    await expect(tile(console, "Tickets")).to_contain_text("12")
