"""A message is one trace, from its webhook to the report that the answer has arrived, and nobody's words are in it."""

from agent.context import Turn
from agent.run import TurnResult
from core.settings import Settings
from tests.acceptance.traced import TracedDesk, open_traced_desk
from tests.agent.models.asking import ANSWER, LOOK
from tests.api.service import FORM, SECRET_KEY, issue_key
from tests.emulators.openai.script import call, together
from tests.emulators.twilio_state import CallbackPlan, Fault
from tests.workers.stubs import StubAgent, build_answer

QUESTION = "How can I reset my forgotten password?"
DELIVERED = "SELECT count(*) > 0 FROM outbox WHERE state = 'delivered'"
FAILED_ONCE = "SELECT count(*) > 0 FROM queue_failures"
WHOLE = """\
POST /webhooks/{address:path}
  publish message_queue
    process message_queue
      commit turn
        publish outbox
          process outbox
            send whatsapp
          report outbox
          report outbox
      invoke_agent Nightdesk
        chat gpt-4o
        chat gpt-4o
        execute_tool analyze_sentiment
        execute_tool create_ticket
        execute_tool search_knowledge_base
        execute_tool send_response
      resolve thread"""
MARK = "zyxmark"


async def test_a_message_is_one_trace_from_its_webhook_to_the_report_of_its_delivery(
    settings: Settings, database_url: str
) -> None:
    async with open_traced_desk(settings, database_url, LOOK, ANSWER) as desk:
        await desk.receive(QUESTION)
        await desk.work_until(DELIVERED)
        collector = desk.export()
    turn = collector.find("process message_queue")
    assert "\n".join(collector.draw(turn.trace_id)) == WHOLE
    services = {span.name: span.service for span in collector.spans if span.trace_id == turn.trace_id}
    assert {name for name, service in services.items() if service == "nightdesk-api"} == {
        "POST /webhooks/{address:path}",
        "publish message_queue",
        "report outbox",
    }
    reports = [span for span in collector.spans if span.name == "report outbox"]
    assert [span.attributes["nightdesk.delivery.state"] for span in reports] == ["sent", "delivered"]
    callbacks = [span for span in collector.spans if span.kind == "server" and span.trace_id != turn.trace_id]
    # Each report was posted in a request of its own, whose trace and the message's lead to each other.
    assert [span.links for span in reports] == [{(span.trace_id, span.span_id)} for span in callbacks]
    assert [span.links for span in callbacks] == [{(span.trace_id, span.span_id)} for span in reports]


async def test_every_span_says_what_it_is_in_the_words_of_the_conventions(
    settings: Settings, database_url: str
) -> None:
    async with open_traced_desk(settings, database_url, LOOK, ANSWER) as desk:
        await desk.receive(QUESTION)
        await desk.work_until(DELIVERED)
        collector = desk.export()
    kinds = {span.name: span.kind for span in collector.spans}
    assert kinds["publish message_queue"] == kinds["publish outbox"] == "producer"
    assert kinds["process message_queue"] == kinds["process outbox"] == kinds["report outbox"] == "consumer"
    assert kinds["chat gpt-4o"] == kinds["send whatsapp"] == "client"
    published, turn = collector.find("publish message_queue"), collector.find("process message_queue")
    assert turn.attributes["messaging.message.id"] == published.attributes["messaging.message.id"]
    assert turn.attributes["messaging.destination.name"] == "message_queue"
    assert turn.attributes["nightdesk.queue.wait_ms"] >= 0
    chats = [span.attributes for span in collector.spans if span.name == "chat gpt-4o"]
    assert [chat["gen_ai.response.finish_reasons"] for chat in chats] == [["tool_calls"]] * 2
    assert sum(chat["gen_ai.usage.input_tokens"] for chat in chats) == sum(usage.input for usage in desk.openai.used)
    assert not any(span.has_failed for span in collector.spans)


async def test_a_burst_continues_its_first_message_and_is_linked_with_the_others(
    settings: Settings, database_url: str
) -> None:
    async with open_traced_desk(settings, database_url, LOOK, ANSWER) as desk:
        await desk.receive(QUESTION, "I am waiting!")
        await desk.work_until(DELIVERED)
        collector = desk.export()
    first, second = (span for span in collector.spans if span.name == "publish message_queue")
    turn = collector.find("process message_queue")
    assert turn.parent_id == first.span_id
    assert turn.links == {(second.trace_id, second.span_id)}
    assert turn.attributes["messaging.batch.message_count"] == 2


