"""Text messages and what they are for."""

from dataclasses import dataclass, field
from typing import Literal

from lingpai.kernel.language import Language

# What a code can do: log in (or register), link a number to an account, set a password, or change how one logs in.
Purpose = Literal["login", "link", "reset", "change"]
# What a message is about: the code in it, or that its number no longer logs in to an account.
Topic = Purpose | Literal["notice"]


@dataclass(frozen=True)
class Message:
    """A text message: `to` in E.164, `at` in seconds, `text` as it reads in `language`.

    Senders whose providers keep the texts as templates choose one by `purpose` and `language`, and fill in `code` and
    `minutes`, how long it is good. A notice has no code.
    """

    to: str = field(repr=False)
    code: str = field(repr=False)
    text: str = field(repr=False)
    at: int
    minutes: int = 10
    language: Language = "zh"
    purpose: Topic = "login"
