"""`lingpai users`: imports and exports accounts."""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from types import FrameType
from typing import IO, Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from typer import Argument, Option

from lingpai.accounts.model import User
from local.operator import console
from local.operator.command_context import CommandContext, command
from local.operator.console import DONE, REFUSED, STOPPED, Failed, Refused, end, say, screen, show, signals, utf8_output
from local.transfer import encodings, exporting, files, importing, records
from local.transfer.adaptive_concurrency import AdaptiveConcurrency

Kind = Annotated[files.Format | None, Option("--format", help="Where the file's name does not tell.")]

group = typer.Typer(name="users", no_args_is_help=True, help="Move users in from another system, and out again.")


@command(group, "import")
def import_users(
    context: CommandContext,
    file: Annotated[Path, Argument(exists=True, dir_okay=False, readable=True, help="CSV or JSON lines.")],
    kind: Kind = None,
    *,
    dry_run: Annotated[bool, Option("--dry-run", help="Check every line, write nothing.")] = False,
    rejects: Annotated[Path | None, Option(help="Write refused lines here, each with its reason.")] = None,
    parallel: Annotated[int, Option(min=1, max=64, help="Transactions at once, at most.")] = 16,
    create_roles: Annotated[bool, Option("--create-roles", help="Make the roles that are not there.")] = False,
    openid_app: Annotated[str, Option(help="Provider and app of the field openid.")] = records.DEFAULT_OPENID_APP,
    source: Annotated[
        str, Option(metavar="NAME", help="The system that they come from, where there are several.")
    ] = importing.DEFAULT_NAME,
    encoding: Annotated[
        str | None, Option(metavar="NAME", help="The file's encoding, such as gbk; else UTF-8.")
    ] = None,
) -> None:
    """Move users in from FILE.

    The whole file is checked first. Then the good lines are written; lines whose account this import made before are
    counted and left alone, so it can be stopped (Ctrl-C) and run again.
    """
    if rejects is not None and rejects.resolve() == file.resolve():
        raise typer.BadParameter("--rejects: is the file itself")
    if not records.is_app(openid_app):
        raise typer.BadParameter("--openid-app: is a provider and its app, as in wechat:wx123")
    if encoding is not None and not encodings.is_known(encoding):
        raise typer.BadParameter(f"--encoding: {encoding} is no encoding that is known; gbk and utf-16 are such")
    if not source.strip():
        raise typer.BadParameter("--source: is empty")
    start = time.monotonic()
    report = importing.Report()
    with ExitStack() as stack:
        kind_known = files.format_of(file, kind)
        stream = stack.enter_context(encodings.opened(file, encoding))
        services = stack.enter_context(context.services(parallel))
        book = services.store.directory().roles
        rules = records.rules(services, book, openid_app, new_roles=create_roles)
        named = importing.Source(stream, kind_known, rules, source)
        write_reject = None
        if rejects is not None:
            columns = (*records.REMARKS, *files.columns(stream, kind_known))
            write_reject = files.writer(stack.enter_context(files.private(rejects)), kind_known, columns)
        stop = stack.enter_context(_stoppable())
        progress = stack.enter_context(_progress())
        report.on_refused = _teller(report, write_reject)
        task = progress.add_task("checking", total=stream.seek(0, os.SEEK_END))
        report.on_progress = lambda amount: progress.advance(task, amount)

        def checked(good: int) -> None:
            nonlocal task
            task = progress.add_task("writing", total=good, visible=not dry_run)

        importing.run(named, report, stop, parallel=parallel, dry_run=dry_run, on_checked=checked)
    _conclude(report, dry_run=dry_run, as_json=context.options.as_json, seconds=time.monotonic() - start)


@command(group, "export")
def export_users(
    context: CommandContext,
    file: Annotated[Path | None, Argument(dir_okay=False, help="Standard output where there is none.")] = None,
    kind: Kind = None,
    *,
    force: Annotated[bool, Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Write all users, hashes included, to FILE: such that `import` makes the same accounts of it.

    The file can be read by its owner alone, and is there when all of it is written.
    """
    start = time.monotonic()
    kind_known = files.format_of(file, kind)
    if file is None and sys.stdout.isatty():
        raise Failed("password hashes are not for a terminal: name a FILE, or send the output on")
    try:
        with files.private(file, overwrite=force) if file else nullcontext(utf8_output()) as stream:
            count, protected = _export(context, stream, kind_known)
    except FileExistsError:
        raise Refused(f"{file} is there already: --force writes over it") from None
    seconds = round(time.monotonic() - start, 1)
    summary = f"{count} users exported in {seconds} s"
    if protected:
        summary += f"\n{protected} of them have second factors, which no export holds: they are to be set up anew"
    if context.options.as_json:
        summary = json.dumps({"exported": count, "second_factors_left_out": protected, "seconds": seconds})
    if file:
        show(summary)
    else:
        print(summary, file=sys.stderr)


def _export(context: CommandContext, stream: IO[str], kind: files.Format) -> tuple[int, int]:
    """Write all accounts; returns how many, and how many of them have second factors."""
    count, protected = 0, 0

    def note(user: User) -> None:
        nonlocal protected
        protected += bool(user.second_factors)

    with context.services() as services, _progress() as progress:
        book = services.store.directory().roles
        task = progress.add_task("reading", total=None)
        write = files.writer(stream, kind, tuple(name for name in records.FIELDS if name != "openid"))
        for record in exporting.accounts(services, book, AdaptiveConcurrency(1, threading.Event()), note):
            write(record)
            count += 1
            progress.advance(task)
        stream.flush()
    return count, protected


@contextmanager
def _stoppable() -> Iterator[threading.Event]:
    """Yield an event that the first Ctrl-C or SIGTERM sets; the second ends the process."""
    stop = threading.Event()

    def ask(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.default_int_handler)
        stop.set()
        say("stopping when what is under way is done; once more stops at once")

    with signals(dict.fromkeys((signal.SIGINT, signal.SIGTERM), ask)):
        yield stop


def _progress() -> Progress:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=screen, disable=not screen.is_terminal)


def _teller(report: importing.Report, write: files.Writer | None) -> Callable[[int, str, Mapping[str, Any]], None]:
    """Return a callback that reports refused lines: the first ones on the terminal, all of them to `write`."""

    def tell(line: int, reason: str, record: Mapping[str, Any]) -> None:
        if report.refused <= importing.SHOWN:
            say(f"line {line}: {reason}")
        if report.refused == importing.SHOWN + 1:
            say("… and more" + ("" if write else "; --rejects FILE keeps them all"))
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
    refused = f"{report.refused} refused"
    if as_json:
        first = [{"line": line, "reason": reason} for line, reason in report.first_refused]
        show(console.as_json({**summary, "first_refused": first}, indent=None))
    elif dry_run:
        show(f"{report.lines} lines: {report.lines - report.refused} good, {refused}, nothing written")
    else:
        show(f"{report.lines} lines: {report.imported} imported, {report.already_there} there already, {refused}")
    if report.stopped:
        end(STOPPED, "stopped; run it again to go on: what is there is left alone")
    raise typer.Exit(REFUSED if report.refused else DONE)
