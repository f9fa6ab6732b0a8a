"""Mobile numbers: what is one, and how it is written."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from lingpai import numbers
from lingpai.errors import LingpaiError


@pytest.mark.parametrize(
    "text",
    [
        "13312341234",
        "+8613312341234",
        "8613312341234",
        "008613312341234",
        "133 1234 1234",
        "133-1234-1234",
        "133.1234.1234",
        "+86 133 1234 1234",
        "+86 (133) 12341234",
        "0133 1234 1234",
    ],
)
def test_one_number_in_many_spellings(text: str) -> None:
    assert numbers.as_mobile(text, "CN") == "+8613312341234"
    assert numbers.parse_mobile(text, "CN", ("CN",)) == "+8613312341234"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "alice",
        "1",
        "123456",
        "12345678",
        "1331234123",
        "133123412345",
        "12012341234",
        "02012345678",
        "4008123123",
        "95588",
        "+86",
        "+8613312341234x",
        "x13312341234",
        " 13312341234",
        "13312341234 ext 5",
        "13312341234\n",
        "+" + "1" * 25,
        "1" * 10000,
        "tel:+8613312341234",
        "++8613312341234",
        "1331234123四",
    ],
)
def test_what_is_no_mobile_number(text: str) -> None:
    assert numbers.as_mobile(text, "CN") is None
    with pytest.raises(LingpaiError) as refused:
        numbers.parse_mobile(text, "CN", ("CN",))
    assert (refused.value.status, refused.value.reason) == (400, "bad_mobile")


@pytest.mark.parametrize(
    ("text", "e164", "country"),
    [
        ("+85251234567", "+85251234567", "HK"),
        ("+886912345678", "+886912345678", "TW"),
        ("+447400123456", "+447400123456", "GB"),
        ("+12025550123", "+12025550123", "US"),
        ("+4915123456789", "+4915123456789", "DE"),
        ("0049 1512 3456789", "+4915123456789", "DE"),
    ],
)
def test_numbers_of_other_countries(text: str, e164: str, country: str) -> None:
    assert numbers.as_mobile(text, "CN") == e164
    assert numbers.parse_mobile(text, "CN", ("CN", country)) == e164
    with pytest.raises(LingpaiError) as refused:
        numbers.parse_mobile(text, "CN", ("CN",))
    assert (refused.value.status, refused.value.reason) == (400, "country_not_served")


def test_a_number_without_a_country_is_of_the_home_country() -> None:
    assert numbers.as_mobile("07400 123456", "GB") == "+447400123456"
    assert numbers.as_mobile("07400 123456", "CN") is None
    assert numbers.as_mobile("13312341234", "GB") is None
    assert numbers.parse_mobile("+8613312341234", "GB", ("GB", "CN")) == "+8613312341234"


@pytest.mark.parametrize(
    ("number", "home", "written"),
    [
        ("+8613312341234", "CN", "13312341234"),
        ("+8613312341234", "GB", "+8613312341234"),
        ("+447400123456", "CN", "+447400123456"),
        ("+447400123456", "GB", "7400123456"),
    ],
)
def test_how_clients_write_a_number(number: str, home: str, written: str) -> None:
    assert numbers.national(number, home) == written


@given(st.text(alphabet="+0123456789 ()-.", max_size=30))
def test_what_was_read_reads_the_same_again(text: str) -> None:
    number = numbers.as_mobile(text, "CN")
    if number is not None:
        assert numbers.as_mobile(number, "CN") == number
        assert numbers.as_mobile(numbers.national(number, "CN"), "CN") == number


@given(st.text(max_size=30))
def test_no_text_is_a_fault(text: str) -> None:
    number = numbers.as_mobile(text, "CN")
    assert number is None or (number.startswith("+") and number[1:].isdigit())


@pytest.mark.parametrize(
    "text",
    ["１３３１２３４１２３４", "١٣٣١٢٣٤١٢٣٤", "(133)12341234", "133–1234–1234", "133/1234/1234", "（133）1234－1234"],
)
def test_a_number_is_one_in_any_script_and_dress(text: str) -> None:
    """Or somebody could take another one's number as a name."""
    assert numbers.as_mobile(text, "CN") == "+8613312341234"
