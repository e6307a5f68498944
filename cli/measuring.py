"""What the parts of `nightdesk eval` share: options, a desk to be thrown away, the table and the file of results."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from cli.context import CommandError, prepare
from core.errors import OperatorError
from core.settings import Settings
from database.embedded import run_embedded
from database.init_db import init_db

if TYPE_CHECKING:
    from agent.evaluation.results import Row

DEFAULT_DATA = Path(__file__).parents[2] / "shared" / "data"

DataOption = Annotated[
    Path, typer.Option("--data", envvar="NIGHTDESK_EVAL_DATA", help="Folder of the public sets.", show_default=False)
]
QuickOption = Annotated[bool, typer.Option("--quick", help="A look at samples; nothing is kept.")]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What every part of the evaluation is given."""

    settings: Settings
    data: Path
    is_quick: bool
    console: Console

    def warn(self, problem: OperatorError) -> None:
        """Say what is left out, and why; the rest goes on."""
        self.console.print(str(problem), style="yellow", markup=False, soft_wrap=True)

    def say(self, text: str) -> None:
        """A line on the screen, which is never broken: it may have a path to copy."""
        self.console.print(text, markup=False, soft_wrap=True)


def start_evaluation(data: Path = DEFAULT_DATA, *, is_quick: bool = False) -> Evaluation:
    """Read the settings."""
    return Evaluation(prepare("eval", is_quiet=True), data, is_quick, Console())


def keep_rows(evaluation: Evaluation, rows: "Sequence[Row]") -> None:
    """Print the table and merge the rows into the file of results, unless they are of samples."""
    from agent.evaluation.results import RESULTS_FILE, merge_results, tabulate_rows

    if not rows:
        raise CommandError("nothing was measured; see above for what is missing")
    evaluation.console.print(tabulate_rows(rows))
    if evaluation.is_quick:
        evaluation.say("Measured on samples, so a target may be missed or met by chance; nothing is kept.")
        return
    path = evaluation.settings.data_dir / RESULTS_FILE
    merge_results(path, rows)
    evaluation.say(f"Kept in {path}")


@contextmanager
def run_empty_desk() -> Iterator[str]:
    """The URL of a migrated database on an embedded server that is thrown away afterwards."""
    with TemporaryDirectory(prefix="nightdesk-eval-") as folder, run_embedded(Path(folder) / "postgres") as url:
        asyncio.run(init_db(url))
        yield url
