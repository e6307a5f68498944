"""The settings in the console: channels, teams, accounts, API keys, the audit log, and everybody's own account."""

import re
from collections.abc import AsyncIterator
from typing import Literal

import pytest
from playwright.async_api import expect
from pydantic import SecretStr

from core.channel_settings import MailboxSettings
from core.ids import new_id
from core.passwords import hash_password
from core.settings import Settings
from database.queries import audit, inboxes, users
from database.queries.api_keys import add_api_key, make_key
from database.types import Actor
from tests.api.service import LOWEST_COST, SECRET_KEY, Service
from tests.api.test_settings_routes import work
from tests.browser.console import PASSWORD, Console
from tests.emulators.smtp import PASSWORD as MAIL_PASSWORD
from tests.emulators.smtp import USER, SmtpServer, run_smtp

NEW_PASSWORD = "nine herons before lunch"
AGENT = "linus@desk.example"
TABS = ("channels", "escalation", "users", "keys", "audit", "account")


@pytest.fixture
async def smtp() -> AsyncIterator[SmtpServer]:
    """A mail server that takes what it is given."""
    async with run_smtp() as server:
        yield server


@pytest.fixture
def settings(settings: Settings, smtp: SmtpServer) -> Settings:
    """A desk with a mailbox."""
    mailbox = MailboxSettings(
        address=USER,
        password=SecretStr(MAIL_PASSWORD),
        imap_host="127.0.0.1",
        imap_security="none",
        smtp_host="127.0.0.1",
        smtp_port=smtp.port,
        smtp_security="none",
    )
    return settings.model_copy(update={"mailbox": mailbox})


@pytest.fixture
async def office(site: Service) -> Service:
    """A desk where somebody has done something, a machine has a key, and an inbox cannot be read."""
    async with site.pool.acquire() as conn, conn.transaction():
        password_hash = hash_password(PASSWORD, cost=LOWEST_COST)
        agent = await users.add_user(conn, email=AGENT, name="Linus Weber", role="agent", password_hash=password_hash)
        key_id = await add_api_key(conn, "Nightly report", make_key(), ["metrics:read"], tier="high", days=90)
        await inboxes.note_problem(conn, "gmail", "help@desk.example", "read", "The refresh token was revoked.")
        for action, kind, object_id in (
            ("user.opened", "user", agent.id),
            ("key.made", "key", key_id),
            ("ticket.closed", "ticket", new_id()),
        ):
            await audit.record(
                conn,
                SECRET_KEY,
                actor=Actor("user", agent.id),
                action=action,
                object_kind=kind,
                object_id=object_id,
                before={"role": "user"} if kind == "user" else None,
                after={"role": "agent"} if kind == "user" else None,
            )
    return site


async def test_a_channel_is_closed_and_told_how_long_to_wait(console: Console, office: Service) -> None:
    await console.sign_in("/desk/settings")
    await expect(console.page).to_have_url("/desk/settings/channels")
    cards = console.page.get_by_role("list", name="Channels").get_by_role("listitem")
    form = cards.filter(has_text="Web form")
    await expect(cards.filter(has_text="help@desk.example")).to_contain_text("The refresh token was revoked.")
    await expect(form).to_contain_text("Working")
    await form.get_by_role("switch").set_checked(False, force=True)
    await expect(form).to_contain_text("Closed")
    await form.get_by_label("Wait for more messages").click()
    async with console.page.expect_response(lambda response: response.request.method == "PATCH"):  # or it is cut off
        await console.page.get_by_role("option", name="3 seconds").click()
    await console.page.reload()
    await expect(form).to_contain_text("Closed")
    await expect(form.get_by_role("combobox", name="Wait for more messages")).to_have_value("3 seconds")


async def test_a_test_message_is_followed_until_the_mail_server_has_it(
    console: Console, office: Service, smtp: SmtpServer
) -> None:
    console.expect_complaint("422")
    await console.sign_in("/desk/settings/channels")
    card = console.page.get_by_role("list", name="Channels").get_by_role("listitem").filter(has_text=USER)
    await card.get_by_role("button", name="Send a test message").click()
    dialog = console.page.get_by_role("dialog")
    await dialog.get_by_label("To which address").fill("me@localhost")
    await dialog.get_by_role("button", name="Send it").click()
    await expect(dialog).to_contain_text("Expected an address such as you@example.com.")
    await dialog.get_by_label("To which address").fill("ada@colleagues.example.com")
    await dialog.get_by_role("button", name="Send it").click()
    await expect(dialog).to_contain_text("Waiting for a worker to send it")
    await work(office)
    await expect(dialog).to_contain_text("The vendor has taken it.")
    await console.expect_accessible()
    await console.keep_screenshot()
    (mail,) = smtp.accepted
    assert mail.recipients == ("ada@colleagues.example.com",)


async def test_another_team_takes_over(console: Console, site: Service) -> None:
    await console.sign_in("/desk/settings/escalation")
    await console.page.get_by_role("button", name="Edit Billing").click()
    dialog = console.page.get_by_role("dialog")
    await dialog.get_by_label("Team").fill("Accounts receivable")
    await dialog.get_by_label("Instructions").fill("Look at the invoice first.")
    await console.keep_screenshot()
    await dialog.get_by_role("button", name="Save").click()
    routes = console.page.get_by_role("list", name="Escalation routes")
    await expect(routes).to_contain_text("Look at the invoice first.")
    async with site.pool.acquire() as conn:
        team = await conn.fetchval("SELECT team FROM escalation_routes WHERE category = 'billing'")
    assert team == "Accounts receivable"


