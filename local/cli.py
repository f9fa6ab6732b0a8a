"""The operator's command line, `lingpai`: a deployment seeded, users moved in from another system, and out again.

In: the environment, as the functions read it (`USERS_TABLE` and the other tables, `AWS_*`), and `DYNAMODB_ENDPOINT` as
the local server does. Out: 0 when all is done, 1 when lines were refused, 2 when it could not begin or go on, 130 when
it was stopped.
"""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import botocore.exceptions
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from lingpai import bootstrap
from lingpai.adapters.dynamodb import DynamoStore, connect
from lingpai.errors import LingpaiError
from lingpai.ports import Services
from lingpai.settings import Settings, SettingsError, from_environment
from local import deployment, dynamodb, seed
from local.moving import exporting, files, importing, records
from local.moving.pace import Pace, Stopped

DONE, SOME_REFUSED, FAILED, STOPPED = 0, 1, 2, 130
# Seconds: a transaction of a hundred items is no login.
_STORE_TIMEOUTS = {"store_connect_timeout": 5.0, "store_read_timeout": 20.0}

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
users = typer.Typer(no_args_is_help=True, help="Move users in from another system, and out again.")
app.add_typer(users, name="users")
_screen = Console(stderr=True, markup=False, highlight=False, soft_wrap=True)


class FormatName(StrEnum):
    """The formats by name."""

    csv = "csv"
    jsonl = "jsonl"


class _Failed(Exception):
    """It cannot begin or go on; the text says why."""


@app.callback()
def _root() -> None:
    """Lingpai, for its operator."""


