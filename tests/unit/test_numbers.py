"""Mobile numbers: what is one, and how it is written."""

import itertools
import re
from collections.abc import Iterator

import hypothesis.strategies as st
import phonenumbers
import pytest
from hypothesis import given
from phonenumbers import PhoneNumberFormat, PhoneNumberType, shortnumberinfo

from lingpai.kernel import phone_numbers
from lingpai.kernel.errors import LingpaiError
from lingpai.settings import Settings
from tests.support.stores import settings

KINDS: dict[int, str] = {kind: name for name, kind in vars(PhoneNumberType).items() if name.isupper()}
MOBILE = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}
EVERYWHERE = tuple(sorted(phonenumbers.SUPPORTED_REGIONS))


def _examples() -> Iterator[phonenumbers.PhoneNumber]:
    """The library's example of every kind of number that a region, or a network without one, has."""
    for region, kind in itertools.product(EVERYWHERE, KINDS):
        if (number := phonenumbers.example_number_for_type(region, kind)) is not None:
            yield number
    for code in sorted(phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS):
        if (number := phonenumbers.example_number_for_non_geo_entity(code)) is not None:
            yield number


EXAMPLES = tuple(_examples())


def served(*countries: str, refused: tuple[str, ...] = (), home: str = "CN") -> Settings:
    return settings(sms_countries=countries, sms_refused_prefixes=refused, home_country=home)


def e164(number: phonenumbers.PhoneNumber) -> str:
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def answer(text: str, chosen: Settings) -> str:
    """The number, or the reason why it is refused."""
    try:
        return phone_numbers.parse_mobile(text, chosen)
    except LingpaiError as error:
        return f"{error.status} {error.reason}"


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
    assert phone_numbers.as_mobile(text, "CN") == "+8613312341234"
    assert answer(text, served("CN")) == "+8613312341234"


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
    assert phone_numbers.as_mobile(text, "CN") is None
    assert answer(text, served("CN")) == "400 bad_mobile"


@pytest.mark.parametrize(
    ("text", "number", "country"),
    [
        ("+85251234567", "+85251234567", "HK"),
        ("+886912345678", "+886912345678", "TW"),
        ("+447400123456", "+447400123456", "GB"),
        ("+12025550123", "+12025550123", "US"),
        ("+4915123456789", "+4915123456789", "DE"),
        ("0049 1512 3456789", "+4915123456789", "DE"),
    ],
)
def test_numbers_of_other_countries(text: str, number: str, country: str) -> None:
    assert phone_numbers.as_mobile(text, "CN") == number
    assert answer(text, served("CN", country)) == number
    assert answer(text, served("CN")) == "400 country_not_served"


def test_a_number_without_a_country_is_of_the_home_country() -> None:
    assert phone_numbers.as_mobile("07400 123456", "GB") == "+447400123456"
    assert phone_numbers.as_mobile("07400 123456", "CN") is None
    assert phone_numbers.as_mobile("13312341234", "GB") is None
    assert answer("+8613312341234", served("GB", "CN", home="GB")) == "+8613312341234"


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
    assert phone_numbers.national(number, home) == written


UNSEEN = [
    *" \u00a0\u1680\u2003\u200b\u200e\u202f\u2060\u2066\u2069\u3000\ufeff\u00ad\u061c\u180e\u2028\u2029\U000e0031"
]


@pytest.mark.security("F27")
@pytest.mark.parametrize("unseen", UNSEEN, ids=ascii)
@pytest.mark.parametrize("number", ["13312341234", "+8613312341234", "008613312341234", "（133）1234－1234"])
def test_spaces_and_invisible_characters_are_left_out(number: str, unseen: str) -> None:
    for text in (unseen + number, number + unseen, unseen * 3 + number + unseen * 3, unseen.join(number)):
        assert phone_numbers.as_mobile(text, "CN") == "+8613312341234", ascii(text)
        assert answer(text, served("CN")) == "+8613312341234"


@pytest.mark.security("F27")
@pytest.mark.parametrize("zero", [*"0０٠۰०๐𝟎𝟶🯰"], ids=ascii)
def test_digits_of_any_script_are_digits(zero: str) -> None:
    text = "".join(chr(ord(zero) + int(digit)) for digit in "13312341234")
    assert phone_numbers.as_mobile(text, "CN") == "+8613312341234"
    assert phone_numbers.as_mobile(f"＋{zero.join('86')}", "CN") is None


@pytest.mark.security("F27")
@pytest.mark.parametrize(
    ("text", "number"),
    [
        (" 8613312341234", "+8613312341234"),
        ("+ 86 133 1234 1234", "+8613312341234"),
        ("＋8613312341234", "+8613312341234"),
        ("\u200b﹢8613312341234", "+8613312341234"),
        (" 85251234567", "+85251234567"),
        (" 852 5123 4567", "+85251234567"),
        (" 447400123456", "+447400123456"),
        # A pasted space before a number of one's own country is no plus: +1 331 234 1234 is one of the USA.
        (" 13312341234", "+8613312341234"),
    ],
)
def test_a_bare_plus_that_a_form_made_a_space(text: str, number: str) -> None:
    assert phone_numbers.as_mobile(text, "CN") == number


