"""Which template, signature or text a message gets, by its language and purpose."""

from typing import TYPE_CHECKING

from lingpai.sms.model import Message
from lingpai.sms.sender import NotSent

if TYPE_CHECKING:
    from lingpai.sms.settings import Kinds, SmsSettings

MAINLAND = "+86"


def signature(kinds: "Kinds", message: Message) -> str:
    """The signature for the message: chosen as in `template`, but a general one serves notices, too."""
    return _chosen(kinds, message, (f".{message.purpose}", "", *_instead(message)))


def template(kinds: "Kinds", message: Message) -> str:
    """The template for the message; its own language first, then Chinese.

    For numbers outside mainland China those marked `abroad` come first: vendors keep them apart. A notice has no code
    in it, so no template for codes will do; NotSent where it has none of its own.
    """
    if message.purpose == "notice":
        own = _chosen(kinds, message, (".notice",))
        if not own:
            raise NotSent("no template for notices")
        return own
    return _chosen(kinds, message, (f".{message.purpose}", "", *_instead(message)))


def _instead(message: Message) -> tuple[str, ...]:
    """The purposes whose kinds are used where the settings have none for the message's own."""
    return () if message.purpose in ("login", "link") else (".link",)


def _chosen(kinds: "Kinds", message: Message, purposes: tuple[str, ...]) -> str:
    known = dict(kinds)
    sides = ("",) if message.to.startswith(MAINLAND) else ("abroad.", "")
    for language in (message.language, "zh"):
        for side in sides:
            for purpose in purposes:
                if (key := f"{side}{language}{purpose}") in known:
                    return known[key]
    return ""


def text(settings: "SmsSettings", message: Message) -> str:
    """The text of the message: the operator's for its language and purpose, else the one it came with."""
    own: str = getattr(settings, f"sms_text_{message.language}_{message.purpose}")
    return own.format(code=message.code, minutes=message.minutes) if own else message.text


def variables(names: tuple[str, ...], message: Message) -> list[tuple[str, str]]:
    """A template's variables and their values; a notice has none."""
    return [] if message.purpose == "notice" else [variable(name, message) for name in names]


def variable(name: str, message: Message) -> tuple[str, str]:
    """A template's variable and its value: `code`, `minutes`, or another name for one of them as in `otp=code`."""
    label, _, source = name.partition("=")
    return label, message.code if (source or label) == "code" else str(message.minutes)