@app.command("seed")
def seed_deployment(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="JSON, as the README says.")],
    *,
    stack: Annotated[str | None, typer.Option(help="The deployed stack; else what the environment names.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Give a deployment the clients, roles and users of FILE.

    All of it is checked first. Clients are written anew each time; roles and users that are there stay as they are.
    """
    with ExitStack() as exits:
        exits.enter_context(_told())
        if stack is not None:
            os.environ.update(deployment.find(stack).environment)
        services = exits.enter_context(_services(1))
        content = seed.load(str(file), services.settings)
        seed.apply(content, services)
        summary = {
            "clients": len(content.clients),
            "roles": len(content.roles),
            "users": len(content.users),
        }
        if as_json:
            print(json.dumps(summary))
        else:
            print(", ".join(f"{count} {kind}" for kind, count in summary.items()) + " are there")


@users.command("import")
def import_users(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="CSV or JSON lines.")],
    kind: Annotated[FormatName | None, typer.Option("--format", help="Where the file's name does not tell.")] = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check every line, write nothing.")] = False,
    rejects: Annotated[Path | None, typer.Option(help="Write refused lines here, each with its reason.")] = None,
    parallel: Annotated[int, typer.Option(min=1, max=64, help="Transactions at once, at most.")] = 16,
    create_roles: Annotated[bool, typer.Option("--create-roles", help="Make the roles that are not there.")] = False,
    openid_app: Annotated[str, typer.Option(help="Provider and app of the field openid.")] = records.DEFAULT_OPENID_APP,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Move users in from FILE.

    The whole file is checked first. Then the good lines are written; lines whose account is there already are counted
    and left alone, so it can be stopped (Ctrl-C) and run again.
    """
    if rejects is not None and rejects.resolve() == file.resolve():
        raise typer.BadParameter("--rejects: is the file itself")
    if not records.is_app(openid_app):
        raise typer.BadParameter("--openid-app: is a provider and its app, as in wechat:wx123")
    start = time.monotonic()
    report = importing.Report()
    with ExitStack() as stack:
        stack.enter_context(_told())
        kind_known = files.format_of(file, kind.value if kind else None)
        stream = stack.enter_context(file.open("rb"))
        services = stack.enter_context(_services(parallel))
        book = services.store.directory().roles
        source = importing.Source(stream, kind_known, records.rules(services, book, openid_app, new_roles=create_roles))
        write_reject = None
        if rejects is not None:
            columns = (*records.REMARKS, *files.columns(stream, kind_known))
            write_reject = files.writer(stack.enter_context(files.private(rejects)), kind_known, columns)
        stop = stack.enter_context(_stoppable())
        progress = stack.enter_context(_progress())
        report.on_refused = _teller(write_reject, importing.SHOWN)
        task = progress.add_task("checking", total=file.stat().st_size)
        report.on_progress = lambda amount: progress.advance(task, amount)

        def checked(good: int) -> None:
            nonlocal task
            task = progress.add_task("writing", total=good, visible=not dry_run)

        importing.run(source, report, stop, parallel=parallel, dry_run=dry_run, on_checked=checked)
    _conclude(report, dry_run=dry_run, as_json=as_json, seconds=time.monotonic() - start)


@users.command("export")
def export_users(
    file: Annotated[Path | None, typer.Argument(dir_okay=False, help="Standard output where there is none.")] = None,
    kind: Annotated[FormatName | None, typer.Option("--format", help="Where the file's name does not tell.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Write all users, hashes included, to FILE: such that `import` makes the same accounts of it.

    The file can be read by its owner alone, and is there when all of it is written.
    """
    start = time.monotonic()
    count = 0
    with ExitStack() as stack:
        stack.enter_context(_told())
        kind_known = files.format_of(file, kind.value if kind else None)
        if file is None and sys.stdout.isatty():
            raise _Failed("password hashes are not for a terminal: name a FILE, or send the output on")
        services = stack.enter_context(_services(1))
        book = services.store.directory().roles
        stack.enter_context(_signals({signal.SIGTERM: signal.default_int_handler}))
        stream = stack.enter_context(files.private(file) if file else nullcontext(sys.stdout))
        progress = stack.enter_context(_progress())
        task = progress.add_task("reading", total=None)
        write = files.writer(stream, kind_known, tuple(name for name in records.FIELDS if name != "openid"))
        for record in exporting.accounts(services, book, Pace(1, threading.Event())):
            write(record)
            count += 1
            progress.advance(task)
        stream.flush()
    seconds = round(time.monotonic() - start, 1)
    summary = (
        json.dumps({"exported": count, "seconds": seconds}) if as_json else f"{count} users exported in {seconds} s"
    )
    print(summary, file=sys.stdout if file else sys.stderr)


def main() -> None:
    """Run it on the arguments of the process."""
    app()


# --- what both need -----------------------------------------------------------------------------------------------


@contextmanager
def _services(parallel: int) -> Iterator[Services]:
    """The services of the deployment that the environment names."""
    environ = os.environ
    if "AWS_REGION" not in environ and "AWS_DEFAULT_REGION" in environ:
        environ["AWS_REGION"] = environ["AWS_DEFAULT_REGION"]
    settings = _patient(from_environment(environ), environ)
    endpoint = environ.get("DYNAMODB_ENDPOINT")
    with dynamodb.open_store(endpoint, environ) if endpoint else nullcontext():
        client = connect(settings, max_connections=parallel)
        yield bootstrap.build(settings, DynamoStore(settings, client=lambda: client))


def _patient(settings: Settings, environ: Mapping[str, str]) -> Settings:
    return settings.model_copy(
        update={name: value for name, value in _STORE_TIMEOUTS.items() if not environ.get(name.upper())}
    )


@contextmanager
def _told() -> Iterator[None]:
    """Tells what ends it in a line, and ends the process with the code for it."""
    try:
        yield
    except (files.FileError, SettingsError, dynamodb.StoreError, deployment.DeploymentError, _Failed) as error:
        _end(FAILED, *str(error).splitlines())
    except seed.SeedError as error:
        _end(FAILED, *error.args[0])
    except LingpaiError as error:
        _end(FAILED, f"the store does not answer: {error.__cause__ or error}")
    except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError) as error:
        _end(FAILED, f"the store refuses: {error}")
    except BrokenPipeError:
        # Who read the output wanted no more of it; neither does the interpreter's last flush have to fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        _end(FAILED, "nobody reads the output any more")
    except OSError as error:
        _end(FAILED, f"{error.filename or 'the file'}: {error.strerror or error}")
    except (KeyboardInterrupt, Stopped):
        _end(STOPPED, "stopped")


def _end(code: int, *lines: str) -> None:
    for line in lines:
        _screen.print(line)
    raise typer.Exit(code)


@contextmanager
def _stoppable() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C or SIGTERM sets; the second one ends the process."""
    stop = threading.Event()

    def ask(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.default_int_handler)
        stop.set()
        _screen.print("stopping when what is under way is done; once more stops at once")

    with _signals(dict.fromkeys((signal.SIGINT, signal.SIGTERM), ask)):
        yield stop


@contextmanager
def _signals(handlers: Mapping[int, Callable[[int, FrameType | None], Any]]) -> Iterator[None]:
    """These handlers, as long as the context lasts."""
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _progress() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=_screen,
        disable=not _screen.is_terminal,
    )


def _teller(write: files.Writer | None, most: int) -> Callable[[int, str, Mapping[str, Any]], None]:
    """Tells of refused lines, the first ones on the terminal, all of them to `write`."""
    told = 0

    def tell(line: int, reason: str, record: Mapping[str, Any]) -> None:
        nonlocal told
        told += 1
        if told <= most:
            _screen.print(f"line {line}: {reason}")
        if told == most + 1:
            _screen.print("… and more" + ("" if write else "; --rejects FILE keeps them all"))
        if write is not None:
            write({**record, "line": line, "reason": reason})

    return tell


def _conclude(report: importing.Report, *, dry_run: bool, as_json: bool, seconds: float) -> None:
    summary = {
        "lines": report.lines,
        "imported": report.imported,
        "already_there": report.already_there,
        "refused": report.refused,
        "dry_run": dry_run,
        "stopped": report.stopped,
        "seconds": round(seconds, 1),
    }
    if as_json:
        refused = [{"line": line, "reason": reason} for line, reason in report.first_refused]
        print(json.dumps({**summary, "first_refused": refused}, ensure_ascii=False))
    elif dry_run:
        print(f"{report.lines} lines: {report.lines - report.refused} good, {report.refused} refused, nothing written")
    else:
        print(
            f"{report.lines} lines: {report.imported} imported, {report.already_there} there already, "
            f"{report.refused} refused"
        )
    if report.stopped:
        _end(STOPPED, "stopped; run it again to go on: what is there is left alone")
    raise typer.Exit(SOME_REFUSED if report.refused else DONE)


if __name__ == "__main__":
    main()
