"""The way of a ticket between two browsers: the customer's and that of a person at the desk."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from database.notify import TICKET_CHANNEL
from tests.api.service import Service
from tests.api.turns import deliver, hand_over, take_turn
from tests.browser.console import PHONE, Console
from tests.browser.desk import write_answered


@pytest.fixture
async def customer(browser: Browser, site: Service, request: pytest.FixtureRequest) -> AsyncIterator[Console]:
    """A customer's window. What the pages complain about fails the test."""
    context = await browser.new_context(base_url=str(site.client.base_url), reduced_motion="reduce")
    name = f"{request.node.name}-customer"
    opened = Console(await context.new_page(), Path(".data") / "screenshots", name)
    yield opened
    await context.close()
    assert not opened.complaints


async def test_a_ticket_goes_from_the_form_to_a_persons_reply_and_the_customers_rating(
    console: Console, customer: Console, site: Service
) -> None:
    await console.sign_in("/desk/tickets")
    await expect(console.page.get_by_text("No tickets yet.")).to_be_visible()
    ref = await _fill_in_form(customer)
    turn = await take_turn(site.pool, ref)
    await hand_over(site.pool, turn, "billing", draft=None)
    site.desk.notifier.notify(TICKET_CHANNEL, ref)

    await console.page.get_by_role("link", name="My invoice is wrong").click()
    await console.page.get_by_label("Reply to Mara Lind").fill("You are right: it is 29 €. A new invoice follows.")
    await console.page.get_by_role("button", name="Send", exact=True).click()
    await expect(console.page.get_by_text("Waiting to be sent")).to_be_visible()
    await deliver(site.pool, turn)
    site.desk.notifier.notify(TICKET_CHANNEL, ref)

    page = customer.page
    await expect(page.get_by_text("You are right: it is 29 €.")).to_be_visible()
    await page.get_by_role("radio", name="4").check(force=True)
    await page.get_by_role("radio", name="Yes").check(force=True)
    await page.get_by_label("What could be better?").fill("An answer in the night would have been better.")
    await customer.expect_accessible()
    await customer.keep_screenshot("asked")
    await page.get_by_role("button", name="Send feedback").click()
    await expect(page.get_by_text("Thank you: 4 of 5. Your ticket is closed.")).to_be_visible()
    await expect(page.get_by_role("status").filter(has_text="Thank you")).to_be_focused()
    await customer.expect_accessible()
    await customer.keep_screenshot("thanked")

    rating = console.page.get_by_role("article", name="Feedback of the customer")
    await expect(rating).to_contain_text("An answer in the night would have been better.")
    await expect(rating.get_by_role("img", name="Rated 4 of 5")).to_be_visible()
    await console.keep_screenshot("rated")


async def test_a_customer_who_was_not_helped_changes_their_rating_and_gets_a_person(
    customer: Console, site: Service
) -> None:
    opened = await write_answered(site)
    page = customer.page
    await page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    await customer.open(opened.link)
    for rating, settled, next_step in (
        ("5", "Yes", "Your ticket is closed."),
        ("1", "No", "looks into it and replies here."),
    ):
        await page.get_by_role("radio", name=rating).check(force=True)
        await page.get_by_role("radio", name=settled).check(force=True)
        await customer.keep_screenshot(f"asked-{rating}")
        await page.get_by_role("button", name="Send feedback").click()
        await expect(page.get_by_text(f"Thank you: {rating} of 5.")).to_be_visible()
        await expect(page.get_by_role("status").filter(has_text=next_step)).to_be_visible()
        if rating == "5":
            await page.reload()
            await page.get_by_role("button", name="Change").click()
    await customer.keep_screenshot("handed-over")
    await customer.expect_accessible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


async def _fill_in_form(customer: Console) -> str:
    """Open a ticket as customers do, and return its reference."""
    page = customer.page
    await customer.open("/")
    await page.get_by_label("Name").fill("Mara Lind")
    await page.get_by_label("Email").fill("mara@example.com")
    await page.get_by_label("Subject").fill("My invoice is wrong")
    await page.get_by_label("Topic").select_option("billing")
    await page.get_by_role("textbox", name="Message").fill("It says 290 € instead of 29 €.")
    await page.get_by_role("button", name="Send").click()
    await expect(page.get_by_role("heading", level=1, name="My invoice is wrong")).to_be_visible()
    return page.url.split("/ticket/")[1].split("?")[0]
