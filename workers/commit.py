"""The one commit of a turn: effects, reply, outbox, record and queue, all or nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from agent.decision.closing import says_it_failed
from agent.decision.evidence import Action
from agent.facts import extract_facts
from agent.run import TurnResult
from channels.base import Channels, Letter
from channels.letters import open_letter
from core.ids import new_id
from core.settings import CompanySettings
from database import queue
from database.pool import Conn
from database.queries import conversations, feedback, operations, runs, tickets
from database.reply import queue_reply
from database.types import Author, Citation, ConversationState, Failure, Lease, Outcome, Owner, RunId

# Each costs a whole turn, and nobody is answered meanwhile.
MAX_SUPERSEDED = 4
_KEPT_WRITING = "the customer kept writing while one answer after the other was prepared"
_OUTCOMES: dict[Action, Outcome] = {"answer": "answered", "hand_over": "escalated", "stay_silent": "silent"}
_UNHELPED = {"anger", "asks_for_person"}
_RESTORED = "it arrived before the desk was restored from a backup and may have been answered already"
_LOOP = "the desk has written to this customer too often within an hour; this may be a machine"


class Settled(Enum):
    """What became of a turn at its commit."""

    ANSWERED = "answered"
    HANDED_OVER = "escalated"
    SILENT = "silent"
    SUPERSEDED = "superseded"
    PERSON_OWNS = "person_owns"


@dataclass(frozen=True, slots=True)
class TurnCommit:
    """A finished turn, ready to be written. `stages` maps stages to milliseconds; `failure` is why it was given up.

    A loop is a mail program that meets each of our answers with a letter of its own: it is told nothing more. `turn`
    is None where no agent was asked.
    """

    lease: Lease
    conversation: ConversationState
    result: TurnResult
    stages: dict[str, float]
    failure: Failure | None = None
    is_loop: bool = False
    turn: runs.TurnRecord | None = None

    @property
    def is_untold(self) -> bool:
        """Whether the customer is not even told of a handover: a machine would answer, or they have had an answer."""
        return self.is_loop or self.lease.may_have_been_answered


async def commit_turn(conn: Conn, turn: TurnCommit, channels: Channels, company: CompanySettings) -> Settled:
    """Write the turn inside the caller's transaction; raises LeaseLost when it is no longer ours to write.

    Looks again before speaking: when a person took the conversation, or the customer has written more since the
    claim, the draft is recorded and not sent. Whoever keeps writing during one turn after the other gets a person.
    """
    has_newer = await queue.fence(conn, turn.lease)
    if await conversations.lock_owner(conn, turn.conversation.id) != "agent":
        run_id = await _record(conn, turn, "person_owns")
        if turn.result.decision.action == "answer":
            await feedback.label_overtaken(conn, run_id)
        await _settle(conn, turn, handed_over=False)
        return Settled.PERSON_OWNS
    if turn.failure is None and has_newer:
        superseded = await runs.count_superseded(conn, turn.conversation.id, after_seq=turn.lease.done_seq)
        if superseded < MAX_SUPERSEDED:
            await _record(conn, turn, "superseded")
            await queue.release(conn, turn.lease)
            return Settled.SUPERSEDED
        turn = _give_to_person(turn, "kept_writing", _KEPT_WRITING)
    if turn.is_untold and turn.result.decision.action != "stay_silent":
        turn = _keep_from_customer(turn)
    await _remember(conn, turn)
    await _label_answer(conn, turn)
    if turn.result.decision.action == "stay_silent":
        await _stay_silent(conn, turn)
        return Settled.SILENT
    letter = await _open_letter(conn, turn, company)
    if turn.result.intent is not None:
        guess = turn.result.intent
        await tickets.note_intent(conn, turn.conversation.id, guess.label, trust=guess.trust)
    if turn.result.categorise is not None:
        wanted = turn.result.categorise
        await tickets.categorise_ticket(
            conn,
            turn.conversation.id,
            subject=wanted.subject,
            category=wanted.category,
            priority=wanted.priority,
        )
    writer = channels[turn.conversation.channel].writer
    draft = turn.result.draft
    if turn.result.decision.action == "answer" and draft is not None:
        text = writer.write_answer(draft.text, list(draft.citations), letter)
        await _answer(conn, turn, channels, text, list(draft.citations))
        run_id, settled = await _record(conn, turn, "answered"), Settled.ANSWERED
    else:
        await _hand_over(conn, turn, channels, letter)
        run_id, settled = await _record(conn, turn, "escalated"), Settled.HANDED_OVER
    await _measure(conn, turn, run_id)
    await _settle(conn, turn, handed_over=True)
    return settled


async def _remember(conn: Conn, turn: TurnCommit) -> None:
    """What later turns need: what they are no longer shown in full, and what a proven customer said of themselves."""
    conversation, summary = turn.conversation, turn.result.running_summary
    if summary is not None:
        waiting = [queued.id for queued in turn.lease.messages]
        await conversations.store_summary(conn, conversation.id, summary.text, kept=summary.kept, waiting=waiting)
    if conversation.identity_level != "proven" or turn.failure is not None:
        return
    for queued in turn.lease.messages:
        await conversations.add_facts(conn, conversation.id, queued.id, extract_facts(queued.message.text))


async def _label_answer(conn: Conn, turn: TurnCommit) -> None:
    """What the customer's words say of our last answer: mere thanks confirm it.

    Anger, a call for a person, or words that it failed say that it was wrong; further questions say neither.
    """
    history = turn.conversation.history
    if not history or history[-1][0] not in {"assistant", "person"}:
        return
    conversation_id = turn.conversation.id
    if turn.result.decision.action == "stay_silent":
        await feedback.label_answer(conn, conversation_id, "confirmed", is_right=True)
        return
    is_unhelped = any(match["rule"] in _UNHELPED for match in turn.result.description.get("policy", ()))
    has_failed = turn.failure is None and any(says_it_failed(queued.message.text) for queued in turn.lease.messages)
    await feedback.label_answer(
        conn, conversation_id, "reopened", is_right=False if is_unhelped or has_failed else None
    )


async def _stay_silent(conn: Conn, turn: TurnCommit) -> None:
    """Nothing is sent, and the ticket is as if the message had not come; only its turn is on record."""
    await tickets.undo_reopening(conn, turn.conversation.id)
    await _leave(conn, turn, "agent", automatic_replies=0)
    run_id = await _record(conn, turn, "silent")
    await _measure(conn, turn, run_id)
    await _settle(conn, turn, handed_over=False)


def _give_to_person(turn: TurnCommit, rule: str, reason: str) -> TurnCommit:
    if turn.result.decision.action == "hand_over":
        return turn
    decision = replace(
        turn.result.decision,
        action="hand_over",
        rule=rule,
        reason=reason,
    )
    changed = {"action": decision.action, "rule": decision.rule, "reason": decision.reason}
    # A replay asks the agent again: it must be held against what the agent itself had decided.
    overruled = {"action": turn.result.decision.action, "rule": turn.result.decision.rule}
    description = {**turn.result.description, **changed, "overruled": overruled}
    return replace(turn, result=replace(turn.result, decision=decision, description=description))


def _keep_from_customer(turn: TurnCommit) -> TurnCommit:
    """A person looks before anything is said. That it may be a second answer they are told beside any other reason."""
    if not turn.lease.may_have_been_answered:
        return _give_to_person(turn, "too_many_replies", _LOOP)
    if turn.result.decision.action == "answer":
        return _give_to_person(turn, "restored", _RESTORED)
    decision = replace(turn.result.decision, reason=f"{_RESTORED}; {turn.result.decision.reason}")
    return replace(turn, result=replace(turn.result, decision=decision))


async def _settle(conn: Conn, turn: TurnCommit, *, handed_over: bool) -> None:
    if turn.failure is None:
        await queue.complete(conn, turn.lease)
    else:
        await queue.fail(conn, turn.lease, turn.failure, handed_over=handed_over)


async def _answer(conn: Conn, turn: TurnCommit, channels: Channels, text: str, citations: list[Citation]) -> None:
    conversation = turn.conversation
    await _reply(conn, turn, channels, "assistant", text, citations=citations)
    await tickets.resolve_automatically(conn, conversation.id, confidence=turn.result.decision.confidence)
    await _leave(conn, turn, "agent", automatic_replies=1)


async def _hand_over(conn: Conn, turn: TurnCommit, channels: Channels, letter: Letter) -> None:
    conversation, decision = turn.conversation, turn.result.decision
    draft = turn.result.draft
    team = await tickets.escalate_ticket(
        conn,
        conversation.id,
        route=decision.route,
        reason=decision.reason,
        summary=turn.result.summary,
        draft=draft.text if draft else None,
        confidence=decision.confidence,
    )
    if conversation.is_reachable and not turn.is_untold:
        text = channels[conversation.channel].writer.write_handover(team, letter)
        await _reply(conn, turn, channels, "system", text)
    await _leave(conn, turn, "person", automatic_replies=0)


async def _leave(conn: Conn, turn: TurnCommit, owner: Owner, *, automatic_replies: int) -> None:
    await conversations.record_turn(
        conn,
        turn.conversation.id,
        owner=owner,
        automatic_replies=automatic_replies,
        sentiment=turn.result.sentiment,
        sentiment_trend=turn.result.sentiment_trend,
        language=turn.result.language,
        message_ids=[queued.id for queued in turn.lease.messages],
    )


async def _reply(
    conn: Conn, turn: TurnCommit, channels: Channels, author: Author, text: str, *, citations: Sequence[Citation] = ()
) -> None:
    asked = turn.lease.messages[-1].id
    parts = channels[turn.conversation.channel].writer.split(text)
    await queue_reply(conn, turn.conversation, parts, author=author, in_reply_to=asked, citations=citations)


async def _open_letter(conn: Conn, turn: TurnCommit, company: CompanySettings) -> Letter:
    conversation, result = turn.conversation, turn.result
    is_foreign = result.decision.rule == "language_not_supported" and result.language not in result.knowledge_languages
    config = await operations.find_channel_config(conn, conversation.channel, conversation.inbox)
    return open_letter(
        conversation,
        company,
        config.signature,
        language=result.language,
        known_languages=result.knowledge_languages if is_foreign else (),
    )


async def _record(conn: Conn, turn: TurnCommit, outcome: Outcome) -> RunId:
    result, run_id, draft = turn.result, RunId(new_id()), turn.result.draft
    await runs.add_run(
        conn,
        runs.RunRecord(
            id=run_id,
            conversation_id=turn.conversation.id,
            attempt=turn.lease.attempt,
            through_seq=turn.lease.through_seq,
            brain=result.brain.name,
            model=result.brain.model,
            fallback=result.fallback,
            prompt_hash=result.prompt_hash,
            outcome=outcome,
            decision=result.description,
            stages=turn.stages,
            input_tokens=result.input_tokens,
            output_tokens=result.output_tokens,
            tool_calls=result.calls,
            model_calls=result.model_calls,
            cached_tokens=result.cached_tokens,
            cost_usd=result.cost_usd,
            knowledge_version=result.knowledge_version,
            instructions_hash=result.instructions_hash,
            input=result.input,
            turn=turn.turn,
            draft=None if draft is None else (draft.text, [citation.source for citation in draft.citations]),
        ),
    )
    return run_id


async def _measure(conn: Conn, turn: TurnCommit, run_id: RunId) -> None:
    await runs.add_metric(
        conn,
        run_id,
        channel=turn.conversation.channel,
        inbox=turn.conversation.inbox,
        outcome=_OUTCOMES[turn.result.decision.action],
        confidence=turn.result.decision.confidence,
        sentiment=turn.result.sentiment,
        agent_ms=turn.stages.get("agent", 0.0),
        received_at=turn.lease.messages[0].received_at,
    )
