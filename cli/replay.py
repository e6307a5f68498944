"""`nightdesk replay`: what other settings, prompts, models or knowledge would have made of past conversations."""

import asyncio
import difflib
import json
from contextlib import aclosing
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.context import CommandError, format_cell, open_database, prepare, show_progress
from core.settings import Settings
from database.pool import open_pool
from database.queries.replays import count_runs, read_runs

if TYPE_CHECKING:
    from agent.evaluation.replay import Knowledge, LeftOut, Replayed, Summary, Verdict
    from agent.prompts import Prompts

_SHOWN_CHARACTERS = 100


def replay_conversations(
    *,
    since: Annotated[
        str, typer.Option("--from", metavar="DATE", help="2026-11-01, or with a time of day; UTC unless it says else.")
    ],
    until: Annotated[str, typer.Option("--to", metavar="DATE", help="Up to the end of this day, or this moment.")],
    prompt: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A folder of prompt files in place of agent/prompts.")
    ] = None,
    model: Annotated[str | None, typer.Option(metavar="NAME", help="Another model of the configured server.")] = None,
    threshold: Annotated[float | None, typer.Option(min=0, max=1, help="Another AGENT_CONFIDENCE_THRESHOLD.")] = None,
    knowledge: Annotated[
        str, typer.Option(help="Knowledge and classifier as they were (then), or are (now).")
    ] = "then",
    limit: Annotated[int | None, typer.Option(min=1, help="Replay this many turns at most, the oldest first.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Decide past turns once more and show what would change. Nothing is sent, and nothing is written.

    What was learned from a turn's own ticket is left out of the knowledge. A configured model is asked, and paid. The
    policy is that of now; turns that were decided by another are counted.
    """
    from agent.evaluation.replay import Knowledge, summarise_replay
    from agent.prompts import SHIPPED_PROMPTS, read_prompts

    if knowledge not in get_args(Knowledge):
        raise CommandError(f"unknown knowledge {knowledge}; expected then or now")
    begin, end = read_moment(since, "--from"), read_moment(until, "--to", is_end=True)
    if begin >= end:
        raise CommandError("--from must be before --to")
    settings = change_settings(prepare("replay", is_quiet=True), model=model, threshold=threshold)
    if prompt is not None and settings.openai.api_key is None:
        raise CommandError("OPENAI_API_KEY is not set; the offline brain reads no prompts, so --prompt changes nothing")
    prompts = read_prompts(prompt) if prompt else SHIPPED_PROMPTS
    with open_database(settings) as url:
        outcomes = asyncio.run(
            _replay(
                settings,
                url,
                since=begin,
                until=end,
                prompts=prompts,
                knowledge=knowledge,  # type: ignore[arg-type]
                limit=limit,
            )
        )
    summary = summarise_replay(outcomes)
    if as_json:
        typer.echo(json.dumps(describe_replay(summary, outcomes), indent=2, ensure_ascii=False))
    else:
        print_replay(Console(), summary, outcomes)


def read_moment(text: str, option: str, *, is_end: bool = False) -> datetime:
    """The moment, or the beginning of a day, or with `is_end` its end; UTC where no zone is given."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise CommandError(f"{option}: expected a date such as 2026-11-01, not {text!r}") from None
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return datetime.combine(day + timedelta(days=is_end), time(), UTC)


def change_settings(settings: Settings, *, model: str | None, threshold: float | None) -> Settings:
    """The settings as they would be. Raises CommandError for another model without a key to ask it with."""
    if model is not None:
        if settings.openai.api_key is None:
            raise CommandError("OPENAI_API_KEY is not set; without it no model can be asked")
        settings = settings.model_copy(update={"openai": settings.openai.model_copy(update={"model": model})})
    if threshold is not None:
        changed = settings.agent.model_copy(update={"confidence_threshold": threshold})
        settings = settings.model_copy(update={"agent": changed})
    return settings


async def _replay(
    settings: Settings,
    url: str,
    *,
    since: datetime,
    until: datetime,
    prompts: "Prompts",
    knowledge: "Knowledge",
    limit: int | None,
) -> "list[Replayed | LeftOut]":
    from agent.assemble import build_agent
    from agent.evaluation.replay import replay_runs

    with show_progress() as progress:
        task = progress.add_task("Loading the agent", total=None)
        async with (
            open_pool(url, application="nightdesk replay", max_size=8, is_read_only=True) as pool,
            aclosing(await build_agent(settings, pool, prompts=prompts)) as agent,
        ):
            count = await count_runs(pool, since, until)
            progress.update(task, description="Replaying turns", total=count if limit is None else min(count, limit))
            outcomes: list[Replayed | LeftOut] = []
            async for outcome in replay_runs(agent, read_runs(pool, since, until), knowledge=knowledge, limit=limit):
                outcomes.append(outcome)
                progress.advance(task)
            return outcomes


def print_replay(console: Console, summary: "Summary", outcomes: "list[Replayed | LeftOut]") -> None:
    """The figures, and under them every turn that would change."""
    from agent.evaluation.replay import Replayed

    changed = [outcome for outcome in outcomes if isinstance(outcome, Replayed) and outcome.differences]
    for outcome in changed:
        console.print(_list_changes(outcome), end="\n\n")
    table = Table("Turns", box=None, title="Replay", title_justify="left")
    table.add_column("", justify="right")
    table.add_row("replayed", str(summary.turns))
    for kind, count in summary.kinds.items():
        table.add_row(f"  {kind.replace('_', ' ')}", str(count))
    for reason, count in summary.left_out.items():
        table.add_row(f"left out: {reason}", str(count))
    if summary.fallbacks:
        table.add_row("taken by the offline brain, because the model failed", str(summary.fallbacks))
    for part, count in summary.drifted.items():
        table.add_row(f"decided with another {part} than then, or with one that is not on record", str(count))
    table.add_row("cost then, USD", _show_cost(summary.cost_before))
    table.add_row("cost replayed, USD", _show_cost(summary.cost_after))
    console.print(table)


def _list_changes(outcome: "Replayed") -> Table:
    run, before, after = outcome.run, outcome.before, outcome.after
    asked = format_cell(_shorten(" ".join(" ".join(run.messages).split())))
    title = Text(f"{run.ticket_ref}  {run.created_at:%Y-%m-%d %H:%M} UTC  {run.channel}: {asked}")
    table = Table("", "Then", "Replayed", title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    rows: dict[str, tuple[str, str]] = {
        "decision": (_show_decision(before), _show_decision(after)),
        "rule": (before.rule, after.rule),
        "route": (before.route, after.route),
        "citations": (", ".join(before.cited), ", ".join(after.cited)),
    }
    for field in outcome.differences:
        if field == "reply":
            table.add_row(field, *map(Text, show_difference(before.reply, after.reply)))
        else:
            table.add_row(field, *(Text(format_cell(cell) or "–") for cell in rows[field]))
    if before.cost_usd != after.cost_usd:
        table.add_row("cost, USD", _show_cost(before.cost_usd), _show_cost(after.cost_usd))
    return table


def show_difference(before: str, after: str) -> tuple[str, str]:
    """Two replies from a few words before the first difference on, short; “–” for none."""
    old, new = before.split(), after.split()
    blocks = difflib.SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()
    same = blocks[0].size if blocks[0].a == blocks[0].b == 0 else 0
    start = max(0, same - 3)
    lead = "… " if start else ""
    shown = [format_cell(_shorten(lead + " ".join(words[start:]))) if words else "–" for words in (old, new)]
    return shown[0], shown[1]


def describe_replay(summary: "Summary", outcomes: "list[Replayed | LeftOut]") -> dict[str, Any]:
    """The figures and every turn that would change, for machines. Costs are decimal numbers as text."""
    from agent.evaluation.replay import Replayed

    return {
        "turns": summary.turns,
        "kinds": summary.kinds,
        "left_out": summary.left_out,
        "fallbacks": summary.fallbacks,
        "drifted": summary.drifted,
        "cost_usd": {"before": _dump_cost(summary.cost_before), "after": _dump_cost(summary.cost_after)},
        "changed": [
            {
                "run": str(outcome.run.id),
                "ticket": outcome.run.ticket_ref,
                "at": outcome.run.created_at.isoformat(),
                "channel": outcome.run.channel,
                "kind": outcome.kind,
                "differences": list(outcome.differences),
                "drifted": list(outcome.drifted),
                "before": _describe_verdict(outcome.before),
                "after": _describe_verdict(outcome.after),
            }
            for outcome in outcomes
            if isinstance(outcome, Replayed) and outcome.differences
        ],
    }


def _describe_verdict(verdict: "Verdict") -> dict[str, Any]:
    return {
        "decision": verdict.action,
        "rule": verdict.rule,
        "route": verdict.route,
        "reply": verdict.reply,
        "citations": list(verdict.cited),
        "confidence": verdict.confidence,
        "cost_usd": _dump_cost(verdict.cost_usd),
        "model": verdict.model,
    }


def _show_decision(verdict: "Verdict") -> str:
    return f"{verdict.action.replace('_', ' ')} (confidence {verdict.confidence:.2f})"


def _show_cost(cost: Decimal | None) -> str:
    return "unknown" if cost is None else f"{cost:.4f}"


def _dump_cost(cost: Decimal | None) -> str | None:
    return None if cost is None else str(cost)


def _shorten(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 1]}…"
