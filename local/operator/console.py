"""Print results on standard output and everything else on standard error, and end with an exit code."""

import contextlib
import io
import json
import os
import re
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from types import FrameType
from typing import Any, TextIO

import botocore.exceptions
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lingpai.kernel import messages
from lingpai.kernel.errors import LingpaiError, SettingsError
from local.errors import LocalError
from local.operator import credentials
from local.transfer.adaptive_concurrency import Stopped

DONE, REFUSED, FAILED, MISSING, STOPPED = 0, 1, 2, 3, 130

# What a terminal obeys, and what changes the order of characters: somebody else may have written the text of a cell.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
# Wide enough for any row: lines for a pipe are not broken.
_PIPE_WIDTH = 4000

screen = Console(stderr=True, markup=False, highlight=False, soft_wrap=True)


class Refused(LocalError):
    """It was not done, or not all of it."""

    code = REFUSED


class Failed(LocalError):
    """It cannot begin or go on."""


class Missing(LocalError):
    """The thing that the command names does not exist."""

    code = MISSING


class Unread(Exception):
    """The output is closed; the message says what was not shown."""


@contextmanager
def report_errors() -> Iterator[None]:
    """Report an error by lines on standard error, and end the process with its exit code."""
    try:
        yield
    except (KeyboardInterrupt, Stopped):
        end(STOPPED, "stopped")
    except (BrokenPipeError, Unread) as error:
        _forget_output()
        end(FAILED, "nobody reads the output any more", *(str(error).splitlines() if isinstance(error, Unread) else ()))
    except LingpaiError as error:
        _end_refused(error)
    except LocalError as error:
        end(error.code, *(credentials.advice(error) or str(error)).splitlines())
    except SettingsError as error:
        end(FAILED, *str(error).splitlines())
    except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError) as error:
        advice = credentials.advice(error)
        end(FAILED, *([advice] if advice else [f"the store refuses: {error}", *_advice(error)]))
    except OSError as error:
        end(FAILED, f"{error.filename or 'the file'}: {error.strerror or error}")


def end(code: int, *lines: str) -> None:
    """Print the lines on standard error and end with this code."""
    say(*lines)
    raise typer.Exit(code)


def say(*lines: str) -> None:
    """Print the lines on standard error; a closed one is ignored."""
    with contextlib.suppress(BrokenPipeError):
        for line in lines:
            screen.print(line)


def show(output: str | Table, unread: str = "") -> None:
    """Print the result on standard output and flush it; raises Unread with `unread` if it is closed.

    Characters that the output's encoding does not have are escaped.
    """
    _reconfigure(errors="backslashreplace")
    try:
        if isinstance(output, Table) and sys.stdout.isatty():
            Console(highlight=False).print(output)
        else:
            print(output if isinstance(output, str) else _plain(output))
        sys.stdout.flush()
    except BrokenPipeError:
        raise Unread(unread) from None


def as_json(document: Mapping[str, Any], indent: int | None = 2) -> str:
    """Return the document of a command with `--json`, with JSON's escapes for what the output's encoding has not."""
    text = json.dumps(document, ensure_ascii=False, indent=indent)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(document, indent=indent)
    return text


def utf8_output() -> TextIO:
    """Return standard output for what is UTF-8 wherever it is written, with line ends as they are."""
    _reconfigure(encoding="utf-8", errors="backslashreplace", newline="")
    return sys.stdout


def _reconfigure(**options: Any) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(**options)


def table(columns: Sequence[str] | None, rows: Iterable[Sequence[object]]) -> Table:
    """Return the rows as a table for people, with the names of the columns, if any, above it.

    A cell's text is never markup. Texts of a list are joined, and nothing is shown as a dash.
    """
    drawn = Table(*columns or (), show_header=bool(columns), box=None, pad_edge=False, padding=(0, 2, 0, 0))
    drawn.header_style = "bold"
    for row in rows:
        drawn.add_row(*map(_cell, row))
    return drawn


def field_table(fields: Mapping[str, object]) -> Table:
    """Return the fields of one thing, one below the other."""
    return table(None, [(Text(name, style="bold"), value) for name, value in fields.items()])


def _cell(value: object) -> Text:
    if isinstance(value, Text):
        return value
    text = " ".join(value) if isinstance(value, list | tuple) else "" if value is None else str(value)
    return Text(_CONTROL.sub(lambda found: ascii(found[0])[1:-1], text) or "–")


def format_time(at: int | None) -> str:
    """Format seconds since 1970 for people; empty for no time."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if at else ""


def confirm(question: str, *, yes: bool) -> None:
    """Ask the operator; raises Refused if they do not agree, or if there is no terminal to ask on."""
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Refused(f"{question}\nnothing was done: there is no terminal to ask on; --yes answers it")
    screen.print(f"{question} [y/N] ", end="")
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise Refused("nothing was done")


@contextmanager
def signals(handlers: Mapping[int, Callable[[int, FrameType | None], Any]]) -> Iterator[None]:
    """Set these signal handlers as long as the context lasts."""
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def finish_first() -> Iterator[None]:
    """Ignore the first signal: a secret that is stored must also be shown, or nobody ever knows it."""

    def wait(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.default_int_handler)
        say("in a moment: what is made has to be shown; once more stops at once")

    with signals(dict.fromkeys((signal.SIGINT, signal.SIGTERM), wait)):
        yield


def _plain(drawn: Table) -> str:
    """Return the table as lines of text of any length, without blanks at their ends."""
    console = Console(file=io.StringIO(), width=_PIPE_WIDTH, color_system=None)
    with console.capture() as captured:
        console.print(drawn)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def _end_refused(error: LingpaiError) -> None:
    if advice := credentials.advice(error.__cause__):
        end(FAILED, advice)
    if error.reason == "no_signing_key":
        end(FAILED, f"no key was made: KMS refuses: {error.__cause__ or error}", *_advice(error.__cause__))
    if error.code == "temporarily_unavailable":
        end(FAILED, f"the store does not answer: {error.__cause__ or error}")
    code = MISSING if error.code == "not_found" else REFUSED
    end(code, messages.text(error.reason, "en", error.values))


def _advice(error: BaseException | None) -> tuple[str, ...]:
    code = error.response["Error"]["Code"] if isinstance(error, botocore.exceptions.ClientError) else ""
    advice = {
        "ResourceNotFoundException": "is this the right deployment? Name it by --stack or --local, or by its tables",
        "AccessDeniedException": "`lingpai doctor` tells which permissions are missing",
    }
    return (advice[code],) if code in advice else ()


def _forget_output() -> None:
    """Redirect standard output to nowhere, so that the interpreter's last flush does not fail."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
