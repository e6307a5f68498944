"""What a failed attempt means: for the history, and for what happens next."""

import os
import re
import socket

from agent.compose import summarise
from agent.decision.decide import find_route
from agent.decision.evidence import Decision, Evidence, describe
from agent.decision.language import choose_language
from agent.decision.sentiment import analyze
from agent.models.brain import OFFLINE_BRAIN
from agent.run import TurnResult
from core.errors import PermanentError, RetryLater
from database.storable import clean_reason
from database.types import ConversationState, Failure, Lease
from workers.resolve import read_anyway

_MAX_MESSAGE_CHARACTERS = 500
# Keys, bearer tokens and the passwords in URLs: vendors like to quote them in their errors.
_SECRETS = re.compile(r"(?i)\b(?:sk|nd|pk|rk|xox[abp])[-_][\w*-]{8,}|\bbearer\s+\S+|(?<=://)[^/@\s]+:[^/@\s]+(?=@)")


def describe_failure(error: BaseException) -> Failure:
    """One line of the history that a dead letter keeps."""
    text = clean_reason(_SECRETS.sub("[secret]", str(error)))
    return Failure(_name_worker(), type(error).__name__, text[:_MAX_MESSAGE_CHARACTERS])


def is_permanent(error: BaseException) -> bool:
    """Whether another attempt would be pointless."""
    return isinstance(error, PermanentError)


def find_retry_after(error: BaseException) -> float | None:
    """Seconds that somebody asked us to wait, if they did."""
    return error.seconds if isinstance(error, RetryLater) else None


def build_failed_result(conversation: ConversationState, lease: Lease, failure: Failure) -> TurnResult:
    """What a person is handed where no attempt has come to a result: the question, and why there is no answer."""
    question = "\n".join(read_anyway(lease, queued).text for queued in lease.messages)
    language = choose_language([question], conversation.language)
    evidence = Evidence(
        policy=(),
        sentiment=analyze(question, language),
        best=None,
        confidence=0.0,
        automatic_replies=conversation.automatic_replies,
        ticket_category=conversation.ticket_category,
        language=language,
    )
    decision = Decision(
        "hand_over", "given_up", f"the agent could not answer: {failure.error_class}", find_route(evidence), 0.0, 0.0
    )
    return TurnResult(
        decision=decision,
        description=describe(decision, evidence),
        draft=None,
        summary=summarise(conversation.ticket_subject, question),
        categorise=None,
        sentiment=evidence.sentiment.score,
        language=language,
        calls=(),
        brain=OFFLINE_BRAIN,
        input_tokens=0,
        output_tokens=0,
    )


def _name_worker() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"
