"""Mobile numbers: E.164 inside, the eleven digits of seed 003 outside."""

import re
import unicodedata

from lingpai.errors import invalid_request

# Told apart without the number library, which is heavy to import: most usernames are no numbers.
_NUMBER_SHAPE = re.compile(r"(?:\+\(?|\(\+?)?[0-9][0-9 ()\-./]{5,24}")
_LONGEST = 40


def parse_mobile(text: str, home_country: str, countries: tuple[str, ...]) -> str:
    """The E.164 form of `text`; LingpaiError when it is no mobile number or of a country not in `countries`.

    A number without a country code is read as one of `home_country` (ISO 3166-1, two letters).
    """
    number, country = _mobile(text, home_country)
    if number is None:
        raise invalid_request("bad_mobile")
    if country not in countries:
        raise invalid_request("country_not_served")
    return number


def as_mobile(text: str, home_country: str) -> str | None:
    """The E.164 form of `text` if it looks like a mobile number of any country, else None."""
    return _mobile(text, home_country)[0]


def national(number: str, home_country: str) -> str:
    """How clients write an E.164 number: its national digits at home, the number itself abroad."""
    import phonenumbers

    parsed = phonenumbers.parse(number)
    if parsed.country_code == phonenumbers.country_code_for_region(home_country):
        return phonenumbers.national_significant_number(parsed)
    return number


def prefix(number: str, digits: int) -> tuple[str, str]:
    """The country (ISO 3166-1) of an E.164 number, and its calling code with the first `digits` digits behind it."""
    import phonenumbers

    parsed = phonenumbers.parse(number)
    country = phonenumbers.region_code_for_number(parsed) or ""
    return country, f"+{parsed.country_code}{phonenumbers.national_significant_number(parsed)[:digits]}"


def _plain(text: str) -> str:
    """The text with the digits and dashes of any script as those of ASCII."""
    return "".join(
        "-" if unicodedata.category(character) == "Pd" else str(unicodedata.decimal(character, character))
        for character in unicodedata.normalize("NFKC", text)
    )


def _mobile(text: str, home_country: str) -> tuple[str | None, str | None]:
    text = _plain(text) if len(text) <= _LONGEST else ""
    if not _NUMBER_SHAPE.fullmatch(text):
        return None, None
    import phonenumbers

    try:
        parsed = phonenumbers.parse(text, home_country)
    except phonenumbers.NumberParseException:
        return None, None
    kind = phonenumbers.number_type(parsed)
    # In some plans (that of the USA) nothing tells a mobile number from a fixed one.
    if kind not in (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE):
        return None, None
    e164 = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return e164, phonenumbers.region_code_for_number(parsed)
