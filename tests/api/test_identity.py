"""Proof of an address over the API: the code leaves through the outbox alone, and only who reads it there has it."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from channels.base import ChannelKit, Receipt
from channels.mail.write import MailWriter
from core.channel_settings import GmailSettings
from core.settings import Settings
from database import outbox
from database.queries import identities
from database.types import MailPath, OutboundMessage
from tests.api.service import SECRET_KEY, Service, expect_problem, hold_token, issue_key, open_service, submit
from tests.api.turns import Turn, take_turn
from workers.delivery import Deliverer

HERS = "alice@example.com"


@dataclass
class Mailbox:
    """Takes what the desk sends."""

    is_repeatable: bool = False
    received: list[OutboundMessage] = field(default_factory=list)

    async def send(self, message: OutboundMessage) -> Receipt:
        self.received.append(message)
        return Receipt(f"vendor-{len(self.received)}", known_as=("<sent@example.com>",))


@dataclass
class Customer:
    """The holder of a ticket on a desk that can send mail, and the mailbox that they claim."""

    service: Service
    accepted: dict[str, Any]
    turn: Turn
    mailbox: Mailbox

    async def claim(self, email: str = HERS) -> httpx.Response:
        return await self._post("identity", {"email": email})

    async def confirm(self, code: str) -> httpx.Response:
        return await self._post("identity/confirm", {"code": code})

    async def prove(self, email: str = HERS) -> None:
        assert (await self.claim(email)).status_code == 202
        assert (await self.confirm(await self.read_code())).status_code == 200

    async def read_code(self) -> str:
        """What the worker sends, as its reader finds it."""
        settings = self.service.desk.settings.model_copy(update={"secret_key": SecretStr(SECRET_KEY)})
        kit = ChannelKit("gmail", MailWriter(), self.mailbox)
        deliverer = Deliverer(self.service.pool, {"gmail": kit}, settings, on_result=lambda _contact: None)
        async with self.service.pool.acquire() as conn:
            replies = await outbox.claim(conn, max_replies=5, lease_seconds=60)
        for reply in replies:
            await deliverer.deliver(reply)
        found = re.findall(r"\b\d{6}\b", self.mailbox.received[-1].text)
        (code,) = found
        return str(code)

    async def fetch_value(self, sql: str, *values: object) -> Any:  # a column has any type
        async with self.service.pool.acquire() as conn:
            return await conn.fetchval(sql, *values)

    async def _post(self, path: str, body: dict[str, str]) -> httpx.Response:
        address = f"/support/ticket/{self.accepted['ticket_ref']}/{path}"
        return await self.service.client.post(address, json=body, headers=hold_token(self.accepted))


async def open_ticket(service: Service, mailbox: Mailbox) -> Customer:
    accepted = await submit(service.client)
    return Customer(service, accepted, await take_turn(service.pool, accepted["ticket_ref"]), mailbox)


@pytest.fixture
async def desk(settings: Settings, database_url: str) -> AsyncIterator[Service]:
    signed_in = {"client_id": "id", "client_secret": "secret", "refresh_token": "token"}
    gmail = GmailSettings.model_validate({"address": "support@example.com", **signed_in})
    async with open_service(settings.model_copy(update={"gmail": gmail}), database_url) as opened:
        yield opened


@pytest.fixture
async def customer(desk: Service) -> Customer:
    return await open_ticket(desk, Mailbox())


def make_wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06d}"


async def test_whoever_reads_the_code_in_the_mailbox_proves_the_address(customer: Customer) -> None:
    response = await customer.claim(" ALICE@Example.com ".strip())
    assert (response.status_code, response.json()) == (202, {"expires_in_seconds": 600, "attempts": 3})
    code = await customer.read_code()
    (mail,) = customer.mailbox.received
    assert isinstance(mail.path, MailPath)
    assert (mail.path.to, mail.inbox, mail.channel) == (HERS, "support@example.com", "gmail")
    confirmed = await customer.confirm(f" {code} ")
    assert (confirmed.status_code, confirmed.json()) == (200, {"kind": "email", "value": HERS})
    level = await customer.fetch_value(
        "SELECT identity_level FROM conversations WHERE id = $1", customer.turn.conversation_id
    )
    assert level == "proven"


async def test_the_code_is_stored_nowhere(customer: Customer) -> None:
    await customer.claim()
    code = await customer.read_code()
    tables = await customer.fetch_value("SELECT array_agg(tablename::text) FROM pg_tables WHERE schemaname = 'public'")
    for table in tables:
        rows = await customer.fetch_value(f"SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} t")
        # Ids and hashes have six digits in a row by chance; a code stands for itself.
        assert not re.search(rf"(?<![\w-]){code}(?![\w-])", rows), f"the code is in {table}"


async def test_the_code_is_in_no_answer(customer: Customer) -> None:
    response = await customer.claim()
    code = await customer.read_code()
    ticket = await customer.service.client.get(customer.accepted["status_url"])
    staff = {"X-API-Key": await issue_key(customer.service.pool, "tickets:read")}
    view = await customer.service.client.get(f"/conversations/{customer.turn.conversation_id}", headers=staff)
    for text in (response.text, view.text, ticket.text):
        assert not re.search(rf"(?<![\w-]){code}(?![\w-])", text)


async def test_three_wrong_codes_end_it_for_the_right_one_too(customer: Customer) -> None:
    await customer.claim()
    code = await customer.read_code()
    problems = [expect_problem(await customer.confirm(make_wrong(code)), 422) for _ in range(3)]
    assert expect_problem(await customer.confirm(code), 422) == problems[0]
    assert await customer.fetch_value("SELECT count(*) FROM customer_identifiers WHERE level = 'proven'") == 0


async def test_guesses_at_once_are_three_as_well(customer: Customer) -> None:
    await customer.claim()
    code = await customer.read_code()
    guesses = [f"{(int(code) + offset) % 1_000_000:06d}" for offset in range(1, 12)]
    answers = await asyncio.gather(*(customer.confirm(guess) for guess in guesses))
    assert {answer.status_code for answer in answers} == {422}
    assert await customer.fetch_value("SELECT attempts FROM identity_codes") == identities.MAX_ATTEMPTS
    expect_problem(await customer.confirm(code), 422)


async def test_a_code_is_used_once(customer: Customer) -> None:
    await customer.claim()
    code = await customer.read_code()
    answers = await asyncio.gather(*(customer.confirm(code) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 422, 422]


async def test_a_code_is_good_for_ten_minutes(customer: Customer) -> None:
    await customer.claim()
    code = await customer.read_code()
    await customer.fetch_value("UPDATE identity_codes SET expires_at = expires_at - interval '600 seconds'")
    expect_problem(await customer.confirm(code), 422)


async def test_only_the_newest_code_counts(customer: Customer) -> None:
    await customer.claim()
    first = await customer.read_code()
    await customer.claim()
    second = await customer.read_code()
    expect_problem(await customer.confirm(first), 422)
    assert (await customer.confirm(second)).status_code == 200


async def test_a_code_of_one_ticket_is_nothing_on_another(customer: Customer) -> None:
    other = await open_ticket(customer.service, customer.mailbox)
    await customer.claim()
    code = await customer.read_code()
    expect_problem(await other.confirm(code), 422)
    assert (await customer.confirm(code)).status_code == 200


@pytest.mark.parametrize("code", ["", "12345", "1234567", "12345a", "１２３４５６", "123 456", "12345\n6"])
async def test_what_is_no_code_costs_no_attempt(customer: Customer, code: str) -> None:
    await customer.claim()
    expect_problem(await customer.confirm(code), 422)
    assert await customer.fetch_value("SELECT attempts FROM identity_codes") == 0


@pytest.mark.parametrize(
    "email", ["", "alice", "a@b@c.com", "alice@example.com\r\nBcc: bob@example.com", "a\x00@x.com"]
)
async def test_what_is_no_address_gets_no_mail(customer: Customer, email: str) -> None:
    expect_problem(await customer.claim(email), 422)
    assert await customer.fetch_value("SELECT count(*) FROM outbox") == 0


async def test_an_address_that_is_known_is_answered_like_one_that_is_not(customer: Customer) -> None:
    await customer.prove()
    stranger = await open_ticket(customer.service, customer.mailbox)
    known, unknown = await stranger.claim(HERS), await stranger.claim("nobody@example.com")
    assert (known.status_code, known.json()) == (unknown.status_code, unknown.json())
    own = {"date", "x-request-id"}
    known_headers, unknown_headers = (
        {name: value for name, value in answer.headers.items() if name not in own} for answer in (known, unknown)
    )
    assert known_headers == unknown_headers
    await customer.read_code()
    texts = [re.sub(r"\d{6}", "", mail.text) for mail in customer.mailbox.received]
    assert len(set(texts)) == 1


async def test_one_address_gets_three_codes_an_hour_whoever_asks(customer: Customer) -> None:
    others = [await open_ticket(customer.service, customer.mailbox) for _ in range(3)]
    for asker in (customer, *others[:2]):
        assert (await asker.claim()).status_code == 202
    response = await others[2].claim("Alice@EXAMPLE.com")
    expect_problem(response, 429)
    assert int(response.headers["retry-after"]) > 0
    assert (await others[2].claim("bob@example.com")).status_code == 202


async def test_asking_at_once_passes_no_limit(customer: Customer) -> None:
    others = [await open_ticket(customer.service, customer.mailbox) for _ in range(4)]
    answers = await asyncio.gather(*(asker.claim() for asker in others for _ in range(2)))
    assert sorted(answer.status_code for answer in answers) == [202] * 3 + [429] * 5


async def test_one_ticket_gets_six_codes_an_hour(customer: Customer) -> None:
    for number in range(6):
        assert (await customer.claim(f"alice{number}@example.com")).status_code == 202
    expect_problem(await customer.claim("alice7@example.com"), 429)
    assert await customer.fetch_value("SELECT count(*) FROM outbox") == 6
    await customer.fetch_value("UPDATE identity_codes SET created_at = created_at - interval '61 minutes'")
    assert (await customer.claim("alice7@example.com")).status_code == 202


async def test_two_tickets_of_one_person_become_one_customer(customer: Customer) -> None:
    other = await open_ticket(customer.service, customer.mailbox)
    await customer.prove()
    await other.prove()
    ids = [customer.turn.conversation_id, other.turn.conversation_id]
    owners = await customer.fetch_value(
        "SELECT count(DISTINCT customer_id) FROM conversations WHERE id = ANY ($1::uuid[])", ids
    )
    assert owners == 1


async def test_who_only_typed_the_address_gets_nothing_of_whoever_proves_it(customer: Customer) -> None:
    accepted = await submit(customer.service.client, email=HERS)
    typed = await take_turn(customer.service.pool, accepted["ticket_ref"])
    await customer.prove()
    rows = await customer.fetch_value(
        "SELECT count(DISTINCT customer_id) FROM conversations WHERE id = ANY ($1::uuid[])",
        [customer.turn.conversation_id, typed.conversation_id],
    )
    assert rows == 2


async def test_the_ticket_must_be_opened_by_its_token(customer: Customer) -> None:
    guessed = {**customer.accepted, "ticket_token": "0" * 64}
    intruder = Customer(customer.service, guessed, customer.turn, customer.mailbox)
    expect_problem(await intruder.claim(), 404)
    expect_problem(await intruder.confirm("123456"), 404)
    assert await customer.fetch_value("SELECT count(*) FROM identity_codes") == 0


async def test_a_ticket_that_no_worker_has_seen_is_asked_to_wait(desk: Service) -> None:
    accepted = await submit(desk.client)
    path = f"/support/ticket/{accepted['ticket_ref']}/identity"
    response = await desk.client.post(path, json={"email": HERS}, headers=hold_token(accepted))
    expect_problem(response, 409)
    assert int(response.headers["retry-after"]) > 0


async def test_staff_asks_on_behalf_of_a_customer(customer: Customer) -> None:
    headers = {"X-API-Key": await issue_key(customer.service.pool, "tickets:write")}
    path = f"/conversations/{customer.turn.conversation_id}/identity"
    response = await customer.service.client.post(path, json={"email": HERS}, headers=headers)
    assert response.status_code == 202
    assert (await customer.confirm(await customer.read_code())).status_code == 200
    unknown = f"/conversations/{customer.turn.lease.thread_id}/identity"
    expect_problem(await customer.service.client.post(unknown, json={"email": HERS}, headers=headers), 404)


async def test_a_desk_without_mail_says_so(fresh: Service) -> None:
    poor = await open_ticket(fresh, Mailbox())
    assert "mail channel" in expect_problem(await poor.claim(), 503)["detail"]
    assert await poor.fetch_value("SELECT count(*) FROM identity_codes") == 0
