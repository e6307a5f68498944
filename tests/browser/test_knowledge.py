"""The knowledge in the console: articles, files that a worker reads, and questions that are tried out."""

from typing import Literal

import pytest
from playwright.async_api import FilePayload, expect

from agent.knowledge.documents import Document, Section
from tests.agent.knowledge.desk import WordEmbedder, store
from tests.api.service import Service
from tests.api.test_knowledge_routes import worker
from tests.browser.console import Console

RESET = Section(
    "Reset your password",
    "Open **Settings › Security** and choose `Reset password`.\n\n1. Enter your e-mail address.\n"
    "2. Open the link that we send. It works for one hour.\n\n- No mail? Look into the spam folder.\n"
    "- Still none? Write to us.",
)
REFUND = "We refund any order within {} days after it came. <b>The money</b> is back after five working days."


@pytest.fixture
async def shelf(site: Service) -> Service:
    """A desk that knows something."""
    local = WordEmbedder()
    documents = {
        "account/password.md": Document("How to reset your password", "account", (RESET,)),
        "billing/refunds.md": Document("Refunds and returns", "billing", (Section("Refunds", REFUND.format(30)),)),
        "billing/refund-policy.md": Document(
            "Refunds in the shop", "billing", (Section("Refunds", REFUND.format(14)),)
        ),
        "shipping/versand.md": Document(
            "Lieferzeiten", "shipping", (Section("", "Pakete kommen in zwei Tagen an."),), language="de"
        ),
    }
    for source, document in documents.items():
        await store(site.pool, source, document, local)
    return site


async def test_an_empty_desk_says_what_to_do(console: Console) -> None:
    await console.sign_in("/desk/knowledge")
    await expect(console.page.get_by_text("The desk knows nothing yet")).to_be_visible()
    await console.keep_screenshot()
    await console.page.get_by_role("link", name="Upload articles").click()
    await expect(console.page.get_by_text("Nothing was uploaded in the last thirty days")).to_be_visible()
    await console.expect_accessible()


async def test_articles_are_found_by_their_words_and_filters_stand_in_the_address(
    console: Console, shelf: Service
) -> None:
    await console.sign_in("/desk/knowledge")
    rows = console.page.get_by_role("list", name="Articles").get_by_role("listitem")
    await expect(rows).to_have_count(4)
    await console.page.keyboard.press("/")
    await console.page.keyboard.type("working days")
    await expect(rows).to_have_count(2)
    await expect(console.page).to_have_url("/desk/knowledge?q=working+days")
    await console.page.get_by_text("Drafts", exact=True).click()
    await expect(console.page.get_by_text("No article is like that")).to_be_visible()
    await console.page.get_by_role("button", name="Show all articles").click()
    await expect(rows).to_have_count(4)


async def test_an_article_is_taken_back_and_published_again_and_its_text_is_no_markup(
    console: Console, shelf: Service
) -> None:
    await console.sign_in("/desk/knowledge?q=refund")
    await console.page.get_by_role("link", name="Refunds in the shop").click()
    await expect(console.title("Refunds in the shop")).to_be_visible()
    await expect(console.page.get_by_text("<b>The money</b>")).to_be_visible()
    await expect(console.page.get_by_text("Look at this before customers do")).to_be_visible()
    await console.page.get_by_role("button", name="Unpublish").click()
    await expect(console.page.get_by_text("The desk does not read it until")).to_be_visible()
    async with shelf.pool.acquire() as conn:
        assert await conn.fetchval("SELECT count(*) FROM knowledge_revisions WHERE upper_inf(published)") == 3
    await console.page.get_by_role("button", name="Publish", exact=True).click()
    await expect(console.page.get_by_text("The desk answers from it.")).to_be_visible()
    await console.keep_screenshot()


