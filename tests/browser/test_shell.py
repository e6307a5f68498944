"""Signing in and out, and what stands around every page."""

import re
from typing import Literal
from urllib.parse import urlsplit

import pytest
from playwright.async_api import expect

from database.pause import resume_desk
from database.queries import desk_state
from tests.api.people import PASSWORD, hire
from tests.api.service import Service
from tests.api.turns import take_turn
from tests.browser.console import ADMIN, PHONE, Console

EACH_LOOK = pytest.mark.parametrize("look", ["light", "dark"])


async def test_signing_in_leads_to_the_page_that_was_asked_for(console: Console) -> None:
    await console.sign_in("/desk/knowledge")
    await expect(console.title("Knowledge")).to_be_visible()
    await expect(console.page).to_have_title("Knowledge · Nightdesk")
    await expect(console.page.get_by_role("link", name="Knowledge")).to_have_attribute("aria-current", "page")


async def test_a_wrong_password_is_said_and_the_address_stays(console: Console) -> None:
    console.expect_complaint("401")
    await console.open()
    await console.fill_in(ADMIN, "wrong password here")
    await expect(console.page.get_by_role("alert")).to_contain_text("do not match")
    await expect(console.page.get_by_label("Email")).to_have_value(ADMIN)
    await console.expect_accessible()
    await console.keep_screenshot()


async def test_after_a_reload_one_is_still_signed_in_and_where_one_was(console: Console) -> None:
    await console.sign_in("/desk/settings")
    await console.page.reload()
    await expect(console.title("Settings")).to_be_visible()


async def test_signing_out_ends_the_session_in_every_tab(console: Console) -> None:
    await console.sign_in("/desk/tickets")
    other = await console.page.context.new_page()
    await other.goto("/desk/tickets")
    await expect(other.get_by_role("heading", level=1, name="Tickets")).to_be_visible()
    await console.page.get_by_role("button", name="Account of").click()
    await console.page.get_by_role("menuitem", name="Sign out").click()
    for page in (console.page, other):
        await expect(page.get_by_role("heading", name="Sign in to Nightdesk")).to_be_visible()
    await console.page.reload()
    await expect(console.title("Sign in to Nightdesk")).to_be_visible()


async def test_the_token_is_kept_nowhere_but_in_memory(console: Console) -> None:
    await console.sign_in()
    kept = await console.page.evaluate("JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])")
    assert kept == '[{},{},""]'


async def test_an_access_token_that_is_spent_is_renewed_without_a_word(console: Console) -> None:
    await console.page.clock.install()
    async with console.page.expect_response("**/events"):
        await console.sign_in("/desk/tickets")
    async with console.page.expect_request("**/auth/refresh"), console.page.expect_request("**/events"):
        await console.page.clock.fast_forward("20:00")
        # Whatever the stream said in the middle of that has armed its watch over silence anew.
        await console.page.clock.fast_forward("01:00")
    await expect(console.title("Tickets")).to_be_visible()


async def test_a_lost_connection_is_said_until_it_is_back(console: Console) -> None:
    console.expect_complaint("ERR_INTERNET_DISCONNECTED")
    banner = console.page.get_by_text("The desk cannot be reached.")
    await console.page.clock.install()
    await console.sign_in("/desk/tickets")
    await expect(banner).to_be_hidden()
    await console.page.context.set_offline(True)
    await console.page.clock.fast_forward("01:00")
    await expect(banner).to_be_visible()
    await console.expect_accessible()
    await console.keep_screenshot()
    await console.page.context.set_offline(False)
    await expect(banner).to_be_hidden()


async def test_the_keyboard_alone_goes_everywhere(console: Console) -> None:
    await console.sign_in("/desk/dashboard")
    keyboard = console.page.keyboard
    await keyboard.press("g")
    await keyboard.press("t")
    await expect(console.title("Tickets")).to_be_focused()
    await keyboard.press("Control+k")
    await console.page.get_by_placeholder("Go to a page").fill("settings")
    await keyboard.press("Enter")
    await expect(console.title("Settings")).to_be_visible()
    await keyboard.press("?")
    help_dialog = console.page.get_by_role("dialog", name="Keyboard shortcuts")
    await expect(help_dialog).to_contain_text("Go to Tickets")
    await console.expect_accessible()
    await console.keep_screenshot()
    await keyboard.press("Escape")
    await expect(help_dialog).to_be_hidden()


