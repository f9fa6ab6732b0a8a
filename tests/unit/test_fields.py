"""Fields of a JSON body, read by type."""

import functools
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import assume, given

from lingpai.http import fields
from lingpai.kernel.errors import LingpaiError
from lingpai.kernel.messages import text as text_of


def said(reader: Callable[..., Any], value: Any, *arguments: Any, **options: Any) -> str:
    """The English text of the refusal."""
    with pytest.raises(LingpaiError) as refused:
        reader({"f": value}, "f", *arguments, **options)
    assert (refused.value.code, refused.value.status) == ("invalid_request", 400)
    return text_of(refused.value.reason, "en", refused.value.values)


# --- texts -----------------------------------------------------------------------------------------------


def test_a_text_is_given_as_it_is() -> None:
    for value in ("x", "", " x ", "é", "e\u0301", "😀", "\u202e", "x" * 255):
        assert fields.optional_text({"f": value}, "f") == value
    assert fields.text({"f": " "}, "f") == " "


@pytest.mark.parametrize("body", [{}, {"f": None}, {"F": "x"}])
def test_an_absent_text(body: dict[str, Any]) -> None:
    assert fields.optional_text(body, "f") is None
    with pytest.raises(LingpaiError) as refused:
        fields.text(body, "f")
    assert text_of(refused.value.reason, "en", refused.value.values) == "The parameter f is missing"


def test_an_empty_text_is_missing_where_it_is_needed() -> None:
    assert said(fields.text, "") == "The parameter f is missing"


@pytest.mark.parametrize("value", [0, 1.5, True, False, [], ["x"], {}, {"x": 1}])
def test_what_is_no_text(value: Any) -> None:
    assert said(fields.optional_text, value) == "The parameter f must be text"
    assert said(fields.text, value) == "The parameter f must be text"


def test_a_text_has_a_length() -> None:
    assert said(fields.optional_text, "😀" * 256) == "The parameter f is longer than 255 characters"
    assert said(fields.text, "xxx", 2) == "The parameter f is longer than 2 characters"
    assert fields.text({"f": "xx"}, "f", 2) == "xx"


@pytest.mark.parametrize("character", ["\x00", "\x1f", "\x7f", "\x80", "\x9f", "\t", "\n", "\r"])
def test_control_characters(character: str) -> None:
    value = f"a{character}b"
    assert said(fields.optional_text, value) == "The parameter f holds a control character"
    assert fields.optional_text({"f": value}, "f", opaque=True) == value
    if character in "\t\n\r":
        assert fields.optional_text({"f": value}, "f", lines=True) == value
    else:
        assert said(fields.optional_text, value, lines=True) == "The parameter f holds a control character"


# --- numbers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "user_id"),
    [
        (1, 1),
        (2**53 - 1, 2**53 - 1),
        ("1", 1),
        ("007", 7),
        (str(2**53 - 1), 2**53 - 1),
        ("0" * 15 + "9", 9),
    ],
    ids=repr,
)
def test_an_id(value: Any, user_id: int) -> None:
    assert fields.an_id({"f": value}, "f") == user_id
    assert fields.optional_id({"f": value}, "f") == user_id


NO_IDS: tuple[Any, ...] = (0, -1, 2**53, 2**53 + 1, 10**400, 1.0, 1.5, float("inf"), True, False, [], [1], {})
NO_IDS_IN_TEXT = ("", " 1", "+1", "-1", "1.0", "1e3", "0x1", "²", "١", "１", "9" * 17, "0", str(2**53))


@pytest.mark.parametrize("value", [*NO_IDS, *NO_IDS_IN_TEXT], ids=repr)
def test_what_is_no_id(value: Any) -> None:
    wanted = "The parameter f must be an id: a positive whole number"
    assert said(fields.optional_id, value) == wanted
    assert said(fields.an_id, value) == wanted


def test_an_absent_id() -> None:
    assert fields.optional_id({}, "f") is None
    assert fields.optional_id({"f": None}, "f") is None
    assert said(fields.an_id, None) == "The parameter f is missing"


@pytest.mark.parametrize(("value", "number"), [(1, 1), (9, 9), ("3", 3), ("0003", 3), (None, 5)], ids=repr)
def test_a_whole_number(value: Any, number: int) -> None:
    assert fields.whole_number({"f": value}, "f", 5, 1, 9) == number


@pytest.mark.parametrize("value", [0, 10, -1, 10**400, "0", "10", "999999999"], ids=repr)
def test_a_number_out_of_range(value: Any) -> None:
    assert said(fields.whole_number, value, 5, 1, 9) == "The parameter f must be from 1 to 9"