@pytest.mark.security("F27")
@pytest.mark.parametrize(
    "text",
    [
        "85251234567",
        "\u00a085251234567",
        "13312341234#5",
        "13312341234;ext=5",
        "13312341234,5",
        "13312341234x5",
        "13312341234 转 5",
        "13312341234/13312341235",
        "13312341234 13312341235",
        "13312341234、13312341235",
        "13312341234 (Mei)",
        "Mei 13312341234",
        "13312341234²",
        "1331234123²",
        "1331234123④",
        "1331234123Ⅳ",
        "1331234123½",
        "13312341234️⃣",
        "l3312341234",
        "1331234l234",
        "133123412З4",
        "%2B8613312341234",
        "&#43;8613312341234",
        "+86+13312341234",
        "13312341234\t",
        "\u280013312341234",
        "\u316413312341234",
        "13312341234\ufe0f",
        " " * 100 + "13312341234",
    ],
    ids=ascii,
)
def test_what_is_no_part_of_a_number_is_refused_and_not_cut_off(text: str) -> None:
    assert phone_numbers.as_mobile(text, "CN") is None
    assert answer(text, served("CN", "HK")) == "400 bad_mobile"


@given(st.text(alphabet="+0123456789 ()-.", max_size=30))
def test_what_was_read_reads_the_same_again(text: str) -> None:
    number = phone_numbers.as_mobile(text, "CN")
    if number is not None:
        assert phone_numbers.as_mobile(number, "CN") == number
        assert phone_numbers.as_mobile(phone_numbers.national(number, "CN"), "CN") == number


@given(st.text(max_size=30))
def test_no_text_is_a_fault(text: str) -> None:
    number = phone_numbers.as_mobile(text, "CN")
    assert number is None or (number.startswith("+") and number[1:].isdigit())


@pytest.mark.parametrize(
    "text",
    ["１３３１２３４１２３４", "١٣٣١٢٣٤١٢٣٤", "(133)12341234", "133–1234–1234", "133/1234/1234", "（133）1234－1234"],
)
def test_a_number_is_one_in_any_script_and_dress(text: str) -> None:
    """Or somebody could take another one's number as a name."""
    assert phone_numbers.as_mobile(text, "CN") == "+8613312341234"


# --- kinds, countries, ranges ------------------------------------------------------------------------------------


def test_the_library_has_examples_of_every_kind() -> None:
    """Or the next tests would show less than they say."""
    assert {phonenumbers.number_type(number) for number in EXAMPLES} == set(KINDS) - {PhoneNumberType.UNKNOWN}
    assert len(EXAMPLES) > 1000


@pytest.mark.parametrize("kind", sorted(KINDS), ids=KINDS.get)
def test_mobile_numbers_of_a_country_and_no_others(kind: int) -> None:
    """Premium rate, shared cost, VoIP, pagers, company and personal numbers and the like are no mobile numbers."""
    everywhere = served(*EVERYWHERE)
    for number in EXAMPLES:
        if phonenumbers.number_type(number) == kind:
            text = e164(number)
            of_a_country = phonenumbers.region_code_for_number(number) != "001"
            taken = kind in MOBILE and of_a_country
            assert phone_numbers.as_mobile(text, "CN") == (text if taken else None), text
            assert answer(text, everywhere) == (text if taken else "400 bad_mobile"), text
            # However the country writes it at home. (A few islands have numbers of four or five digits.)
            if of_a_country and len(phonenumbers.national_significant_number(number)) > 5:
                region = phonenumbers.region_code_for_number(number) or ""
                at_home = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
                assert phone_numbers.as_mobile(at_home, region) == (text if taken else None), at_home


@pytest.mark.parametrize("text", ["+870301234567", "+881612345678", "+8823421234", "+883510012345", "+878101234567890"])
def test_networks_of_no_country_are_refused(text: str) -> None:
    """Satellites, and networks that span countries: the library calls some of them mobile."""
    assert phone_numbers.as_mobile(text, "CN") is None
    assert answer(text, served(*EVERYWHERE)) == "400 bad_mobile"


def test_short_and_emergency_numbers_are_refused() -> None:
    tried = 0
    for region in shortnumberinfo.SUPPORTED_SHORT_REGIONS:
        for short in {shortnumberinfo._example_short_number(region), "110", "112", "119", "911", "999"}:
            for text in (short, f"+{phonenumbers.country_code_for_region(region)}{short}"):
                tried += bool(short)
                assert phone_numbers.as_mobile(text, region) is None, (region, text)
    assert tried > 1000


