"""What a name may hold: nothing that no screen shows, and one spelling for what looks the same."""

import pytest

from lingpai.kernel import names


@pytest.mark.parametrize("name", ["mei", "小梅", "Ann Lee", "O'Neil", "İstanbul", "🀄", "user@example.com", "ﷺ"])
def test_a_name_that_shows(name: str) -> None:
    assert names.is_visible(names.normalised(name))


@pytest.mark.parametrize(
    "mark",
    [
        "\ufe0f",
        "\u034f",
        "\u180b",
        "\U000e0100",
        "\u3164",
        "\u115f",
        "\u2800",
        "\u200b",
        "\u00ad",
        "\x00",
        "\n",
        "\u2028",
    ],
)
def test_an_invisible_mark_anywhere(mark: str) -> None:
    for name in (f"mei{mark}", f"{mark}mei", f"m{mark}ei", mark):
        assert not names.is_visible(names.normalised(name))


@pytest.mark.parametrize(("one", "other"), [("Mei", "mei"), ("ＭＥＩ", "mei"), ("ΐx", "Ϊ́X"), ("straße", "STRASSE")])
def test_what_looks_the_same_is_the_same(one: str, other: str) -> None:
    assert names.folded(one) == names.folded(other)
