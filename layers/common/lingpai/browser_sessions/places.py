"""The place of a login: what the operator's database (PLACES_DATABASE) says of the address that it came from.

The address itself is not kept. The database is in the MaxMind DB format (https://maxmind.github.io/MaxMind-DB/), with
the fields of GeoIP2 City or Country, which the free databases of DB-IP have, too.
"""

from collections.abc import Callable
from typing import Any

import maxminddb

from lingpai.browser_sessions.model import Place
from lingpai.kernel.errors import SettingsError

# The most characters of a place that are kept, and the names of the languages in the database.
_LONGEST = 80
_ZH, _EN = "zh-CN", "en"


def open_database(path: str) -> Callable[[str], Place | None]:
    """The function that finds the place of an IPv4 or IPv6 address; SettingsError for a file that is no such database.

    It returns None for an address that the database does not have, and for a text that is none.
    """
    try:
        database = maxminddb.open_database(path)
    except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
        raise SettingsError(f"PLACES_DATABASE: {path} is no MaxMind DB file that can be read: {error}") from None

    def find(address: str) -> Place | None:
        try:
            found = database.get(address)
        except (ValueError, maxminddb.InvalidDatabaseError):
            return None
        parts = _parts(found)
        # The smallest place first, as English has it; Chinese has the largest first.
        en = ", ".join(_names(parts, _EN, _ZH))[:_LONGEST]
        zh = " ".join(reversed(_names(parts, _ZH, _EN)))[:_LONGEST]
        return Place(zh, en) if en else None

    return find


def _parts(found: Any) -> list[Any]:
    """The city, the largest subdivision of the country, and the country, as far as the record has them."""
    if not isinstance(found, dict):
        return []
    subdivisions = found.get("subdivisions")
    return [found.get("city"), *(subdivisions[:1] if isinstance(subdivisions, list) else ()), found.get("country")]


def _names(parts: list[Any], language: str, other: str) -> list[str]:
    """The names of these parts in a language, else in the other one; each name once."""
    names = [part.get("names") for part in parts if isinstance(part, dict)]
    texts = [known.get(language) or known.get(other) for known in names if isinstance(known, dict)]
    return list(dict.fromkeys(text for text in texts if isinstance(text, str) and text.isprintable()))
