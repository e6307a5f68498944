"""Learning from the desk's own tickets, and telling it what has become of them."""

import asyncio
from typing import TYPE_CHECKING

import typer

from cli import label
from cli.context import open_database, prepare
from core.settings import Settings
from database.pool import open_pool

if TYPE_CHECKING:
    from agent.intents.learn import Learned

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
        typer.echo(f"  {scope}: {found.threshold:.3f} ({found.verified} answers, precision at least {found.bound:.3f})")


async def _learn(settings: Settings, url: str) -> "Learned":
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
