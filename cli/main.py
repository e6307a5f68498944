"""`nightdesk`: one command for everything an operator does."""

import sys
from typing import NoReturn

import asyncpg
import typer

from cli import (
    ask,
    audit,
    backup,
    bench,
    customers,
    gmail,
    kb,
    keys,
    learn,
    pause,
    queue,
    replay,
    retention,
    serve,
    up,
    user,
)
from cli import eval as evaluation
from cli.context import report_crash
from cli.doctor import command as doctor
from core.errors import OperatorError
from database.pool import DATABASE_ERRORS

app = typer.Typer(
    name="nightdesk",
    help="A 24/7 AI customer-support desk on one Postgres.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command("up")(up.start_desk)
app.command("api")(serve.run_api)
app.command("worker")(serve.run_worker)
app.command("migrate")(serve.run_migrations)
app.command("doctor")(doctor.run_doctor)
app.command("ask")(ask.ask_question)
app.command("bench")(bench.run_benchmarks)
app.command("backup")(backup.back_up_desk)
app.command("restore")(backup.restore_desk)
app.command("pause")(pause.pause)
app.command("resume")(pause.resume)
app.command("replay")(replay.replay_conversations)
app.add_typer(audit.app, name="audit")
app.add_typer(customers.app, name="customer")
app.add_typer(evaluation.app, name="eval")
app.add_typer(gmail.app, name="gmail")
app.add_typer(kb.app, name="kb")
app.add_typer(keys.app, name="key")
app.add_typer(learn.app, name="learn")
app.add_typer(queue.app, name="queue")
app.add_typer(user.app, name="user")
app.add_typer(retention.app, name="retention")


def main() -> None:
    """Run the command; what a user can mend ends as one clear line and exit code 2, never as a traceback."""
    try:
        app()
    except OperatorError as error:
        _fail(str(error))
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError):
        _fail("the database does not have this version's tables; run `nightdesk migrate` first")
    except DATABASE_ERRORS as error:
        reason = f"{type(error).__name__}: {error}"
        _fail(f"the database cannot be used: {reason}; check DATABASE_URL, and DATABASE_LISTENER_URL where it is set")
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        report_crash(error)
        raise


def _fail(message: str) -> NoReturn:
    typer.secho(f"error: {message}", fg=typer.colors.RED, err=True)
    sys.exit(2)


if __name__ == "__main__":
    main()
