"""The console as a person meets it, for tests in a browser."""

import re
from pathlib import Path
from typing import Literal

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import ConsoleMessage, Error, Locator, Page, expect

ADMIN = "ada@desk.example"
PASSWORD = "correct horse battery staple"
PHONE = {"width": 390, "height": 844}
_SERIOUS = {"serious", "critical"}


class Console:
    """A browser window and everything that went wrong in it."""

    def __init__(self, page: Page, screenshots: Path, name: str) -> None:
        self.page = page
        self.complaints: list[str] = []
        self._screenshots = screenshots
        self._name = re.sub(r"[^a-z0-9]+", "-", name.removeprefix("test_").lower()).strip("-")
        self._expected: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", self._hear_error)

    def expect_complaint(self, part: str) -> None:
        """Browsers log every answer that is an error; one whose text or address has this part is meant to come."""
        self._expected.append(part)

    async def open(self, path: str = "/desk") -> None:
        """Go to an address and wait for what it shows: a page or the form to sign in."""
        await self.page.goto(path)
        await expect(self.page.get_by_role("heading", level=1)).to_be_visible()

    async def sign_in(self, path: str = "/desk", *, email: str = ADMIN, password: str = PASSWORD) -> None:
        """Open an address and sign in there."""
        self.expect_complaint("401")  # before anybody signs in, there is nothing to refresh
        await self.open(path)
        await self.fill_in(email, password)
        await expect(self.page.get_by_role("navigation", name="Console")).to_be_attached()

    async def fill_in(self, email: str, password: str) -> None:
        """Send the form to sign in."""
        await self.page.get_by_label("Email").fill(email)
        await self.page.get_by_label("Password", exact=True).fill(password)
        await self.page.get_by_role("button", name="Sign in").click()

    def title(self, text: str) -> Locator:
        """The page's heading with this text."""
        return self.page.get_by_role("heading", level=1, name=text, exact=True)

    async def prefer(self, look: Literal["light", "dark"]) -> None:
        """Set the system's look."""
        await self.page.emulate_media(color_scheme=look)

    async def turn_into_phone(self) -> None:
        """Make the window as narrow as a phone; nothing may stand beyond its edge."""
        await self.page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        await expect(self.page.locator("html")).to_have_js_property("scrollWidth", PHONE["width"])

    async def keep_screenshot(self, part: str = "") -> None:
        """Keep what is on screen, under the name of the test."""
        name = "-".join(filter(None, [self._name, part]))
        await self.page.screenshot(path=self._screenshots / f"{name}.png", animations="disabled")

    async def expect_accessible(self) -> None:
        """Let axe-core look at the page; nothing serious may be wrong."""
        found = (await Axe().run(self.page)).response["violations"]
        serious = [
            f"{violation['id']}: {[(node['html'], node['failureSummary']) for node in violation['nodes']]}"
            for violation in found
            if violation["impact"] in _SERIOUS
        ]
        assert not serious, "\n".join(serious)

    def _hear(self, message: ConsoleMessage) -> None:
        text = f"{message.text} ({message.location['url']})"
        if message.type in {"error", "warning"} and not any(part in text for part in self._expected):
            self.complaints.append(text)

    def _hear_error(self, error: Error) -> None:
        self.complaints.append(f"{error.name}: {error.message}")
