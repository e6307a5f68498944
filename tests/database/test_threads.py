"""Threads of mail: their names lead those who are in them, and nobody else."""

from database.pool import Conn, DbConnection
from database.queries import sources
from database.types import Channel, Identity, InboundMessage, WhatsAppPath
from tests.database.builders import let_go, make_message

ALICE, MALLORY = "alice@example.com", "mallory@example.com"
PHONE, USER = "+15550111", "US.13491208655302741918"
FIRST, REPLY = "<first@example.com>", "<reply@desk.example.com>"


def make_mail(
    sender: str | None = ALICE,
    *,
    contact: str = "new thread",
    follows: tuple[str, ...] = (),
    known_as: tuple[str, ...] = (),
    channel: Channel = "gmail",
    inbox: str = "support",
) -> InboundMessage:
    identity = None if sender is None else Identity(kind="email", value=sender, level="channel_asserted")
    message = make_message(contact, channel=channel, inbox=inbox, sender=identity)
    return message.model_copy(update={"follows": follows, "known_as": known_as})


async def place(conn: Conn, message: InboundMessage) -> str:
    """The contact of the thread that the message was put into."""
    return (await sources.find_thread(conn, message)).contact


def make_chat(phone: str | None = None, user_id: str | None = None, contact: str = "new thread") -> InboundMessage:
    """A message on WhatsApp, whose sender may show the number, the id, or both."""
    names = [*([f"phone:{phone}"] if phone else []), *([f"user:{user_id}"] if user_id else [])]
    path = WhatsAppPath(provider="meta", phone=phone, user_id=user_id)
    sender = Identity(kind="whatsapp", value=phone or user_id or "", level="proven")
    message = make_message(contact, channel="whatsapp", inbox="+15550100", sender=sender)
    return message.model_copy(update={"follows": tuple(names), "known_as": tuple(names), "reply_path": path})


async def make_older(conn: Conn, days: int) -> None:
    await conn.execute("UPDATE thread_keys SET created_at = created_at - make_interval(days => $1)", days)


async def begin(conn: Conn, *, known_as: tuple[str, ...] = (FIRST,)) -> None:
    """Alice's first mail."""
    assert await place(conn, make_mail(contact="alice's thread", known_as=known_as)) == "alice's thread"


async def test_the_same_sender_joins_the_thread_that_their_mail_follows(conn: DbConnection) -> None:
    await begin(conn)
    assert await place(conn, make_mail(follows=("<unheard of>", FIRST))) == "alice's thread"


async def test_another_sender_never_joins_it_whatever_their_headers_say(conn: DbConnection) -> None:
    await begin(conn, known_as=(FIRST, "subject:invoice", "gmail-thread:18c"))
    stolen = make_mail(MALLORY, follows=(FIRST, "subject:invoice", "gmail-thread:18c"), known_as=("<m1>",))
    assert await place(conn, stolen) == "new thread"
    answer = make_mail(MALLORY, contact="another", follows=("<m1>",))
    assert await place(conn, answer) == "new thread"  # their own one


async def test_naming_a_message_like_somebody_elses_takes_nothing_from_them(conn: DbConnection) -> None:
    await place(conn, make_mail(MALLORY, contact="a trap", known_as=(FIRST,)))
    await begin(conn)
    assert await place(conn, make_mail(follows=(FIRST,))) == "alice's thread"
    assert await place(conn, make_mail(MALLORY, follows=(FIRST,))) == "a trap"


async def test_a_name_once_given_stays_with_its_thread(conn: DbConnection) -> None:
    await begin(conn, known_as=(FIRST,))
    await place(conn, make_mail(contact="a second letter", known_as=(FIRST, "<second>")))
    assert await place(conn, make_mail(follows=(FIRST,))) == "alice's thread"
    assert await place(conn, make_mail(follows=("<second>", FIRST))) == "a second letter"


async def test_a_subject_leads_to_the_thread_that_had_it_last(conn: DbConnection) -> None:
    await begin(conn, known_as=(FIRST, "subject:invoice"))
    await make_older(conn, 300)
    await place(conn, make_mail(contact="this year's", known_as=("<second>", "subject:invoice")))
    assert await place(conn, make_mail(follows=("subject:invoice",))) == "this year's"
    assert await place(conn, make_mail(follows=(FIRST, "subject:invoice"))) == "alice's thread"
    await make_older(conn, 200)
    await let_go(conn, "thread names")
    assert await place(conn, make_mail(follows=("subject:invoice",))) == "this year's"


async def test_names_of_mail_are_forgotten_after_400_days_and_numbers_are_not(conn: DbConnection) -> None:
    await begin(conn)
    await place(conn, make_chat(phone=PHONE, contact="the chat"))
    await make_older(conn, 401)
    await place(conn, make_mail(contact="a young thread", known_as=("<young>",)))
    assert await let_go(conn, "thread names") == 1
    assert await place(conn, make_mail(follows=(FIRST,))) == "new thread"
    assert await place(conn, make_mail(follows=("<young>",))) == "a young thread"
    assert await place(conn, make_chat(phone=PHONE)) == "the chat"


