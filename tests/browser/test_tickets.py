"""The tickets of the console: read, answered and triaged, with the mouse, the keyboard and a phone."""

import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Literal

import pytest
from playwright.async_api import Error, Locator, expect

from database import outbox, undelivered
from tests.api.people import bear
from tests.api.service import Service, issue_key
from tests.api.turns import answer
from tests.browser.console import PHONE, Console
from tests.browser.desk import DRAFT, furnish, write, write_answered, write_escalated

DESKTOP = {"width": 1440, "height": 900}
EACH_LOOK = pytest.mark.parametrize("look", ["light", "dark"])


def lines(console: Console) -> Locator:
    """The tickets in the list."""
    return console.page.get_by_role("region", name="Tickets").get_by_role("link")


def heading(console: Console, subject: str) -> Locator:
    """The open ticket's subject."""
    return console.page.get_by_role("heading", level=2, name=subject)


@EACH_LOOK
async def test_a_ticket_is_shown_with_all_that_is_known_of_it(
    console: Console, site: Service, look: Literal["light", "dark"]
) -> None:
    await furnish(site)
    await console.prefer(look)
    await console.page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
    await console.sign_in("/desk/tickets")
    await expect(lines(console)).to_have_count(5)
    await console.keep_screenshot("list")
    await console.expect_accessible()
    await lines(console).filter(has_text="Charged twice").click()
    await expect(heading(console, "Charged twice for November")).to_be_focused()
    details = console.page.get_by_role("complementary", name="Details")
    await expect(details).to_contain_text("62% sure, 75% needed")
    await expect(details).to_contain_text("Questions about charges always go to a person.")
    await console.keep_screenshot("escalated")
    await console.expect_accessible()
    await lines(console).filter(has_text="Cannot sign in").click()
    await console.page.get_by_role("button", name="Source 1: Reset your password").click()
    await expect(console.page.get_by_text("valid for one hour")).to_be_visible()
    await details.get_by_text("Search knowledge base").click()
    await expect(details).to_contain_text("3 passages found.")
    await console.keep_screenshot("answered")
    await console.expect_accessible()


async def test_an_empty_desk_says_what_will_be_here(console: Console) -> None:
    await console.page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
    await console.sign_in("/desk/tickets")
    await expect(console.page.get_by_text("No tickets yet.")).to_be_visible()
    await console.keep_screenshot()
    await console.page.get_by_role("button", name="Mine 0").click()
    await expect(console.page.get_by_text("You have no open tickets.")).to_be_visible()
    await console.page.get_by_label("Search tickets and messages").fill("refund")
    await console.page.get_by_role("button", name="Clear search and filters").click()
    await expect(console.page).to_have_url(re.compile(r"/desk/tickets\?view=mine$"))
    await console.expect_accessible()


async def test_a_list_that_cannot_be_loaded_says_so_and_is_loaded_again(console: Console, site: Service) -> None:
    await furnish(site)
    console.expect_complaint("500")
    await console.page.route("**/tickets?*", lambda route: route.fulfill(status=500))
    await console.sign_in("/desk/tickets")
    await expect(console.page.get_by_text("The tickets could not be loaded.")).to_be_visible()
    await console.keep_screenshot()
    await console.expect_accessible()
    again = console.page.get_by_role("button", name="Try again")
    async with console.page.expect_request("**/tickets?*"):
        await again.click()
    await console.page.unroute("**/tickets?*")
    with suppress(Error):  # live news may have loaded the list meanwhile
        await again.click(timeout=2_000)
    await expect(lines(console)).to_have_count(5)


async def test_a_ticket_that_does_not_exist_leads_back_to_the_list(console: Console) -> None:
    console.expect_complaint("404")
    await console.sign_in("/desk/tickets/TF-20261121-9999")
    await expect(heading(console, "No such ticket")).to_be_visible()
    await console.page.get_by_role("button", name="Back to the list").click()
    await expect(console.page).to_have_url(re.compile(r"/desk/tickets$"))


