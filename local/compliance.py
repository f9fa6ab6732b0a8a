"""What laws and standards ask for, compared with a deployment, with the evidence of each line.

The requirements are in `requirements.toml` beside this module, which is part of the wheel. In: the deployment's
settings. Out: for each requirement whether it is met, and what to change where it is not.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import SecretStr

from lingpai.settings import Settings

SOURCE = Path(__file__).with_name("requirements.toml")

Status = Literal["met", "not met", "operator"]

_CONDITION = re.compile(r"([A-Z][A-Z0-9_]*) (?:(>=|<=|==|has) (\S+)|set)")


@dataclass(frozen=True)
class Text:
    """A text for people, in English and Chinese."""

    en: str
    zh: str


@dataclass(frozen=True)
class Condition:
    """What a setting must be like: `operator` is `>=`, `<=`, `==`, `has` or `set`, `wanted` the value beside it.

    `wanted` may be the name of another setting.
    """

    setting: str
    operator: str
    wanted: str = ""

    def __str__(self) -> str:
        return f"{self.setting} {self.operator} {self.wanted}".rstrip()


@dataclass(frozen=True)
class Requirement:
    """A requirement of a standard and its evidence; `duty` is what only the operator can do.

    Each of `settings` has conditions of which one is enough.
    """

    standard: str
    id: str
    text: Text
    settings: tuple[tuple[Condition, ...], ...]
    tests: tuple[str, ...]
    audit: tuple[str, ...]
    documents: tuple[str, ...]
    duty: Text | None


@dataclass(frozen=True)
class Standard:
    """A law or standard, with those of its requirements that are about this service."""

    id: str
    title: Text
    url: str
    requirements: tuple[Requirement, ...]


@dataclass(frozen=True)
class Compared:
    """Conditions of which one is enough, compared with the deployment's `value`."""

    wanted: str
    value: str
    met: bool


@dataclass(frozen=True)
class Finding:
    """A requirement as a deployment meets it, or does not."""

    requirement: Requirement
    status: Status
    compared: tuple[Compared, ...]

    @property
    def change(self) -> tuple[str, ...]:
        """What to change: the conditions that are not met, with the present value."""
        return tuple(f"{each.wanted} (is {each.value})" for each in self.compared if not each.met)


def standards() -> tuple[Standard, ...]:
    """All standards, in the order of the file."""
    return tuple(
        Standard(each["id"], Text(each["en"], each["zh"]), each["url"], tuple(_requirements(each)))
        for each in tomllib.loads(SOURCE.read_text("utf-8"))["standard"]
    )


def find(settings: Settings) -> tuple[Finding, ...]:
    """All requirements, compared with these settings."""
    return tuple(_finding(requirement, settings) for each in standards() for requirement in each.requirements)


def conditions(text: str) -> tuple[Condition, ...]:
    """The conditions of a text such as `MFA == required or MFA_ROLES has ADMIN_ROLE`; ValueError for none."""
    return tuple(map(condition, text.split(" or ")))


def condition(text: str) -> Condition:
    """The condition that a text such as `PASSWORD_MIN_LENGTH >= 15` means; ValueError for none."""
    found = _CONDITION.fullmatch(text)
    if found is None or found[1].lower() not in Settings.model_fields:
        raise ValueError(f"{text}: no condition of a setting")
    return Condition(found[1], found[2] or "set", found[3] or "")


def _requirements(given: Mapping[str, Any]) -> Iterator[Requirement]:
    for each in given["requirement"]:
        duty = each.get("duty")
        yield Requirement(
            standard=given["id"],
            id=each["id"],
            text=Text(each["en"], each["zh"]),
            settings=tuple(map(conditions, each.get("settings", ()))),
            tests=tuple(each.get("tests", ())),
            audit=tuple(each.get("audit", ())),
            documents=tuple(each.get("documents", ())),
            duty=Text(**duty) if duty else None,
        )


def _finding(requirement: Requirement, settings: Settings) -> Finding:
    """`operator` for what nothing here can show."""
    compared = tuple(_compared(each, settings) for each in requirement.settings)
    if not all(each.met for each in compared):
        return Finding(requirement, "not met", compared)
    shown = compared or requirement.tests or requirement.documents
    is_theirs = not requirement.tests and not compared and requirement.duty is not None
    return Finding(requirement, "met" if shown and not is_theirs else "operator", compared)


def _compared(conditions: tuple[Condition, ...], settings: Settings) -> Compared:
    values = (_shown(_value(settings, each.setting)) or "empty" for each in conditions)
    met = any(_is_met(each, settings) for each in conditions)
    return Compared(wanted_text(conditions), ", ".join(values), met)


def wanted_text(conditions: tuple[Condition, ...]) -> str:
    """The conditions as the file has them."""
    return " or ".join(map(str, conditions))


def _is_met(condition: Condition, settings: Settings) -> bool:
    value, wanted = _value(settings, condition.setting), condition.wanted
    if wanted.lower() in Settings.model_fields and wanted.isupper():
        wanted = _shown(_value(settings, wanted))
    match condition.operator:
        case ">=":
            return bool(value >= int(wanted))
        case "<=":
            return bool(value <= int(wanted))
        case "==":
            return str(value) == wanted
        case "has":
            return wanted in value
        case _:
            return bool(value)


def _value(settings: Settings, name: str) -> Any:
    value = getattr(settings, name.lower())
    if isinstance(value, SecretStr):
        raise TypeError(f"{name} is a secret, which is not shown")
    return value


def _shown(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