async def test_the_first_name_that_is_known_decides(conn: DbConnection) -> None:
    for number in range(3):
        await place(conn, make_mail(contact=f"thread {number}", known_as=(f"<{number}>",)))
    assert await place(conn, make_mail(follows=("<?>", "<2>", "<0>", "<1>"))) == "thread 2"
    assert await place(conn, make_mail(follows=("<1>", "<2>", "<0>"))) == "thread 1"


async def test_a_joined_thread_is_known_by_the_new_mails_names_too(conn: DbConnection) -> None:
    await begin(conn)
    await place(conn, make_mail(follows=(FIRST,), known_as=("<second>",)))
    assert await place(conn, make_mail(follows=("<second>",))) == "alice's thread"


async def test_the_same_mail_again_is_in_the_same_thread(conn: DbConnection) -> None:
    mail = make_mail(contact="alice's thread", follows=("<lost>",), known_as=(FIRST,))
    assert await place(conn, mail) == await place(conn, mail) == "alice's thread"
    assert await conn.fetchval("SELECT count(*) FROM thread_keys") == 1


async def test_other_inboxes_and_channels_have_threads_of_their_own(conn: DbConnection) -> None:
    await begin(conn)
    assert await place(conn, make_mail(follows=(FIRST,), inbox="sales")) == "new thread"
    assert await place(conn, make_mail(follows=(FIRST,), channel="mailbox")) == "new thread"


async def test_an_answer_to_our_reply_finds_its_thread_if_it_comes_from_whom_we_wrote_to(conn: DbConnection) -> None:
    await sources.remember_names(conn, ("gmail", "support"), ALICE, [REPLY, REPLY], contact="alice's thread")
    assert await place(conn, make_mail(follows=(REPLY,))) == "alice's thread"
    assert await place(conn, make_mail(MALLORY, follows=(REPLY,))) == "new thread"


async def test_nobody_is_led_anywhere_and_remembered_without_an_address(conn: DbConnection) -> None:
    await begin(conn)
    assert await place(conn, make_mail(None, follows=(FIRST,), known_as=("<x>",))) == "new thread"
    assert await conn.fetchval("SELECT count(*) FROM thread_keys") == 1


async def test_names_of_any_length_and_look_are_names(conn: DbConnection) -> None:
    names = ("<" + "x" * 100_000 + ">", "<a\x00b>", "<é '\"; -- $1>", "")
    await begin(conn, known_as=names)
    for name in names:
        assert await place(conn, make_mail(follows=(name,))) == "alice's thread"
    assert await place(conn, make_mail(follows=("<ab>",))) == "new thread"


async def test_a_customer_on_whatsapp_has_one_thread_whether_or_not_they_show_their_number(conn: DbConnection) -> None:
    assert await place(conn, make_chat(phone=PHONE, contact="the chat")) == "the chat"
    assert await place(conn, make_chat(phone=PHONE, user_id=USER)) == "the chat"
    assert await place(conn, make_chat(user_id=USER)) == "the chat"
    assert await place(conn, make_chat(phone="+15550122", user_id="US.2")) == "new thread"


async def test_a_number_and_an_id_that_are_shown_together_lead_to_one_thread_from_then_on(conn: DbConnection) -> None:
    await place(conn, make_chat(phone=PHONE, user_id=USER, contact="the chat"))
    for value in (PHONE, USER):
        await sources.revoke_proof(conn, "whatsapp", Identity(kind="whatsapp", value=value, level="channel_asserted"))
    theirs = await place(conn, make_chat(phone=PHONE, user_id=USER))
    assert theirs not in {"the chat", "new thread"}
    assert await place(conn, make_chat(user_id=USER)) == theirs
    assert await place(conn, make_chat(phone=PHONE)) == theirs


async def test_the_new_owner_of_a_number_begins_a_thread_of_their_own(conn: DbConnection) -> None:
    await place(conn, make_chat(phone=PHONE, user_id=USER, contact=PHONE))
    await sources.revoke_proof(conn, "whatsapp", Identity(kind="whatsapp", value=PHONE, level="channel_asserted"))
    theirs = await place(conn, make_chat(phone=PHONE, user_id="US.2", contact=PHONE))
    assert theirs != PHONE
    assert await place(conn, make_chat(phone=PHONE, contact=PHONE)) == theirs
    assert await place(conn, make_chat(user_id="US.2", contact="US.2")) == theirs
    assert await place(conn, make_chat(user_id=USER, contact=USER)) == PHONE  # the former owner, by their id
    await sources.revoke_proof(conn, "whatsapp", Identity(kind="whatsapp", value=PHONE, level="channel_asserted"))
    assert await place(conn, make_chat(phone=PHONE, contact=PHONE)) not in {theirs, PHONE}


async def test_a_number_that_now_comes_with_another_id_leads_to_nobody_elses_thread(conn: DbConnection) -> None:
    assert await place(conn, make_chat(PHONE, "US.1", contact="first owner")) == "first owner"
    assert await place(conn, make_chat(PHONE, "US.2", contact="second owner")) == "second owner"
    assert await place(conn, make_chat(PHONE, "US.2", contact="another")) == "second owner"
    assert await place(conn, make_chat(None, "US.1", contact="another")) == "first owner"
