"""What people type or paste: what nobody sees is not meant."""

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingpai.accounts import identities
from lingpai.kernel import names, typed_text
from tests.support.stores import settings

UNSEEN = [
    character
    for character in map(chr, range(sys.maxunicode + 1))
    if unicodedata.category(character) in ("Zs", "Zl", "Zp", "Cf")
]
pytestmark = pytest.mark.security("F27")


@pytest.mark.parametrize("unseen", UNSEEN, ids=ascii)
def test_every_space_and_format_character(unseen: str) -> None:
    assert typed_text.trimmed(f"{unseen}mei{unseen}lin{unseen}{unseen}") == f"mei{unseen}lin"
    assert typed_text.digits(f"{unseen}12{unseen}3456{unseen}") == "123456"
    assert identities.as_username(settings(), f"{unseen}mei{unseen}") == "mei"
    assert identities.username_key(f"{unseen}Mei{unseen}") == identities.username_key("mei")


@pytest.mark.parametrize("seen", ["\t", "\n", "\x00", "\x85", "\u2800", "\u3164", "\ufe0f", "\u0301", "-", "."])
def test_nothing_else(seen: str) -> None:
    assert typed_text.trimmed(f"{seen}mei{seen}") == f"{seen}mei{seen}"
    assert typed_text.digits(f"12{seen}3456") == f"12{seen}3456"


def test_digits_of_any_script() -> None:
    decimals = [c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(c) == "Nd"]
    assert len(decimals) > 600
    for digit in decimals:
        assert typed_text.digits(digit) == str(unicodedata.decimal(digit))
    for other in "²①½Ⅳ十a":
        assert typed_text.digits(other) == other


def test_long_texts_are_not_looked_through() -> None:
    assert typed_text.digits(" " * 101) == " " * 101


@given(st.text())
def test_what_was_trimmed_is_trimmed(text: str) -> None:
    once = typed_text.trimmed(text)
    assert typed_text.trimmed(once) == once
    assert once in text
    assert typed_text.digits(typed_text.digits(text)) == typed_text.digits(text)


@given(st.text(max_size=20), st.sampled_from(UNSEEN), st.sampled_from(UNSEEN))
def test_a_name_is_found_however_it_was_pasted(name: str, before: str, after: str) -> None:
    assert names.folded(before + name + after) == names.folded(name)
    assert names.folded(names.folded(name)) == names.folded(name)
