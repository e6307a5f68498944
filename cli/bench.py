"""How fast the desk is on this machine, and its queue beside others."""

from typing import Annotated

import typer

from cli.context import CommandError


def run_benchmarks(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME", help="reply, pipeline, submit, webhooks, mail, queue, agent, metrics. (default: all)"
        ),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A look of a few minutes instead of a result.")] = False,
) -> None:
    """Measure on a database of its own; tables on screen, JSON in .data/results/."""
    from benchmarks import run

    chosen = set(names or run.NAMES)
    if unknown := sorted(chosen - set(run.NAMES)):
        raise CommandError(f"unknown benchmark: {', '.join(unknown)}; expected {', '.join(run.NAMES)}")
    if code := run.run_benchmarks(chosen, is_quick=quick):
        raise typer.Exit(code)
