"""Reading the fields of a JSON body by type; errors name the field, never its value."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Literal

from lingpai.http.request import CONTROL, is_whole, number_text, require_encodable, value_of
from lingpai.kernel.clock import CODE_DIGITS
from lingpai.kernel.errors import LingpaiError, invalid_request

MAX_ID = 2**53 - 1
# The JSON numbers that are accepted as text.
Numbers = Literal["none", "whole", "any"]
_LINES = "\t\n\r"


def optional_text(
    body: Mapping[str, Any],
    name: str,
    limit: int = 255,
    *,
    opaque: bool = False,
    lines: bool = False,
    numbers: Numbers = "none",
) -> str | None:
    """The text field `name`, None where it is absent or null.

    `opaque` ones are taken as they are; others hold no control characters but, with `lines`, line ends and tabs.
    `numbers` says which JSON numbers are taken for text, as they are spelled, as in the server of seed 003.
    Names and mobile numbers take whole ones only: what was typed cannot be told from 1.38E10.
    """
    value = value_of(body, name)
    if value is None:
        return None
    spelled = number_text(value)
    if spelled is not None and (numbers == "any" or (numbers == "whole" and is_whole(spelled))):
        value = spelled
    if not isinstance(value, str):
        raise _wrong(name, "文本", "text")
    require_encodable(value)
    if len(value) > limit:
        raise invalid_request("too_long", name=name, limit=limit)
    if not opaque and has_control(value, lines=lines):
        raise invalid_request("control_character", name=name)
    return value


def has_control(value: str, *, lines: bool = False) -> bool:
    """Whether the text holds a control character; with `lines`, tabs and line ends are allowed."""
    allowed = _LINES if lines else ""
    return any(found not in allowed for found in CONTROL.findall(value))


def text(
    body: Mapping[str, Any], name: str, limit: int = 255, *, opaque: bool = False, numbers: Numbers = "none"
) -> str:
    """As `optional_text`, for a field that must be there and not empty."""
    value = optional_text(body, name, limit, opaque=opaque, numbers=numbers)
    if not value:
        raise invalid_request("missing_parameter", name=name)
    return value


def code(body: Mapping[str, Any], name: str) -> str:
    """The code `name`, which must be there: as text, or as a number that has lost its first zeros."""
    value = text(body, name, numbers="whole")
    return value if isinstance(body[name], str) else value.zfill(CODE_DIGITS)


def optional_id(body: Mapping[str, Any], name: str) -> int | None:
    """The id `name`: a positive number below 2^53, as a number or in digits; None where it is absent or null."""
    value = value_of(body, name)
    if value is None:
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 16:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= MAX_ID:
        raise _wrong(name, "正整数编号", "an id: a positive whole number")
    return value


def an_id(body: Mapping[str, Any], name: str) -> int:
    """As `optional_id`, for a field that must be there."""
    value = optional_id(body, name)
    if value is None:
        raise invalid_request("missing_parameter", name=name)
    return value


def optional_objects(body: Mapping[str, Any], name: str) -> list[Mapping[str, Any]] | None:
    """The list of objects `name`; None where it is absent or null."""
    value = value_of(body, name)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise _wrong(name, "对象列表", "a list of objects")
    return value


def whole_number(body: Mapping[str, Any], name: str, default: int, low: int, high: int) -> int:
    """The number `name` from `low` to `high`, as a number or in digits; `default` where it is absent or null."""
    value = value_of(body, name)
    if value is None:
        return default
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 9:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong(name, "整数", "a whole number")
    if not low <= value <= high:
        raise invalid_request("out_of_range", name=name, low=low, high=high)
    return value


def optional_moment(body: Mapping[str, Any], name: str, utc_offset_minutes: int) -> str | None:
    """A moment as `yyyy-MM-dd HH:mm:ss` (seed 003), from that or from ISO 8601.

    One with an offset of its own is moved to the deployment's; one without is taken to be there already.
    """
    moment = _moment(body, name, utc_offset_minutes, "yyyy-MM-dd HH:mm:ss")
    return None if moment is None else _stamp(moment)


def optional_day(body: Mapping[str, Any], name: str, utc_offset_minutes: int) -> str | None:
    """As `optional_moment`, the day alone: `yyyy-MM-dd` (seed 003)."""
    moment = _moment(body, name, utc_offset_minutes, "yyyy-MM-dd")
    return None if moment is None else moment.date().isoformat()


def _moment(body: Mapping[str, Any], name: str, utc_offset_minutes: int, form: str) -> datetime | None:
    """The moment `name` where the deployment is; None where it is absent. `form` is what a refusal asks for."""
    given = optional_text(body, name, numbers="whole")
    if given is None:
        return None
    try:
        moment = datetime.fromisoformat(given)
        if moment.tzinfo is not None:
            moment = moment.astimezone(timezone(timedelta(minutes=utc_offset_minutes)))
    except (ValueError, OverflowError):
        raise invalid_request("bad_date", name=name, format=form) from None
    return moment


def moment_text(at: int, utc_offset_minutes: int) -> str:
    """Seconds since 1970 as `yyyy-MM-dd HH:mm:ss`, where the deployment is."""
    return _stamp(datetime.fromtimestamp(at, UTC).astimezone(timezone(timedelta(minutes=utc_offset_minutes))))


def _stamp(moment: datetime) -> str:
    return moment.replace(tzinfo=None, microsecond=0).isoformat(sep=" ")


def _wrong(name: str, chinese: str, english: str) -> LingpaiError:
    return invalid_request("wrong_type", name=name, zh=chinese, en=english)
