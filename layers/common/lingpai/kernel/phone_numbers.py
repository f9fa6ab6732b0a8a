"""Mobile numbers: E.164 inside, the eleven digits of seed 003 outside.

What is a mobile number is the number library's to say. Where its kind is known, and is not mobile, the number is none:
premium rate, shared cost, toll-free, personal, VoIP, pager, company (UAN) and voicemail numbers, and landlines. So are
short and emergency numbers, and numbers of no country: those of satellites and of networks that span countries (+870,
+878, +881, +882, +883 and the like). The library tells nothing of who runs a range: `SMS_REFUSED_PREFIXES` does.
"""

import re
import unicodedata
from typing import TYPE_CHECKING

from lingpai.kernel import typed_text
from lingpai.kernel.errors import invalid_request

if TYPE_CHECKING:
    import phonenumbers

    from lingpai.settings import Settings

# What the library and CLDR call the region of a number that has none.
NO_REGION = "ZZ"

# Told apart without the number library, which is heavy to import: most usernames are no numbers.
_NUMBER_SHAPE = re.compile(r"(?:\+\(?|\(\+?)?[0-9][0-9()\-./]{5,24}")
# What may stand in a number beside digits and dashes, in any width.
_PUNCTUATION = frozenset("+()./")
_WORLD = "001"


def parse_mobile(text: str, settings: "Settings") -> str:
    """The E.164 form of `text`, a number that codes are sent to and accepted for.

    LingpaiError when it is no mobile number, of a country not in `SMS_COUNTRIES`, or in `SMS_REFUSED_PREFIXES`.
    A number without a country code is read as one of `HOME_COUNTRY`.
    Spaces and invisible characters are left out, at its ends and inside. What is no part of a number is never cut off:
    letters, an extension or a second number make it none.
    """
    number, country = _mobile(text, settings.home_country)
    if number is None:
        raise invalid_request("bad_mobile")
    if country not in settings.sms_countries:
        raise invalid_request("country_not_served")
    if number.startswith(settings.sms_refused_prefixes):
        raise invalid_request("prefix_not_served")
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
    """The region (ISO 3166-1, two letters) of an E.164 number, and its country code with the first `digits` after it.

    `("CN", "+86133")` for +8613312341234 and 3. The region is `NO_REGION` where the library knows none.
    """
    import phonenumbers

    parsed = phonenumbers.parse(number)
    head = phonenumbers.national_significant_number(parsed)[:digits]
    return _region(parsed) or NO_REGION, f"+{parsed.country_code}{head}"


def _ascii(text: str) -> str:
    """The text without spaces and invisible characters; digits, dashes and punctuation of any script as in ASCII.

    Nothing else is folded: a superscript 2 is no digit of a number, but the mark of a footnote beside one.
    """
    return "".join(map(_ascii_character, typed_text.digits(text)))


def _ascii_character(character: str) -> str:
    if unicodedata.category(character) == "Pd":
        return "-"
    folded = unicodedata.normalize("NFKC", character)
    return folded if folded in _PUNCTUATION else character


def _mobile(text: str, home_country: str) -> tuple[str | None, str | None]:
    """The E.164 form and the region of a mobile number; twice None for any other text.

    A form decodes a bare `+` as a space. A number with a space before it is thus read once more with a `+` where it is
    no number of the home country's.
    """
    if len(text) > typed_text.LONGEST:
        return None, None
    number = _ascii(text)
    found = _parsed(number, home_country)
    if found[0] is None and text.startswith(" "):
        found = _parsed(f"+{number}", home_country)
    return found


def _parsed(text: str, home_country: str) -> tuple[str | None, str | None]:
    if not _NUMBER_SHAPE.fullmatch(text):
        return None, None
    import phonenumbers

    try:
        parsed = phonenumbers.parse(text, home_country)
    except phonenumbers.NumberParseException:
        return None, None
    kind, region = phonenumbers.number_type(parsed), _region(parsed)
    # In some plans (that of the USA) nothing tells a mobile number from a fixed one.
    mobile = kind in (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE)
    if not mobile or region is None:
        return None, None
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164), region


def _region(parsed: "phonenumbers.PhoneNumber") -> str | None:
    import phonenumbers

    region = phonenumbers.region_code_for_number(parsed)
    return None if region == _WORLD else region
