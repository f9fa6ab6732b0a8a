"""Which template, signature or text a message gets, by its language and purpose."""

from typing import TYPE_CHECKING

from lingpai.model import Message

if TYPE_CHECKING:
    from lingpai.settings import Kinds, Settings

MAINLAND = "+86"


def chosen(kinds: "Kinds", message: Message) -> str:
    """The template or signature for the message; its own language first, then Chinese.

    For numbers outside mainland China those marked `abroad` come first: vendors keep them apart.
    """
    known = dict(kinds)
    sides = ("",) if message.to.startswith(MAINLAND) else ("abroad.", "")
    for language in (message.language, "zh"):
        for side in sides:
            for key in (f"{side}{language}.{message.purpose}", f"{side}{language}"):
                if key in known:
                    return known[key]
    return ""


def text(settings: "Settings", message: Message) -> str:
    """The text of the message: the operator's for its language and purpose, else the one it came with."""
    own: str = getattr(settings, f"sms_text_{message.language}_{message.purpose}")
    return own.format(code=message.code, minutes=message.minutes) if own else message.text


def variable(name: str, message: Message) -> tuple[str, str]:
    """A template's variable and its value: `code`, `minutes`, or another name for one of them as in `otp=code`."""
    label, _, source = name.partition("=")
    return label, message.code if (source or label) == "code" else str(message.minutes)
