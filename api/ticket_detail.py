"""A ticket with everything that was said, decided and noted, as staff are shown it."""

from typing import Any

from api.schemas.support import Sla
from api.schemas.tickets import FileView, Member, NoteView, RunView, StaffMessageView, TicketCustomer, TicketDetail
from api.tickets import describe_feedback
from database.queries.ticket_steps import TicketWork

_WEIGHED = ("action", "rule", "reason", "confidence", "required_confidence")


def describe_detail(view: dict[str, Any], work: TicketWork, notes: list[dict[str, Any]]) -> TicketDetail:
    """`view` is the conversation as `view_conversation` has it, `work` how its ticket stands."""
    return TicketDetail(
        **{name: view[name] for name in TicketDetail.model_fields if name in view and name not in _BUILT},
        ticket_ref=work.ref,
        conversation_id=work.conversation_id,
        allowed=work.allowed,
        customer=TicketCustomer(
            id=view["customer_id"],
            name=view["customer_name"],
            contact_name=view["contact_name"],
            plan=view["plan"],
            identity_level=view["identity_level"],
        ),
        assignee=describe_assignee(work),
        sla=Sla.between(view["opened_at"], view["first_reply_due"]),
        answering=work.owner == "agent" and work.has_unread,
        created_at=view["opened_at"],
        updated_at=work.updated_at,
        messages=[StaffMessageView(**message) for message in view["messages"]],
        attachments=[FileView(**file) for file in view["attachments"]],
        notes=[NoteView(**note) for note in notes],
        runs=[_describe_run(run) for run in view["runs"]],
        feedback=[describe_feedback(said) for said in view["ratings"]],
    )


_BUILT = {"attachments", "created_at", "messages", "runs", "updated_at"}


def describe_assignee(work: TicketWork) -> Member | None:
    """Who has the ticket."""
    return None if work.assignee_id is None else Member(id=work.assignee_id, name=work.assignee_name or "")


def _describe_run(run: dict[str, Any]) -> RunView:
    return RunView(**run, **{name: run["decision"].get(name) for name in _WEIGHED})
