"""What turns and deliveries tell of themselves: their spans, and the figures of the models they asked."""

from contextlib import AbstractContextManager
from typing import Literal

from agent.run import TurnResult
from core.telemetry import WorkerTelemetry
from core.tracing import Span, Tracing, describe_queueing, pick_linked
from database.types import Lease, OutboundMessage


def trace_turn(tracing: Tracing, lease: Lease, wait_ms: float) -> AbstractContextManager[Span]:
    """A span of the first message's trace for this attempt; the other messages of the burst are linked.

    `wait_ms` is the time from that message's arrival to the claim.
    """
    continued, linked = pick_linked([queued.trace for queued in lease.messages])
    attributes = {
        **describe_queueing("process", "message_queue", lease.channel),
        "messaging.batch.message_count": len(lease.messages),
        "nightdesk.attempt": lease.attempt,
    }
    if lease.messages:
        attributes |= {"messaging.message.id": str(lease.messages[0].id), "nightdesk.queue.wait_ms": round(wait_ms)}
    return tracing.trace("process message_queue", "consumer", attributes, continued=continued, linked=linked)


def trace_delivery(
    tracing: Tracing, verb: Literal["process", "reconcile"], reply: OutboundMessage
) -> AbstractContextManager[Span]:
    """A span of the trace that the reply came from, for one attempt to send it or one question about it."""
    attributes = {
        **describe_queueing("process", "outbox", reply.channel),
        "messaging.operation.name": verb,
        "messaging.message.id": str(reply.id),
        "gen_ai.conversation.id": str(reply.conversation_id),
        "nightdesk.attempt": reply.attempt,
    }
    return tracing.trace(f"{verb} outbox", "consumer", attributes, continued=reply.trace)


def note_models(telemetry: WorkerTelemetry, result: TurnResult) -> None:
    """Count what a turn asked of models, and that the offline brain took it over."""
    if result.fallback is not None:
        telemetry.note_fallback(result.fallback)
    for call in result.model_calls:
        telemetry.note_model_request(
            call.model,
            call.purpose,
            error=call.error,
            seconds=call.milliseconds / 1000,
            input_tokens=call.input_tokens,
            cached_tokens=call.cached_tokens,
            output_tokens=call.output_tokens,
            cost_usd=None if call.cost_usd is None else float(call.cost_usd),
        )