async def test_another_attempt_by_another_worker_is_in_the_same_trace(settings: Settings, database_url: str) -> None:
    async def break_down(_turn: Turn) -> TurnResult:
        raise KeyError(MARK)

    async def think(turn: Turn) -> TurnResult:
        return build_answer(turn)

    async with open_traced_desk(settings, database_url) as desk:
        await desk.receive(QUESTION)
        await desk.work_until(FAILED_ONCE, StubAgent(break_down).as_agent)
        await desk.pool.execute("UPDATE queue_threads SET ready_at = now()")
        await desk.work_until(DELIVERED, StubAgent(think).as_agent)
        collector = desk.export()
    attempts = [span for span in collector.spans if span.name == "process message_queue"]
    assert [span.attributes["nightdesk.attempt"] for span in attempts] == [1, 2]
    assert len({(span.trace_id, span.parent_id) for span in attempts}) == 1
    assert [span.has_failed for span in attempts] == [True, False]
    assert attempts[0].attributes["error.type"] == "KeyError"


async def test_a_send_in_doubt_and_the_question_about_it_are_in_the_same_trace(
    settings: Settings, database_url: str
) -> None:
    async with open_traced_desk(settings, database_url, LOOK, ANSWER) as desk:
        desk.twilio.plan = CallbackPlan(statuses=[])
        desk.twilio.faults = [Fault("create", "accepted_drop")]
        await desk.receive(QUESTION)
        await desk.work_until("SELECT count(*) > 0 FROM outbox WHERE state = 'sent'")
        collector = desk.export()
    send, published = collector.find("send whatsapp"), collector.find("publish outbox")
    assert (send.has_failed, send.attributes["error.type"]) == (True, "DeliveryUncertain")
    asked = collector.find("reconcile outbox")
    assert (asked.trace_id, asked.parent_id) == (send.trace_id, published.span_id)


async def test_a_redelivered_message_leads_to_the_trace_of_the_first(settings: Settings, database_url: str) -> None:
    async with open_traced_desk(settings, database_url) as desk:
        form = {"Idempotency-Key": "once"}
        for _ in range(2):
            assert (await desk.client.post("/support/submit", json=FORM, headers=form)).status_code == 202
        collector = desk.export()
    first, again = (span for span in collector.spans if span.name == "publish message_queue")
    assert again.trace_id != first.trace_id
    assert again.links == {(first.trace_id, first.span_id)}


async def test_nobodys_words_addresses_and_keys_are_in_what_is_exported(settings: Settings, database_url: str) -> None:
    look = together(call("search_knowledge_base", query=f"{MARK} query"), call("get_customer_history"))
    wrong = call("send_response", text=f"{MARK} reply", citations=["not a number", MARK])
    answer = call("send_response", text=f"Select Forgot password. {MARK} [1]", citations=[1])
    async with open_traced_desk(settings, database_url, look, wrong, answer) as desk:
        await desk.receive(f"{QUESTION} {MARK}", sender="+15550777123", name=f"Ada {MARK}")
        await desk.work_until(DELIVERED)
        held = await use_web(desk)
        await desk.work_until(FAILED_ONCE, StubAgent(break_with_words).as_agent)
        collector = desk.export()
    assert {"KeyError", "ModelBehaviorError"} <= {span.attributes.get("error.type") for span in collector.spans}
    everything = b"".join(body for _, body in collector.requests)
    secrets = ("emulated-auth-token", "sk-test", desk.settings.twilio.account_sid or "", SECRET_KEY, *held)
    for word in (
        MARK,
        "15550777123",
        "ada@",
        "Ada",
        "forgotten",
        "Select",
        "127.0.0.1",
        "/support/ticket/TF",
        *secrets,
    ):
        assert word.encode() not in everything, word
    assert {(span.said, span.events) for span in collector.spans} == {("", 0)}


async def break_with_words(turn: Turn) -> TurnResult:
    raise KeyError(f"{MARK}: {turn.question}")


async def use_web(desk: TracedDesk) -> tuple[str, str]:
    """A form, its ticket page, a key, and requests that are refused or lead nowhere. Returns what opens doors."""
    form = {**FORM, "name": f"Ada {MARK}", "email": f"{MARK}@example.com", "message": MARK, "subject": MARK}
    accepted = (await desk.client.post("/support/submit", json=form)).json()
    assert (await desk.client.get(accepted["status_url"])).status_code == 200
    key = await issue_key(desk.pool, "tickets:read")
    assert (await desk.client.get("/tickets", headers={"X-API-Key": key}, params={"query": MARK})).status_code < 500
    assert (await desk.client.get(f"/nowhere/{MARK}", headers={"User-Agent": MARK})).status_code == 404
    assert (await desk.client.post("/support/submit", json={"name": MARK})).status_code == 422
    return key, accepted["ticket_token"]
