"""The settings without pydantic, where every one that is given is plain.

That is a text, a whole number, true or false, or one of several words.

Importing pydantic and building the model of `settings` costs more of a cold start than any other package
(docs/performance.md), and most deployments set what needs neither. What each setting may be is in `plain_table`, which
`python -m tools.write_plain_table` writes from the model; where anything else is given, or anything that may be wrong,
the model reads it and says what is wrong.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from lingpai.plain_table import CHOICES, DEFAULTS, FLAGS, PLAIN_SECRETS, SAID, SECRETS, TEXTS, WHOLES

if TYPE_CHECKING:
    from lingpai.settings import Settings

_FLAGS = {"true": True, "false": False}


class Hidden:
    """A secret as pydantic's SecretStr keeps it: shown to who asks for it, and in no repr."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def get_secret_value(self) -> str:
        """The secret."""
        return self._value

    def __repr__(self) -> str:
        return f"Hidden({'**********' if self._value else ''!r})"


class PlainSettings:
    """Has the fields of `settings.Settings`, and is frozen as that is."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.__dict__.update(values)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{name} is frozen")

    def __repr__(self) -> str:
        return "PlainSettings()"


def read(environment: Mapping[str, str]) -> "Settings | None":
    """The settings that `environment` names, as `settings.from_environment` gives them; None where that has to read."""
    values: dict[str, Any] = {**DEFAULTS, **dict.fromkeys(SECRETS, Hidden(""))}
    for name in values:
        text = environment.get(name.upper(), "")
        if text == "" or SAID.get(name) == text:
            continue
        value = _value(name, text)
        if value is None:
            return None
        values[name] = value
    return cast("Settings", PlainSettings(values))


def _value(name: str, text: str) -> str | int | bool | Hidden | None:
    """What the text means for this setting; None where the model has to say."""
    if name in WHOLES and text.isascii() and text.isdecimal() and len(text) < 16 and (text[0] != "0" or text == "0"):
        least, most = WHOLES[name]
        number = int(text)
        return number if least <= number <= most else None
    if text in CHOICES.get(name, ()):
        return text
    if name in FLAGS:
        return _FLAGS.get(text)
    if name in TEXTS and text.isascii():
        return text
    if name in PLAIN_SECRETS and text.isascii():
        return Hidden(text)
    return None
