"""Everything the suite logged, and every secret it used: the two must never meet."""

import functools
import logging
import re
import sys
import threading
import traceback
from dataclasses import dataclass, field
from typing import Any

from lingpai.http import observability
from tests.support.stores import ROOT

# Shorter texts turn up in honest places.
SHORTEST = 6
# So do plain words, which a test may well give for a bad password or number: grants and reasons are some, too.
_WORD = re.compile("[a-z_]+")
_PHRASE = re.compile("[A-Za-z]+(?: [A-Za-z]+)+")
# Where the texts stand that the service, the development server and the operator's command print.
_PRINTING = ("layers/common/lingpai", "local", "functions")
_DIGITS = re.compile(r"\d{6,}")
_REQUEST_ID = re.compile("[A-Za-z0-9_-]{15}=")
_DIFFERENT = re.compile(r'"(?:timestamp|correlation_id)":"[^"]{15,40}",|"ms":[0-9.]+,')
# Chance puts any six digits into the time, the process and the thread: they say nothing of what was logged.
_NUMBERS = {"created", "levelno", "lineno", "ms", "msecs", "process", "relativeCreated", "taskName", "thread"}
_NUMBERS |= {"threadName"}


@dataclass
class Logs(logging.Handler):
    """Keeps all records whole (message, arguments, extras, traceback) and once, and the secrets to look for in them."""

    lines: dict[str, None] = field(default_factory=dict)
    heard: int = 0
    secrets: dict[str, str] = field(default_factory=dict)
    guard: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        super().__init__(logging.NOTSET)

    __hash__ = object.__hash__

    def addFilter(self, filter: object) -> None:  # noqa: A002, N802  the names in logging
        """Take none: Powertools puts one on every root handler, to keep its own lines away from them."""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record with all that any formatter could print of it."""
        trace = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else ""
        fields = {name: value for name, value in record.__dict__.items() if name not in _NUMBERS}
        # Made by the gateway for each request: without it a thousand alike are one line to search.
        if _REQUEST_ID.fullmatch(str(fields.get("correlation_id", ""))):
            del fields["correlation_id"]
        with self.guard:
            self.heard += 1
            self.lines[f"{record.getMessage()} {fields} {trace}"] = None

    def add(self, text: str) -> None:
        """Keep what another process printed."""
        with self.guard:
            self.lines |= dict.fromkeys(text.splitlines())

    def hear(self, line: str) -> None:
        """Keep a line as it is printed, beside its record.

        What differs in each line says nothing, and would make a thousand lines of one.
        """
        with self.guard:
            self.lines[_DIFFERENT.sub("", line)] = None

    def hush(self, kind: str, secret: str) -> None:
        """Remember a secret that no line may show; ValueError for words that honest lines may show, too."""
        if len(secret) >= SHORTEST and not _WORD.fullmatch(secret):
            if secret not in self.secrets and _is_prose(secret):
                raise ValueError(f"{secret!r} is a bad {kind} for a test, as our own texts contain it: take another")
            with self.guard:
                self.secrets[secret] = kind

    def leaks(self) -> list[str]:
        """What was shown and should not have been: kind of secret and the line, with the secret blotted out."""
        with self.guard:
            everything = "\n".join(self.lines)
            # Most secrets of the suite are numbers, and most of the text is none.
            numbers = "\n".join(set(_DIGITS.findall(everything)))
            possible = (secret for secret in self.secrets if not secret.isdecimal() or secret in numbers)
            shown = [secret for secret in possible if _shows(everything, secret)]
            return [
                f"{self.secrets[secret]}: {_around(line, secret)}"
                for secret in shown
                for line in self.lines
                if _shows(line, secret)
            ]


def _is_prose(secret: str) -> bool:
    """Whether our own texts contain these words. What is quoted there as a whole is an example, which no line shows."""
    if not _PHRASE.fullmatch(secret):
        return False
    texts = _own_texts()
    return texts.count(secret) > texts.count(f'"{secret}"')


@functools.cache
def _own_texts() -> str:
    """All that our sources say, with every line break as a space."""
    sources = (path for folder in _PRINTING for path in sorted((ROOT / folder).rglob("*.py")))
    return " ".join(word for path in sources for word in path.read_text("utf-8").split())


def _shows(text: str, secret: str) -> bool:
    """Whether `secret` stands in `text`; one of few digits only as a number of its own, not as part of a longer one."""
    if secret not in text:
        return False
    if not secret.isdigit() or len(secret) > SHORTEST + 2:
        return True
    return re.search(rf"(?<![0-9A-Za-z.]){secret}(?![0-9A-Za-z])", text) is not None


def _around(line: str, secret: str) -> str:
    """The place in the line, with the secret blotted out."""
    start = max(0, line.index(secret) - 150)
    return line[start : start + 300 + len(secret)].replace(secret, "***")


class Output:
    """Standard output as it is at the moment, for a handler that would keep the one of its first day."""

    def write(self, text: str) -> None:
        """Print it."""
        sys.stdout.write(text)

    def flush(self) -> None:
        """Nothing waits here."""


LOGS = Logs()


def listen() -> None:
    """Hear every logger, and every line that the service's own one writes, from now on."""
    logging.getLogger().addHandler(LOGS)
    handler: Any = observability.logger.registered_handler
    handler.stream = Output()
    form = handler.format

    def heard(record: logging.LogRecord) -> str:
        line: str = form(record)
        LOGS.hear(line)
        return line

    handler.format = heard
