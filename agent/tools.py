"""The six tools. Reading tools read; writing tools only record what they want to happen.

Customer, conversation and channel come from the context: no argument of any tool can name another customer.
"""

import json
from dataclasses import replace
from typing import Any

from agents import FunctionTool, RunContextWrapper, function_tool
from agents.tool_context import ToolContext

from agent.context import TurnContext
from agent.effects import DRAFT_ACCEPTED, Categorise, Draft, Escalate, clean_model_text
from core.tracing import find_span, trace_step
from database.patience import DATABASE_TROUBLE
from database.types import Priority, TicketCategory

Context = RunContextWrapper[TurnContext]

MAX_REPLY_CHARACTERS = 8_000
MAX_QUERY_CHARACTERS = 4_000


def explain_failure(_context: RunContextWrapper[Any], error: Exception) -> str:
    """What a tool tells the model when its call failed: what to change, and nothing of our insides.

    A database that does not answer ends the turn instead: to the model it would look like an empty knowledge base.
    """
    if isinstance(error, DATABASE_TROUBLE):
        raise error
    find_span().fail(type(error).__name__)
    return f"The call failed ({type(error).__name__}). Check the arguments against the tool's description."


@function_tool(failure_error_function=explain_failure)
async def search_knowledge_base(ctx: Context, query: str) -> str:
    """Find passages of the product documentation. Cite them in send_response by their number.

    Args:
        query: What the customer wants to know, in their own words.
    """
    words = clean_model_text(query)[:MAX_QUERY_CHARACTERS]
    found = await ctx.context.search_knowledge(words, shelf=ctx.context.turn.shelf)
    ctx.context.add_passages(query, found)
    shown = {"passages": ctx.context.show(found), "confidence": round(ctx.context.confidence, 3)}
    return json.dumps(shown, ensure_ascii=False)


@function_tool(failure_error_function=explain_failure)
async def create_ticket(ctx: Context, subject: str, category: TicketCategory, priority: Priority) -> str:
    """Say what this conversation is about. It has one ticket; calling this again corrects it.

    Args:
        subject: One line that a colleague would understand.
        category: The area of the product.
        priority: How urgent it is for the customer.
    """
    ctx.context.categorise = Categorise(clean_model_text(subject)[:200] or "(no subject)", category, priority)
    return f"Ticket {ctx.context.turn.conversation.ticket_ref} is filed under {category}, priority {priority}."


@function_tool(failure_error_function=explain_failure)
async def get_customer_history(ctx: Context) -> str:
    """Earlier tickets of the customer you are talking with, if their identity is proven."""
    turn = ctx.context.turn
    conversation = turn.conversation
    if conversation.identity_level != "proven":
        return "Not available: this customer's identity is not proven. Do not speak of any earlier contact."
    return json.dumps(await ctx.context.read_history(conversation, turn.as_of), default=str, ensure_ascii=False)


@function_tool(failure_error_function=explain_failure)
async def escalate_to_human(ctx: Context, category: str, reason: str, summary: str) -> str:
    """Hand this conversation to a person. Nothing more can be said to the customer in this turn.

    Args:
        category: One of billing, legal, security, technical, account, general.
        reason: Why a person is needed, in one sentence.
        summary: What the colleague needs to know to take over without reading everything.
    """
    ctx.context.escalate = Escalate(
        clean_model_text(category), clean_model_text(reason)[:500], clean_model_text(summary)[:2_000]
    )
    return "A person will take over. Promise nothing further."


@function_tool(failure_error_function=explain_failure)
async def send_response(ctx: Context, text: str, citations: list[int]) -> str:
    """Answer the customer. Greeting and signature are added for the channel.

    Args:
        text: The answer in plain text, with [n] behind each statement taken from passage n.
        citations: The numbers of all passages the answer rests on; at least one.
    """
    # One turn has one outcome: the first draft stays, and whoever asks for a person gets one.
    if ctx.context.is_settled:
        return "Not sent: this turn is settled already. Say nothing more."
    if not text.strip() or len(text) > MAX_REPLY_CHARACTERS:
        return f"Not sent: the text must have between 1 and {MAX_REPLY_CHARACTERS} characters."
    try:
        cited = [ctx.context.cite(number) for number in dict.fromkeys(citations)]
    except IndexError as error:
        return f"Not sent: there is no passage {error}. Cite numbers that search_knowledge_base has shown."
    ctx.context.draft = Draft(clean_model_text(text).strip(), cited)
    return DRAFT_ACCEPTED


@function_tool(failure_error_function=explain_failure)
async def analyze_sentiment(ctx: Context, text: str) -> str:
    """How the customer feels, from -1 (furious) to +1 (delighted).

    Args:
        text: The customer's message.
    """
    sentiment = await ctx.context.reader.read_sentiment(text)
    return json.dumps({"score": sentiment.score, "label": sentiment.label})


def _trace_calls(tool: FunctionTool) -> FunctionTool:
    """The same tool, whose calls are spans. Not by the SDK's hooks: they run in tasks of their own, beside the call."""
    attributes = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": tool.name,
        "gen_ai.tool.type": "function",
    }

    async def call(context: ToolContext[Any], arguments: str) -> Any:  # noqa: ANN401  # the SDK's signature
        with trace_step(f"execute_tool {tool.name}", attributes=attributes):
            return await tool.on_invoke_tool(context, arguments)

    return replace(tool, on_invoke_tool=call)


TOOLS: tuple[FunctionTool, ...] = tuple(
    _trace_calls(tool)
    for tool in (
        search_knowledge_base,
        create_ticket,
        get_customer_history,
        escalate_to_human,
        send_response,
        analyze_sentiment,
    )
)
