"""`nightdesk eval`: how good the agent is, on public sets, on our own tickets and on files of one's own."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

from cli.context import CommandError
from cli.eval_intents import evaluate_intents, measure_public_intents
from cli.eval_retrieval import evaluate_retrieval, measure_public_retrieval
from cli.eval_suite import evaluate_suite, measure_own_tickets
from cli.measuring import DEFAULT_DATA, DataOption, Evaluation, QuickOption, keep_rows, start_evaluation

if TYPE_CHECKING:
    from agent.evaluation.results import Row

Part = Callable[[Evaluation], "list[Row]"]

# What `nightdesk eval` runs, in this order. A part says what it misses, and measures the rest.
PARTS: tuple[Part, ...] = (measure_public_intents, measure_public_retrieval, measure_own_tickets)

app = typer.Typer(help="How good the agent is.", invoke_without_command=True)
app.command("intents")(evaluate_intents)
app.command("retrieval")(evaluate_retrieval)
app.command("suite")(evaluate_suite)


@app.callback()
def evaluate_all(context: typer.Context, data: DataOption = DEFAULT_DATA, quick: QuickOption = False) -> None:
    """Measure everything: tables on screen, rows in .data/results/eval.json, the risk–coverage curve beside it."""
    if context.invoked_subcommand is not None:
        if quick:
            raise CommandError(f"--quick belongs behind {context.invoked_subcommand}")
        return
    evaluation = start_evaluation(data, is_quick=quick)
    keep_rows(evaluation, [row for part in PARTS for row in part(evaluation)])