@pytest.mark.parametrize("value", [1.0, True, "", "x", "-1", "1" * 10, "１", [], {}], ids=repr)
def test_what_is_no_whole_number(value: Any) -> None:
    assert said(fields.whole_number, value, 5, 1, 9) == "The parameter f must be a whole number"


# --- lists -----------------------------------------------------------------------------------------------


def test_a_list_of_objects() -> None:
    assert fields.optional_objects({}, "f") is None
    assert fields.optional_objects({"f": None}, "f") is None
    assert fields.optional_objects({"f": []}, "f") == []
    assert fields.optional_objects({"f": [{}, {"a": 1}]}, "f") == [{}, {"a": 1}]


@pytest.mark.parametrize("value", ["", "x", 0, 1, True, {}, {"a": 1}, [1], [{}, None], [[]], ["x"]])
def test_what_is_no_list_of_objects(value: Any) -> None:
    assert said(fields.optional_objects, value) == "The parameter f must be a list of objects"


# --- dates -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [0, 480, -210, 840, -720])
def test_a_moment_of_the_seed_stays_where_it_is(offset: int) -> None:
    sent = "2024-02-29 23:59:59"
    assert fields.optional_moment({"f": sent}, "f", offset) == sent


@pytest.mark.parametrize(
    ("offset", "there"),
    [(0, "2024-02-29 23:30:00"), (480, "2024-03-01 07:30:00"), (-210, "2024-02-29 20:00:00")],
)
def test_a_moment_with_an_offset_moves_to_the_deployments(offset: int, there: str) -> None:
    for sent in ("2024-02-29T23:30:00Z", "2024-02-29T18:30:00.999-05:00", "2024-03-01 05:00:00+05:30"):
        assert fields.optional_moment({"f": sent}, "f", offset) == there


@pytest.mark.security("F30")
@pytest.mark.parametrize(
    ("offset", "day"), [(0, "2024-02-29"), (480, "2024-03-01"), (-210, "2024-02-29"), (-1410, "2024-02-29")]
)
def test_a_day_is_that_of_the_deployment(offset: int, day: str) -> None:
    for sent in ("2024-02-29T23:30:00Z", "2024-02-29T18:30:00.999-05:00", "2024-03-01 05:00:00+05:30"):
        assert fields.optional_day({"f": sent}, "f", offset) == day
    for without in ("2024-02-29", "2024-02-29 23:59:59", "20240229"):
        assert fields.optional_day({"f": without}, "f", offset) == "2024-02-29"
    for beyond in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        assert said(fields.optional_day, beyond, offset) == "The parameter f must look like yyyy-MM-dd"


def test_absent_dates() -> None:
    assert fields.optional_moment({}, "f", 0) is None
    assert fields.optional_moment({"f": None}, "f", 0) is None
    assert fields.optional_day({"f": None}, "f", 0) is None


def test_what_is_no_date_is_told_the_form() -> None:
    for value in ("", "x", "2024-02-30", "2024-1-1", "12:00:00"):
        assert said(fields.optional_moment, value, 0) == "The parameter f must look like yyyy-MM-dd HH:mm:ss"
        assert said(fields.optional_day, value, 0) == "The parameter f must look like yyyy-MM-dd"
    assert said(fields.optional_day, True, 0) == "The parameter f must be text"


@given(st.datetimes(datetime(2, 1, 1), datetime(9999, 12, 30), timezones=st.one_of(st.none(), st.timezones())))  # noqa: DTZ001
def test_whatever_moment_is_read_has_the_form_of_the_seed(moment: datetime) -> None:
    offset = moment.utcoffset()
    assume(offset is None or offset.total_seconds() % 60 == 0)
    shown = fields.optional_moment({"f": moment.isoformat()}, "f", 480)
    assert shown is not None
    assert re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}", shown)
    assert fields.optional_moment({"f": shown}, "f", 480) == shown


@given(st.text(max_size=30))
def test_no_text_is_a_fault(text: str) -> None:
    for read in (
        functools.partial(fields.optional_moment, {"f": text}, "f", 480),
        functools.partial(fields.optional_day, {"f": text}, "f", 480),
    ):
        reason = shown = None
        try:
            shown = read()
        except LingpaiError as refused:
            reason = refused.reason
        assert reason in ("bad_date", "control_character") or (reason is None and shown)


@pytest.mark.parametrize(
    ("at", "offset", "shown"),
    [
        (0, 0, "1970-01-01 00:00:00"),
        (0, 480, "1970-01-01 08:00:00"),
        (1_893_484_800, 480, "2030-01-01 16:00:00"),
        (1_893_484_800, -720, "2029-12-31 20:00:00"),
    ],
)
def test_a_time_is_shown_where_the_deployment_is(at: int, offset: int, shown: str) -> None:
    assert fields.moment_text(at, offset) == shown