async def test_a_file_is_followed_until_it_is_an_article_and_a_bad_one_says_why(
    console: Console, site: Service, database_url: str
) -> None:
    console.expect_complaint("422")
    await console.sign_in("/desk/knowledge/uploads")
    page = console.page
    hours = FilePayload(
        name="opening-hours.md", mimeType="text/markdown", buffer=b"# Opening hours\n\nMonday to Friday."
    )
    no_pdf = FilePayload(name="contract.pdf", mimeType="application/pdf", buffer=b"not a pdf")
    sheet = FilePayload(name="prices.xlsx", mimeType="application/octet-stream", buffer=b"x")
    choose = page.get_by_label("Files", exact=True)
    rows = page.get_by_role("list", name="Uploads").get_by_role("listitem")
    await choose.set_input_files([hours, no_pdf, sheet])
    await expect(rows.filter(has_text="contract.pdf")).to_contain_text("It is no PDF.")
    await expect(rows.filter(has_text="prices.xlsx")).to_contain_text("Markdown, text, HTML and PDF")
    await expect(rows.filter(has_text="opening-hours.md")).to_contain_text("Waiting for a worker")
    await console.keep_screenshot("waiting")
    async with worker(site, database_url):
        await expect(rows.filter(has_text="opening-hours.md")).to_contain_text("1 passage. The desk", timeout=60_000)
        await page.get_by_role("button", name="Forget prices.xlsx").click()
        await choose.set_input_files([hours])
        await expect(rows.filter(has_text="Already there")).to_have_count(1, timeout=60_000)
    await console.expect_accessible()
    await console.keep_screenshot("done")
    await page.get_by_role("link", name="Open the article of opening-hours.md").first.click()
    await expect(console.title("Opening hours")).to_be_visible()


async def test_a_question_shows_what_the_desk_would_find_and_whether_it_would_answer(
    console: Console, shelf: Service, database_url: str
) -> None:
    await console.sign_in("/desk/knowledge/search")
    async with worker(shelf, database_url):
        await console.page.get_by_label("Question").fill("How do I reset my password?")
        await console.page.get_by_role("button", name="Try it").click()
        passages = console.page.get_by_role("list", name="Passages").get_by_role("listitem")
        await expect(passages.first).to_contain_text("How to reset your password")
    await expect(passages.first.locator("mark").filter(has_text="password")).not_to_have_count(0)
    await expect(passages.first).to_contain_text("by meaning")
    await expect(console.page.get_by_role("region", name="What the desk would do")).to_contain_text("are asked for")
    await expect(console.page).to_have_url("/desk/knowledge/search?q=How+do+I+reset+my+password%3F")
    await console.expect_accessible()
    await console.keep_screenshot()
    await console.turn_into_phone()
    await console.keep_screenshot("phone")


async def test_without_a_worker_the_page_says_so(console: Console) -> None:
    console.expect_complaint("503")
    await console.sign_in("/desk/knowledge/search?q=refund")
    await expect(console.page.get_by_role("alert")).to_contain_text("No worker is running")
    await console.expect_accessible()
    await console.keep_screenshot()


@pytest.mark.parametrize("look", ["light", "dark"])
async def test_the_knowledge_is_accessible_and_fits_a_phone(
    console: Console, shelf: Service, look: Literal["light", "dark"]
) -> None:
    await console.prefer(look)
    await console.sign_in("/desk/knowledge")
    parts = {
        "list": "/desk/knowledge",
        "article": "/desk/knowledge?q=reset",
        "upload": "/desk/knowledge/uploads",
    }
    for part, path in parts.items():
        await console.page.set_viewport_size({"width": 1440, "height": 900})
        await console.open(path)
        await expect(console.page.get_by_role("status", name="Loading")).to_have_count(0)
        if part == "article":
            await console.page.get_by_role("link", name="How to reset your password").click()
            await expect(console.title("How to reset your password")).to_be_visible()
        await console.expect_accessible()
        await console.keep_screenshot(part)
        await console.turn_into_phone()
        await console.keep_screenshot(f"{part}-phone")
