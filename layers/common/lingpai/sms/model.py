"""Text messages and their purposes."""

from dataclasses import dataclass, field
from typing import Literal

from lingpai.kernel.language import Language

# The purposes of codes: log in (or register), link a number, set a password, change login methods.
Purpose = Literal["login", "link", "reset", "change"]
# The topics of messages: a code for a purpose, or a notice that the number can no longer log in to an account.
Topic = Purpose | Literal["notice"]


@dataclass(frozen=True)
class Message:
    """A text message: `to` in E.164, `at` in seconds, `text` as it reads in `language`.

    Providers with templates choose one by `purpose` and `language`, and fill in `code` and its validity in `minutes`. A
    notice has no code.
    """

    to: str = field(repr=False)
    code: str = field(repr=False)
    text: str = field(repr=False)
    at: int
    minutes: int = 10
    language: Language = "zh"
    purpose: Topic = "login"