async def test_an_address_that_is_nothing_says_so_and_leads_back(console: Console) -> None:
    await console.sign_in("/desk/weather")
    await expect(console.title("There is nothing here")).to_be_visible()
    await console.page.get_by_role("link", name="Back to the start").click()
    await expect(console.title("Dashboard")).to_be_visible()


async def test_a_phone_shows_the_navigation_when_asked(console: Console) -> None:
    await console.page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    await console.sign_in("/desk/dashboard")
    link = console.page.get_by_role("link", name="Tickets")
    await expect(link).not_to_be_in_viewport()
    await console.page.get_by_role("button", name="Open the navigation").click()
    await console.keep_screenshot("open")
    await link.click()
    await expect(console.title("Tickets")).to_be_visible()
    await expect(link).not_to_be_in_viewport()
    width = await console.page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"]
    await console.expect_accessible()


@EACH_LOOK
async def test_the_form_to_sign_in_is_accessible(console: Console, look: Literal["light", "dark"]) -> None:
    console.expect_complaint("401")
    await console.prefer(look)
    await console.open()
    await console.expect_accessible()
    await console.keep_screenshot()


@EACH_LOOK
async def test_the_shell_is_accessible_with_its_menus(console: Console, look: Literal["light", "dark"]) -> None:
    await console.prefer(look)
    await console.sign_in("/desk/tickets")
    await console.expect_accessible()
    await console.keep_screenshot()
    await console.page.get_by_role("button", name="Account of").click()
    await expect(console.page.get_by_role("menuitemradio", name="Like the system")).to_be_checked()
    await console.expect_accessible()
    await console.keep_screenshot("menu")
    await console.page.keyboard.press("Escape")
    await console.page.keyboard.press("Control+k")
    await expect(console.page.get_by_text("Go to Knowledge")).to_be_visible()
    await console.expect_accessible()
    await console.keep_screenshot("search")


async def test_a_customer_finds_their_own_tickets_and_opens_another(console: Console, site: Service) -> None:
    user = await hire(site.pool, "user", name="Alice Abbott")
    await console.sign_in(email=user.email, password=PASSWORD)
    page = console.page
    await expect(page.get_by_text("You have no tickets yet")).to_be_visible()
    await expect(page.get_by_role("navigation", name="Console").get_by_role("link")).to_have_text(
        [re.compile("Your tickets"), re.compile("Settings")]
    )
    await page.keyboard.press("n")
    await page.get_by_label("Subject").fill("Invite a colleague")
    await page.get_by_label("Message").fill("How do I invite somebody?")
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="New ticket").click()
    await expect(page.get_by_label("Message")).to_have_value("How do I invite somebody?")
    await console.expect_accessible()
    await page.get_by_role("button", name="Send message").click()
    await page.wait_for_url("**/ticket/**")
    opened = page.url
    await take_turn(site.pool, urlsplit(opened).path.rpartition("/")[2])
    await console.open()
    await console.expect_accessible()
    await console.keep_screenshot()
    await page.get_by_role("link", name="Invite a colleague").click()
    await expect(page).to_have_url(opened)
    await expect(console.title("Invite a colleague")).to_be_visible()


async def test_a_page_that_does_not_come_is_not_called_broken(console: Console) -> None:
    await console.sign_in("/desk/tickets")
    await expect(console.title("Tickets")).to_be_visible()
    console.expect_complaint("ERR_")
    console.expect_complaint("/assets/")
    await console.page.route("**/assets/**", lambda route: route.abort())
    await console.page.get_by_role("link", name="Knowledge").click()
    await expect(console.title("This page could not be loaded")).to_be_visible()
    await expect(console.page.get_by_role("button", name="Reload")).to_be_visible()
    await console.keep_screenshot()


async def test_every_page_says_that_the_desk_is_paused_until_it_is_not(console: Console, site: Service) -> None:
    async with site.pool.acquire() as conn:
        await desk_state.pause(conn, "moving to another machine")
    banner = console.page.get_by_role("status").filter(has_text="nothing is sent")
    for path in ("/desk/tickets", "/desk/knowledge"):
        await (console.sign_in(path) if path == "/desk/tickets" else console.page.goto(path))
        await expect(banner).to_contain_text("moving to another machine")
        await expect(banner).to_contain_text("nightdesk resume")
    await console.expect_accessible()
    await console.keep_screenshot()
    async with site.pool.acquire() as conn:
        await resume_desk(conn, repeatable_channels=[])
    await console.page.reload()
    await expect(console.title("Knowledge")).to_be_visible()
    await expect(banner).to_have_count(0)