async def test_an_account_is_opened_its_password_reset_and_itself_disabled(console: Console, site: Service) -> None:
    console.expect_complaint("422")
    await console.sign_in("/desk/settings/users")
    page, dialog = console.page, console.page.get_by_role("dialog")
    await page.get_by_role("button", name="New account").click()
    await dialog.get_by_label("Name").fill("Linus Weber")
    await dialog.get_by_label("Email").fill(AGENT)
    await dialog.get_by_label("First password").fill("password")
    await dialog.get_by_role("button", name="Open the account").click()
    await expect(dialog).to_contain_text(re.compile("12|common|guess"))
    await console.keep_screenshot("refused")
    await dialog.get_by_label("First password").fill(NEW_PASSWORD)
    await dialog.get_by_role("button", name="Open the account").click()
    row = page.get_by_role("row").filter(has_text=AGENT)
    await row.get_by_role("button", name="Change Linus Weber").click()
    await console.expect_accessible()
    await console.keep_screenshot("menu")
    await page.get_by_role("menuitem", name="Reset the password").click()
    await dialog.get_by_label("New password").fill(NEW_PASSWORD + "!")
    await dialog.get_by_role("button", name="Set it").click()
    await expect(page.get_by_text("has a new password")).to_be_visible()
    await row.get_by_role("button", name="Change Linus Weber").click()
    await page.get_by_role("menuitem", name="Disable").click()
    await expect(row).to_contain_text("Disabled")


async def test_the_last_admin_stays_one(console: Console) -> None:
    console.expect_complaint("409")
    await console.sign_in("/desk/settings/users")
    await console.page.get_by_role("button", name="Change Ada Byron").click()
    await console.page.get_by_role("menuitem", name="Disable").click()
    await expect(console.page.get_by_text("This is the last admin")).to_be_visible()
    await console.page.reload()
    await expect(console.title("Settings")).to_be_visible()


async def test_a_key_is_shown_once_and_revoked(console: Console, site: Service) -> None:
    await console.sign_in("/desk/settings/keys")
    page, dialog = console.page, console.page.get_by_role("dialog")
    await expect(page.get_by_text("There is no key yet")).to_be_visible()
    await page.get_by_role("button", name="New key").click()
    await dialog.get_by_label("For what").fill("Nightly report")
    await dialog.get_by_label("Read figures").check()
    await console.keep_screenshot("new")
    await dialog.get_by_role("button", name="Make the key").click()
    key = await dialog.get_by_label("API key").input_value()
    await console.expect_accessible()
    answer = await site.client.get("/metrics/channels", headers={"X-API-Key": key})
    assert answer.status_code == 200, answer.text
    await dialog.get_by_role("button", name="I have it").click()
    await expect(page.get_by_role("row").filter(has_text="Nightly report")).to_contain_text(key[:6])
    assert key not in await page.content()
    await page.get_by_role("button", name="Revoke Nightly report").click()
    await dialog.get_by_role("button", name="Revoke").click()
    await expect(page.get_by_role("row").filter(has_text="Nightly report")).to_contain_text("Revoked")
    assert (await site.client.get("/metrics/channels", headers={"X-API-Key": key})).status_code == 401


async def test_the_audit_log_is_read_as_sentences_and_its_chain_is_checked(console: Console, office: Service) -> None:
    await console.sign_in("/desk/settings/audit?action=user.opened")
    rows = console.page.get_by_role("list", name="Entries").get_by_role("listitem")
    await expect(rows).to_have_count(1)
    await expect(rows).to_contain_text("Linus Weber opened an account for Linus Weber")
    await rows.locator("summary").click()
    await expect(rows.get_by_role("row").filter(has_text="role")).to_contain_text("agent")
    await console.page.get_by_role("button", name="Verify the chain").click()
    await expect(console.page.get_by_role("status").filter(has_text="The log is whole")).to_be_visible()
    await console.expect_accessible()
    await console.keep_screenshot()
    await console.open("/desk/settings/audit?from=2020-01-01&to=2020-01-02")
    await expect(console.page.get_by_text("No entry is like that")).to_be_visible()


async def test_agents_find_their_own_account_alone_and_change_their_password(console: Console, office: Service) -> None:
    console.expect_complaint("422")
    await console.sign_in("/desk/settings", email=AGENT)
    await expect(console.page).to_have_url("/desk/settings/account")
    await expect(
        console.page.get_by_role("navigation", name="Parts of the settings").get_by_role("link")
    ).to_have_count(1)
    await console.page.get_by_label("Current password").fill("not this one at all")
    await console.page.get_by_label("New password").fill(NEW_PASSWORD)
    await console.page.get_by_role("button", name="Change it").click()
    await expect(console.page.get_by_text("This is not your password.")).to_be_visible()
    await console.page.get_by_label("Current password").fill(PASSWORD)
    await console.page.get_by_role("button", name="Change it").click()
    await expect(console.page.get_by_text("you are signed out everywhere else")).to_be_visible()
    await console.open("/desk/settings/users")
    await expect(console.title("There is nothing here")).to_be_visible()


@pytest.mark.parametrize("look", ["light", "dark"])
async def test_the_settings_are_accessible_and_fit_a_phone(
    console: Console, office: Service, look: Literal["light", "dark"]
) -> None:
    await console.prefer(look)
    await console.sign_in("/desk/settings")
    for tab in TABS:
        await console.page.set_viewport_size({"width": 1440, "height": 900})
        await console.open(f"/desk/settings/{tab}")
        await expect(console.page.get_by_role("status", name="Loading")).to_have_count(0)
        await console.expect_accessible()
        await console.keep_screenshot(tab)
        await console.turn_into_phone()
        await console.keep_screenshot(f"{tab}-phone")