def test_only_the_countries_on_the_list() -> None:
    """Each country's number is taken where it is on the list, and by nobody else's entry: +1 and +44 are many."""
    for number in EXAMPLES:
        if (
            phonenumbers.number_type(number) in MOBILE
            and (region := phonenumbers.region_code_for_number(number)) != "001"
        ):
            assert region is not None
            text = e164(number)
            others = tuple(country for country in EVERYWHERE if country != region)
            assert answer(text, served(region)) == text
            assert answer(text, served(*others)) == "400 country_not_served"


@pytest.mark.parametrize(
    ("text", "prefixes", "expected"),
    [
        ("17012345678", (), "+8617012345678"),
        ("17012345678", ("+86170", "+86171"), "400 prefix_not_served"),
        ("17112345678", ("+86170", "+86171"), "400 prefix_not_served"),
        ("+86 171-1234-5678", ("+86170", "+86171"), "400 prefix_not_served"),
        ("17212345678", ("+86170", "+86171"), "+8617212345678"),
        ("13917012345", ("+86170",), "+8613917012345"),
        ("13312341234", ("+8613312341234",), "400 prefix_not_served"),
        ("13312341235", ("+8613312341234",), "+8613312341235"),
        ("13312341234", ("+86",), "400 prefix_not_served"),
        ("+447400123456", ("+86170",), "400 country_not_served"),
        ("1701234567", ("+86170",), "400 bad_mobile"),
    ],
)
def test_ranges_that_the_operator_refuses(text: str, prefixes: tuple[str, ...], expected: str) -> None:
    assert answer(text, served("CN", refused=prefixes)) == expected


def test_a_refused_range_still_finds_its_account() -> None:
    """It gets no codes; its owner may have a password."""
    assert phone_numbers.as_mobile("17012345678", "CN") == "+8617012345678"


@pytest.mark.parametrize(
    ("number", "digits", "expected"),
    [
        ("+8613312341234", 3, ("CN", "+86133")),
        ("+8613312341234", 0, ("CN", "+86")),
        ("+8613312341234", 7, ("CN", "+861331234")),
        ("+8613312341234", 30, ("CN", "+8613312341234")),
        ("+85251234567", 2, ("HK", "+85251")),
        ("+12025550123", 3, ("US", "+1202")),
        ("+15062345678", 3, ("CA", "+1506")),
        ("+447781123456", 4, ("GG", "+447781")),
        ("+390212345678", 2, ("IT", "+3902")),
        ("+881612345678", 3, ("ZZ", "+881612")),
        ("+8610", 3, ("CN", "+8610")),
    ],
)
def test_the_country_and_prefix_of_a_number(number: str, digits: int, expected: tuple[str, str]) -> None:
    assert phone_numbers.prefix(number, digits) == expected


@given(st.sampled_from(EXAMPLES), st.integers(0, 20))
def test_a_prefix_is_one(number: phonenumbers.PhoneNumber, digits: int) -> None:
    region, head = phone_numbers.prefix(e164(number), digits)
    code = f"+{number.country_code}"
    assert e164(number).startswith(head)
    assert head.startswith(code)
    assert len(head) == min(len(code) + digits, len(e164(number)))
    assert re.fullmatch("[A-Z]{2}", region)
    assert (region == phone_numbers.NO_REGION) == (phonenumbers.region_code_for_number(number) == "001")


def _spelt(number: phonenumbers.PhoneNumber) -> st.SearchStrategy[str]:
    """A number with its digits changed, cut, repeated and dressed."""
    text = e164(number)
    return st.one_of(
        st.just(text),
        st.builds(
            lambda at, digit: text[:at] + digit + text[at + 1 :], st.integers(1, len(text)), st.text("0123456789")
        ),
        st.builds(lambda dress: dress.join(text), st.sampled_from(["", " ", "-", ".", "/", ")", "(", "\u2010", "x"])),
        st.builds(lambda plus: plus + text[1:], st.sampled_from(["", "0", "00", "+", "(+", "＋", "tel:"])),
    )


@given(
    st.one_of(
        st.text(max_size=60), st.text("+0123456789 ()-./", max_size=41), st.sampled_from(EXAMPLES).flatmap(_spelt)
    ),
    st.sampled_from((*EVERYWHERE, "ZZ", "XX")),
)
def test_any_text_is_a_number_or_refused(text: str, home: str) -> None:
    """And what was read reads the same again, whatever the home country."""
    found = answer(text, served(*EVERYWHERE, home=home))
    if found not in ("400 bad_mobile", "400 country_not_served"):
        assert re.fullmatch(r"\+[1-9][0-9]{6,14}", found)
        for again in (home, "CN", "US"):
            assert answer(found, served(*EVERYWHERE, home=again)) == found
