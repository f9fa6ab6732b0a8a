"""Everything the suite logged, and every secret it used: the two must never meet."""

import logging
import threading
import traceback
from dataclasses import dataclass, field

# Shorter texts turn up in honest places.
SHORTEST = 6


@dataclass
class Logs(logging.Handler):
    """Keeps all records whole (message, arguments, extras, traceback), and the secrets to look for in them."""

    lines: list[str] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict)
    guard: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        super().__init__(logging.NOTSET)

    __hash__ = object.__hash__

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record with all that any formatter could print of it."""
        trace = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else ""
        with self.guard:
            self.lines.append(f"{record.getMessage()} {record.__dict__} {trace}")

    def add(self, text: str) -> None:
        """Keep what another process printed."""
        with self.guard:
            self.lines += text.splitlines()

    def hush(self, kind: str, secret: str) -> None:
        """Remember a secret that no line may show."""
        if len(secret) >= SHORTEST:
            with self.guard:
                self.secrets[secret] = kind

    def leaks(self) -> list[str]:
        """What was shown and should not have been: kind of secret and the line, with the secret blotted out."""
        with self.guard:
            everything = "\n".join(self.lines)
            shown = [secret for secret in self.secrets if secret in everything]
            return [
                f"{self.secrets[secret]}: {line.replace(secret, '***')[:300]}"
                for secret in shown
                for line in self.lines
                if secret in line
            ]


LOGS = Logs()
