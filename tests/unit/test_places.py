"""The place of an address, by a database of the operator's."""

from pathlib import Path
from typing import Any

import pytest

from lingpai import bootstrap
from lingpai.browser_sessions.model import Place
from lingpai.browser_sessions.places import open_database
from lingpai.kernel.errors import SettingsError
from tests.support.places import SHANGHAI, database
from tests.support.stores import settings

NANJING = {
    "city": {"names": {"en": "Nanjing", "zh-CN": "南京"}},
    "subdivisions": [{"names": {"en": "Jiangsu", "zh-CN": "江苏"}}, {"names": {"en": "A district"}}],
    "country": {"names": {"en": "China", "zh-CN": "中国"}},
}


@pytest.mark.parametrize(
    ("record", "place"),
    [
        (SHANGHAI, Place("中国 上海", "Shanghai, China")),
        (NANJING, Place("中国 江苏 南京", "Nanjing, Jiangsu, China")),
        ({"country": {"names": {"en": "France", "zh-CN": "法国"}}}, Place("法国", "France")),
        (
            {"city": {"names": {"en": "Lille"}}, "country": {"names": {"zh-CN": "法国"}}},
            Place("法国 Lille", "Lille, 法国"),
        ),
        ({"city": {"names": {"en": "x" * 200}}}, Place("x" * 80, "x" * 80)),
        ({"country": {"iso_code": "CN"}}, None),
        ({"city": {"names": {"en": "two\nlines"}}, "country": {"names": {"en": 7}}}, None),
        ({"city": "Shanghai", "subdivisions": "Shanghai", "country": {"names": "China"}}, None),
        ("Shanghai", None),
    ],
    ids=lambda value: None if isinstance(value, dict) else str(value),
)
def test_the_words_of_a_place(tmp_path: Path, record: Any, place: Place | None) -> None:
    find = open_database(database(tmp_path, {"203.0.113.0/24": record}))
    assert find("203.0.113.77") == place


def test_addresses(tmp_path: Path) -> None:
    find = open_database(database(tmp_path, {"203.0.113.0/24": SHANGHAI, "2001:db8::/32": SHANGHAI}))
    assert [find(address) is not None for address in ("203.0.113.1", "2001:db8::1")] == [True, True]
    assert [find(address) for address in ("203.0.114.1", "2001:db9::1", "", "unknown", "203.0.113.1, 10.0.0.1")] == [
        None
    ] * 5


@pytest.mark.parametrize("content", [None, b"", b"no database"])
def test_a_file_that_is_no_database(tmp_path: Path, content: bytes | None) -> None:
    """The start fails, and the message names the setting and the file."""
    path = tmp_path / "places.mmdb"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=rf"^PLACES_DATABASE: {path} is no MaxMind DB file"):
        bootstrap.build(settings(places_database=str(path)))


def test_without_a_database_nothing_is_looked_up() -> None:
    assert bootstrap.build(settings()).find_place is None
