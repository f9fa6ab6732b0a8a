"""How the command talks: results on standard output, everything else on standard error, and what its end means."""

import contextlib
import io
import json
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from types import FrameType
from typing import Any

import botocore.exceptions
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lingpai.kernel import messages
from lingpai.kernel.errors import LingpaiError, SettingsError
from local import deployment, dynamodb, seed
from local.operator import credentials
from local.transfer.adaptive_concurrency import Stopped
from local.transfer.files import FileError

DONE, REFUSED, FAILED, MISSING, STOPPED = 0, 1, 2, 3, 130

# Wide enough for any row: what reads a pipe wants no line broken.
_PIPE_WIDTH = 4000

screen = Console(stderr=True, markup=False, highlight=False, soft_wrap=True)


class Refused(Exception):
    """It was not done, or not all of it: the text says why, and what to do. Exit code 1."""


class Failed(Exception):
    """It cannot begin or go on: the text says why, and what to do. Exit code 2."""


class Missing(Exception):
    """What the command is about is not there. Exit code 3."""


class Unread(Exception):
    """Nobody reads the output any more; the text says what they missed. Exit code 2."""


@contextmanager
def report_errors() -> Iterator[None]:
    """Tells what ends it in a line, and ends the process with the code for it."""
    try:
        yield
    except Refused as error:
        end(REFUSED, *str(error).splitlines())
    except Missing as error:
        end(MISSING, *str(error).splitlines())
    except deployment.DeploymentError as error:
        end(FAILED, credentials.advice(error) or str(error))
    except (FileError, SettingsError, dynamodb.StoreError, Failed) as error:
        end(FAILED, *str(error).splitlines())
    except seed.SeedError as error:
        end(FAILED, *error.args[0])
    except LingpaiError as error:
        _end_refused(error)
    except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError) as error:
        if advice := credentials.advice(error):
            end(FAILED, advice)
        end(FAILED, f"the store refuses: {error}", *_advice(error))
    except (BrokenPipeError, Unread) as error:
        _forget_output()
        end(FAILED, "nobody reads the output any more", *(str(error).splitlines() if isinstance(error, Unread) else ()))
    except OSError as error:
        end(FAILED, f"{error.filename or 'the file'}: {error.strerror or error}")
    except (KeyboardInterrupt, Stopped):
        end(STOPPED, "stopped")


def end(code: int, *lines: str) -> None:
    """Say these lines and end with this code."""
    say(*lines)
    raise typer.Exit(code)


def say(*lines: str) -> None:
    """Say it to the person at the terminal, who may have gone."""
    with contextlib.suppress(BrokenPipeError):
        for line in lines:
            screen.print(line)


def show(output: str | Table, unread: str = "") -> None:
    """Put the result on standard output, all of it and now; Unread where nobody takes it, saying `unread`."""
    try:
        if isinstance(output, Table) and sys.stdout.isatty():
            Console(highlight=False).print(output)
        else:
            print(output if isinstance(output, str) else _plain(output))
        sys.stdout.flush()
    except BrokenPipeError:
        raise Unread(unread) from None


def as_json(document: Mapping[str, Any]) -> str:
    """The one document of a command that was asked for JSON."""
    return json.dumps(document, ensure_ascii=False, indent=2)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Rows under a heading each, for people. What stands in a cell is text and nothing else."""
    drawn = Table(*columns, box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    return drawn


def field_table(fields: Mapping[str, str]) -> Table:
    """One thing: its fields below each other."""
    drawn = Table(show_header=False, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name, value in fields.items():
        drawn.add_row(Text(name, style="bold"), Text(value))
    return drawn


def format_time(at: int) -> str:
    """Seconds since 1970 as people read them."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def join_words(values: Iterable[str]) -> str:
    """Texts as one cell."""
    return " ".join(values) or "–"


def confirm(question: str, *, yes: bool) -> None:
    """Go on only if the operator agrees; Refused where they do not, or where there is nobody to ask."""
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Refused(f"{question}\nnothing was done: there is no terminal to ask on; --yes answers it")
    screen.print(f"{question} [y/N] ", end="")
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise Refused("nothing was done")


@contextmanager
def signals(handlers: Mapping[int, Callable[[int, FrameType | None], Any]]) -> Iterator[None]:
    """These handlers, as long as the context lasts."""
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def finish_first() -> Iterator[None]:
    """Not to be stopped by the first signal: a secret that is stored must be shown, or nobody ever knows it."""

    def wait(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.default_int_handler)
        say("in a moment: what is made has to be shown; once more stops at once")

    with signals(dict.fromkeys((signal.SIGINT, signal.SIGTERM), wait)):
        yield


def _plain(drawn: Table) -> str:
    """The table as lines of text, however long, without blanks at their ends."""
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
    """Nor does the interpreter's last flush have to fail."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
