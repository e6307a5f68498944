"""Mail that machines write: nobody is answered, nothing vanishes, and no loop goes on."""

from tests.workers.chats import list_replies, make_chat, write
from tests.workers.stubs import Desk
from tests.workers.test_resolve_channels import make_mail

MOST = 20


async def read_ticket(desk: Desk) -> tuple[str, str, str]:
    """Status, team and the owner of the newest conversation."""
    (row,) = await desk.fetch(
        "SELECT t.status, t.team, v.owner FROM tickets t JOIN conversations v ON v.id = t.conversation_id"
        " ORDER BY v.created_at DESC LIMIT 1"
    )
    return row["status"], row["team"], row["owner"]


async def test_automatic_mail_that_answers_nothing_of_ours_becomes_a_persons_ticket(desk: Desk) -> None:
    await write(desk, make_mail("My invoice is wrong.").model_copy(update={"starts_turn": False}))
    await desk.work()
    assert await desk.list_messages() == [("customer", "My invoice is wrong.")]
    assert await read_ticket(desk) == ("escalated", "Support queue", "person")
    assert desk.agent.turns == []
    assert await list_replies(desk) == []


async def test_an_automatic_answer_in_a_conversation_is_kept_in_it_and_changes_nothing(desk: Desk) -> None:
    await write(desk, make_mail())
    await desk.work()
    await write(desk, make_mail("I am on holiday.").model_copy(update={"starts_turn": False}))
    await desk.work()
    assert ("customer", "I am on holiday.") in await desk.list_messages()
    assert await desk.read_status() == "auto_resolved"
    assert len(await list_replies(desk)) == 1


async def test_a_machine_without_any_telling_header_is_answered_only_so_often(desk: Desk) -> None:
    for number in range(MOST + 3):
        mail = make_mail(f"[Ticket#{number}] We have received your message.")
        await write(desk, mail.model_copy(update={"contact": f"thread {number}"}))
        await desk.work()
    assert len(await list_replies(desk)) == MOST
    assert await read_ticket(desk) == ("escalated", "Support queue", "person")
    runs = await desk.fetch("SELECT decision ->> 'rule' AS rule FROM agent_runs ORDER BY created_at DESC LIMIT 1")
    assert runs[0]["rule"] == "too_many_replies"


async def test_chats_have_no_such_limit(desk: Desk) -> None:
    for number in range(MOST + 2):
        await write(desk, make_chat(f"Question {number}"))
        await desk.work()
    assert len(await list_replies(desk)) == MOST + 2