async def test_tickets_are_triaged_by_keyboard_alone(console: Console, site: Service) -> None:
    await furnish(site)
    await console.page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
    await console.sign_in("/desk/tickets")
    page, keyboard = console.page, console.page.keyboard
    await expect(lines(console)).to_have_count(5)
    await keyboard.press("j")
    await keyboard.press("j")
    await keyboard.press("k")
    await expect(lines(console).first).to_be_focused()
    await keyboard.press("Enter")
    await expect(heading(console, "Charged twice for November")).to_be_focused()

    await keyboard.press("a")
    await expect(page.get_by_role("menuitem", name="Me")).to_be_focused()
    await keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Assign, now Ada Byron")).to_be_visible()

    await keyboard.press("n")
    note = page.get_by_label("Note for your colleagues")
    await expect(note).to_be_focused()
    await keyboard.type("Both charges are on the statement.")
    await keyboard.press("Control+Enter")
    await expect(page.get_by_role("article", name="Internal note by Ada Byron")).to_contain_text("Both charges")
    await keyboard.press("Escape")

    await keyboard.press("r")
    await expect(page.get_by_label("Reply to Grace Hopper")).to_be_focused()
    await keyboard.type("The second charge is on its way back to you.")
    await keyboard.press("Control+Enter")
    conversation = page.get_by_role("region", name="Conversation")
    await expect(conversation).to_contain_text("The second charge is on its way back to you.")
    await expect(conversation).to_contain_text("Waiting to be sent")
    await expect(page.get_by_label("Reply to Grace Hopper")).to_have_value("")
    await console.keep_screenshot("answered")
    await keyboard.press("Escape")

    await keyboard.press("x")
    await expect(page.get_by_role("button", name="Reopen")).to_be_visible()
    await keyboard.press("j")
    await expect(heading(console, "Who else has seen my data")).to_be_focused()

    await keyboard.press("/")
    await keyboard.type("pupils")
    await expect(lines(console)).to_have_count(1)
    await keyboard.press("Escape")
    await expect(lines(console)).to_have_count(5)
    await keyboard.press("Escape")
    await keyboard.press("?")
    help_dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    for meaning in ("Next ticket", "Reply", "Write a note", "Escalate", "Assign", "Close", "Search tickets"):
        await expect(help_dialog).to_contain_text(meaning)
    await console.keep_screenshot("help")
    await keyboard.press("Escape")
    await keyboard.press("Escape")
    await expect(page).to_have_url(re.compile(r"/desk/tickets$"))


async def test_tickets_are_found_from_every_page_by_their_words(console: Console, site: Service) -> None:
    await furnish(site)
    await console.sign_in("/desk/settings")
    await console.page.keyboard.press("Control+k")
    await console.page.get_by_placeholder("find a ticket").fill("pupils")
    await expect(console.page.get_by_text("Search tickets for “pupils”")).to_be_visible()
    await console.keep_screenshot()
    await console.page.keyboard.press("Enter")
    await expect(lines(console)).to_have_count(1)
    await expect(lines(console)).to_contain_text("Who else has seen my data")


async def test_escalating_asks_for_a_team_and_a_reason(console: Console, site: Service) -> None:
    await write_answered(site)
    await console.page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
    await console.sign_in("/desk/tickets/TF-20261121-0001")
    await expect(heading(console, "Cannot sign in")).to_be_visible()
    await console.page.keyboard.press("e")
    dialog = console.page.get_by_role("dialog", name="Escalate this ticket")
    await expect(dialog.get_by_label("Team")).to_be_focused()
    await dialog.get_by_label("Team").select_option("security")
    await dialog.get_by_label("Reason").fill("Somebody else may know the password.")
    await console.keep_screenshot()
    await console.expect_accessible()
    await dialog.get_by_role("button", name="Escalate").click()
    await expect(dialog).to_be_hidden()
    await expect(console.page.get_by_label("Details").get_by_label("Team")).to_have_value("security")
    # Nobody has answered yet, so there is nothing to give back.
    await expect(console.page.get_by_role("button", name="To assistant")).to_be_hidden()


