"""Learning from the desk's own tickets, and telling it what has become of them."""

import asyncio
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli import label
from cli.context import CommandError, format_cell, open_database, prepare, run_on
from core.settings import Settings
from database.pool import open_pool
from database.queries import intents

if TYPE_CHECKING:
    from agent.intents.learn import Learned

_MEASURES = {
    "accuracy": "Accuracy",
    "ece": "Calibration error",
    "precision_at_0.75": "Precision from .75",
    "coverage_at_0.75": "Coverage from .75",
    "strangers_below": "Strangers below",
}

app = typer.Typer(help="Learn from the desk's own tickets.", invoke_without_command=True)

app.command("label")(label.label_ticket)


@app.callback()
def learn_now(context: typer.Context) -> None:
    """Learn at once what workers learn daily: what customers want, and how sure an answer must be."""
    if context.invoked_subcommand is not None:
        return
    settings = prepare("learn", is_quiet=True)
    with open_database(settings) as url:
        learned = asyncio.run(_learn(settings, url))
    if learned is None:
        raise CommandError("another process is training or learning at the moment; try again when it has ended")
    typer.echo(f"tickets whose intent is known: {learned.tickets}")
    comparison = learned.comparison
    if comparison is None:
        typer.echo("classifier: nothing new to learn, or too few tickets to compare by")
    else:
        verdict = "takes over" if comparison.is_won else "is kept out"
        typer.echo(
            f"classifier: {comparison.challenger} of {comparison.tickets} held-out tickets right,"
            f" the present one {comparison.champion}: the new one {verdict}"
        )
    typer.echo(f"answers known to be right: {learned.right_answers}, to be wrong: {learned.wrong_answers}")
    typer.echo(f"thresholds proved: {len(learned.thresholds)}")
    for found in learned.thresholds:
        scope = f"{found.intent or 'every intent'} on {found.channel or 'every channel'}"
        proof = f"{found.verified} answers, precision at least {found.bound:.3f}"
        typer.echo(f"  {scope}, found by {found.scale}: {found.threshold:.3f} ({proof})")


@app.command("models")
def list_models() -> None:
    """List the classifiers that are kept, the newest first, with what their training measured on held-out examples."""
    with open_database(prepare("learn", is_quiet=True)) as url:
        models = run_on(url, intents.list_models)
    table = Table(box=None)
    for heading in ("Made", "From", "At work"):
        table.add_column(heading, no_wrap=True)
    for heading in ("Examples", *_MEASURES.values(), "Tickets right"):
        table.add_column(heading, justify="right")
    for model in models:
        made = f"{model['created_at']:%Y-%m-%d %H:%M}"
        measured = (_show_share(model["metrics"].get(name)) for name in _MEASURES)
        cells = (made, model["source"], model["is_active"], model["examples"], *measured, _show_compared(model))
        table.add_row(*(Text(format_cell(cell)) for cell in cells))
    Console().print(table)


def _show_share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


def _show_compared(model: dict[str, Any]) -> str:
    """On the held-out tickets, beside the model it was to replace."""
    compared = model["compared"]
    if compared is None:
        return "–"
    return f"{compared['challenger']} of {compared['tickets']}, before {compared['champion']}"


async def _learn(settings: Settings, url: str) -> "Learned | None":
    from agent.intents.learn import learn
    from agent.intents.serve import IntentReader
    from agent.intents.taxonomy import load_taxonomy
    from agent.knowledge.embed import wrap_embedder
    from agent.knowledge.load import load_embedder

    local = load_embedder(settings.embedding)
    async with open_pool(url, application="nightdesk learn", max_size=4) as pool:
        reader = IntentReader(pool, load_taxonomy(), embedder=wrap_embedder(local), seeds=local)
        await reader.refresh()
        await reader.train_if_missing()
        return await learn(pool, reader, local)
