"""`nightdesk learn label`: what has become of a ticket, said from the command line."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from cli.context import CommandError, note, open_database, prepare, run_on
from core.ids import new_id
from core.settings import Settings
from database.pool import Conn
from database.queries import conversations, feedback
from database.queries.audit import name_object, name_word
from database.queries.identities import find_conversation_of_ticket
from database.types import Facts, MessageId, TicketCategory

# Something said of the ticket with this reference; False where there is none.
Step = Callable[[Conn, str], Awaitable[bool]]


def label_ticket(  # noqa: C901, PLR0917  # as long as the list of what can be said
    ref: Annotated[str, typer.Argument(help="The ticket's reference.")],
    rating: Annotated[
        int | None, typer.Option(min=1, max=feedback.MAX_RATING, help="The customer's, with --resolved or not.")
    ] = None,
    is_resolved: Annotated[
        bool | None, typer.Option("--resolved/--not-resolved", help="Whether the customer calls the matter settled.")
    ] = None,
    comment: Annotated[str, typer.Option(help="What the customer wrote with the rating.")] = "",
    answer_file: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="What a person has answered; it is not sent.")
    ] = None,
    is_taken_over: Annotated[bool, typer.Option("--took-over", help="A person answers from now on.")] = False,
    intent: Annotated[str | None, typer.Option(help="What it was about: an id in agent/intents/taxonomy.yaml.")] = None,
    category: Annotated[str | None, typer.Option(help=f"One of {', '.join(get_args(TicketCategory))}.")] = None,
    route: Annotated[str | None, typer.Option(help="Whose it is: billing, legal, security, ….")] = None,
) -> None:
    """Say what has become of a ticket; the next learning takes it into account.

    Everything that is given counts, in the order in which it would happen: correction, takeover, answer, rating.
    """
    if (rating is None) != (is_resolved is None):
        raise CommandError("--rating and --resolved or --not-resolved belong together")
    if comment and rating is None:
        raise CommandError("--comment belongs to a --rating")
    if len(comment) > feedback.MAX_COMMENT:
        raise CommandError(f"--comment has more than {feedback.MAX_COMMENT} characters")
    if category is not None and category not in get_args(TicketCategory):
        raise CommandError(f"there is no category {category}")
    if intent is not None:
        _require_intent(intent)
    steps: list[Step] = []
    if intent or category or route:
        category = cast("TicketCategory | None", category)
        steps.append(partial(feedback.correct_ticket, intent=intent, category=category, route=route))
    if is_taken_over:
        steps.append(feedback.take_over)
    if answer_file is not None:
        steps.append(partial(_record_answer, text=_read_answer(answer_file)))
    if rating is not None and is_resolved is not None:
        steps.append(partial(feedback.rate_ticket, rating=rating, is_resolved=is_resolved, comment=comment))
    if not steps:
        raise CommandError("nothing to say of the ticket; --help lists what can be said")
    facts: Facts = {
        "intent": intent,
        "category": category,
        "route": name_word(route),
        "is_taken_over": is_taken_over or None,
        "is_answered": answer_file is not None or None,
        "rating": rating,
        "resolved": is_resolved,
    }
    settings = prepare("learn", is_quiet=True)
    with open_database(settings) as url:
        run_on(url, lambda conn: _take_steps(conn, settings, ref, steps, facts))
    typer.echo(f"{ref} is labelled")


async def _take_steps(conn: Conn, settings: Settings, ref: str, steps: Sequence[Step], facts: Facts) -> None:
    """All of them, or none."""
    async with conn.transaction():
        for step in steps:
            try:
                is_known = await step(conn, ref)
            except feedback.UnknownRoute as error:
                raise CommandError(str(error)) from None
            if not is_known:
                raise CommandError(f"there is no ticket {ref}")
        said = {name: value for name, value in facts.items() if value is not None}
        await note(conn, settings, "ticket.labelled", "ticket", name_object(ref), after=said)


async def _record_answer(conn: Conn, ref: str, text: str) -> bool:
    conversation_id = await find_conversation_of_ticket(conn, ref)
    if conversation_id is None or not await feedback.note_answer(conn, ref, text):
        return False
    await conversations.add_message(conn, MessageId(new_id()), conversation_id, "person", text)
    return True


def _require_intent(intent: str) -> None:
    from agent.intents.taxonomy import load_taxonomy

    if load_taxonomy().find(intent) is None:
        raise CommandError(f"there is no intent {intent}")


def _read_answer(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError:
        raise CommandError(f"{path} is not UTF-8 text") from None
    if not text:
        raise CommandError(f"{path} is empty")
    return text