async def test_what_is_not_possible_now_is_explained_and_the_text_is_kept(console: Console, site: Service) -> None:
    opened = await write_escalated(site)
    await console.sign_in(f"/desk/tickets/{opened.ref}")
    await console.page.get_by_role("button", name="Use draft").click()
    field = console.page.get_by_label("Reply to Ada Byron")
    await expect(field).to_have_value(DRAFT)
    written = await site.client.post(
        f"/support/ticket/{opened.ref}/messages",
        json={"message": "Are you there?"},
        headers=bear(site.desk.make_ticket_token(opened.ref)),
    )
    assert written.status_code == 202
    console.expect_complaint("409")
    await console.page.get_by_role("button", name="Close", exact=True).click()
    await expect(console.page.get_by_role("alert")).to_contain_text("has just written")
    await expect(field).to_have_value(DRAFT)
    await console.page.reload()
    await expect(field).to_have_value(DRAFT)


async def test_a_draft_outlives_what_others_say_meanwhile(console: Console, site: Service) -> None:
    opened = await write_escalated(site)
    await console.sign_in(f"/desk/tickets/{opened.ref}")
    field = console.page.get_by_label("Reply to Ada Byron")
    await field.fill("I am looking into it.")
    key = await issue_key(site.pool, "tickets:read", "tickets:write")
    answered = await site.client.post(
        f"/tickets/{opened.ref}/replies", json={"text": "We have refunded it."}, headers={"X-API-Key": key}
    )
    assert answered.status_code == 202
    await expect(console.page.get_by_role("region", name="Conversation")).to_contain_text("We have refunded it.")
    await expect(console.page.get_by_text("Something new was said while you were writing.")).to_be_visible()
    await expect(field).to_have_value("I am looking into it.")
    await console.keep_screenshot()


async def test_a_phone_shows_the_list_or_the_ticket(console: Console, site: Service) -> None:
    await furnish(site)
    await console.page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    await console.sign_in("/desk/tickets")
    await expect(lines(console)).to_have_count(5)
    await console.keep_screenshot("list")
    await console.expect_accessible()
    await lines(console).first.click()
    await expect(heading(console, "Charged twice for November")).to_be_visible()
    await expect(lines(console).first).to_be_hidden()
    reference = console.page.get_by_role("article").get_by_text("TF-20261121-0001", exact=True)
    await expect(reference).to_be_in_viewport(ratio=1)
    await console.keep_screenshot("ticket")
    await console.expect_accessible()
    await console.page.get_by_role("button", name="Details").click()
    await expect(console.page.get_by_text("62% sure")).to_be_visible()
    await console.keep_screenshot("details")
    width = await console.page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"]
    await console.page.get_by_role("button", name="Back to the list").click()
    await expect(lines(console).first).to_be_focused()


@pytest.mark.parametrize(
    ("give_up", "choice", "becomes"),
    [
        (undelivered.fail, "Send again", "queued"),
        (undelivered.leave_in_doubt, "Mark as sent", "sent"),
    ],
)
async def test_a_reply_that_may_not_have_arrived_is_settled_where_it_stands(
    console: Console, site: Service, give_up: Callable[..., Awaitable[None]], choice: str, becomes: str
) -> None:
    opened = await write(site)
    reply_id = await answer(site.pool, opened.turn, "Choose “Forgot password” on the page to sign in.")
    async with site.pool.acquire() as conn, conn.transaction():
        (reply,) = await outbox.claim(conn, max_replies=1, lease_seconds=60)
        await give_up(conn, reply, "The mailbox did not answer.")
    await console.sign_in(f"/desk/tickets/{opened.ref}")
    conversation = console.page.get_by_role("region", name="Conversation")
    await expect(conversation).to_contain_text("The mailbox did not answer.")
    await console.keep_screenshot(becomes)
    await console.expect_accessible()
    await conversation.get_by_role("button", name=choice).click()
    await expect(conversation.get_by_role("group", name="Settle the delivery")).to_be_hidden()
    async with site.pool.acquire() as conn:
        assert await conn.fetchval("SELECT state FROM outbox WHERE id = $1", reply_id) == becomes
