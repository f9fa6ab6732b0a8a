"""What a captcha is asked for, and what was solved."""

import hmac
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Subject:
    """The number (E.164) that a code shall be sent to, and the client that asks for it."""

    number: str = field(repr=False)
    client_id: str

    def mark(self, key: bytes) -> str:
        """A keyed hash of both, which a challenge carries: 32 hexadecimal digits."""
        return hmac.digest(key, f"captcha:{self.number}:{self.client_id}".encode(), "sha256").hex()[:32]


@dataclass(frozen=True)
class Solved:
    """A correct solution: the id of its challenge, and when it expires (Unix seconds)."""

    id: str = field(repr=False)
    expires_at: int
