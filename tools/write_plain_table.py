"""Write layers/common/lingpai/plain_table.py: what the settings are by default, and which need no pydantic to be read.

    .venv/bin/python -m tools.write_plain_table

Run it after a change to `lingpai.settings`; a test compares.
"""

import sys
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from lingpai.errors import SettingsError
from lingpai.settings import Settings, from_environment

FILE = Path(__file__).resolve().parent.parent / "layers" / "common" / "lingpai" / "plain_table.py"
_LARGEST = 10**15


def text() -> str:
    """The module."""
    fields = Settings.model_fields
    # What has a validator of its own is read by the model.
    validated = {
        name for rule in Settings.__pydantic_decorators__.field_validators.values() for name in rule.info.fields
    }
    plain = {name: field for name, field in fields.items() if name not in validated}
    secrets = [name for name, field in fields.items() if field.annotation is SecretStr]
    defaults = {name: field.default for name, field in fields.items() if name not in secrets}
    if any(fields[name].default.get_secret_value() for name in secrets):
        raise ValueError("a secret has a default")
    said = {name: words for name, value in defaults.items() if (words := _said(name, value)) is not None}
    wholes = {name: bounds for name, field in plain.items() if (bounds := _bounds(field))}
    choices = {name: get_args(field.annotation) for name, field in plain.items() if _is_choice(field)}
    parts: dict[str, tuple[str, Any]] = {
        "DEFAULTS": ("Mapping[str, Any]", defaults),
        "SECRETS": ("tuple[str, ...]", tuple(secrets)),
        "PLAIN_SECRETS": ("tuple[str, ...]", tuple(name for name in secrets if name in plain)),
        "TEXTS": ("tuple[str, ...]", tuple(name for name, field in plain.items() if _is(field, str))),
        "FLAGS": ("tuple[str, ...]", tuple(name for name, field in plain.items() if _is(field, bool))),
        "WHOLES": ("Mapping[str, tuple[int, int]]", wholes),
        "CHOICES": ("Mapping[str, tuple[str, ...]]", choices),
        "SAID": ("Mapping[str, str]", said),
    }
    lines = [
        '"""What `plain` knows of the settings. Written by `python -m tools.write_plain_table`."""',
        "",
        "from collections.abc import Mapping",
        "from typing import Any",
        "",
        "# fmt: off",
    ]
    for name, (kind, value) in parts.items():
        if isinstance(value, dict):
            lines += [
                f"{name}: {kind} = {{",
                *(f"    {_quoted(key)}: {_quoted(each)}," for key, each in value.items()),
                "}",
            ]
        else:
            lines += [f"{name}: {kind} = (", *(f"    {_quoted(each)}," for each in value), ")"]
    return "\n".join(lines) + "\n"


def _quoted(value: object) -> str:
    """As the formatter writes it."""
    match value:
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case tuple():
            return "(" + ", ".join(map(_quoted, value)) + ("," if len(value) == 1 else "") + ")"
        case _:
            return repr(value)


def _is(field: FieldInfo, kind: type) -> bool:
    return field.annotation is kind and not field.metadata


def _is_choice(field: FieldInfo) -> bool:
    return get_origin(field.annotation) is Literal and not field.metadata


def _bounds(field: FieldInfo) -> tuple[int, int] | None:
    """The least and the greatest value of a whole number; None for what is none, or has other rules."""
    if field.annotation is not int:
        return None
    least, most = 0, _LARGEST
    for rule in field.metadata:
        match rule:
            case Ge(ge=int(bound)):
                least = max(least, bound)
            case Gt(gt=int(bound)):
                least = max(least, bound + 1)
            case Le(le=int(bound)):
                most = min(most, bound)
            case _:
                return None
    return least, most


def _said(name: str, default: object) -> str | None:
    """The text that means the default of what only the model can read, such as `console`; None where there is none."""
    words = ",".join(default) if isinstance(default, tuple) and all(isinstance(w, str) for w in default) else default
    if not isinstance(words, str) or not words:
        return None
    try:
        same = getattr(from_environment({name.upper(): words}), name) == default
    except SettingsError:
        return None
    return words if same else None


if __name__ == "__main__":
    FILE.write_text(text(), "utf-8")
    sys.exit(0)
