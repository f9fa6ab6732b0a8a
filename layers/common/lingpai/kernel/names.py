"""Names that people give: read so that what looks the same is the same, and nothing in them is invisible."""

import re
import unicodedata

from lingpai.kernel import typed_text

# Default_Ignorable_Code_Point of the Unicode Character Database, which no screen shows, and the blank of Braille.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


def normalised(name: str) -> str:
    """The name in NFKC: full-width letters and ligatures as their plain ones."""
    return unicodedata.normalize("NFKC", name)


def is_visible(name: str) -> bool:
    """Whether every character of a normalised name shows: no control, no formatting, no odd space, none at its ends."""
    if name != name.strip() or _INVISIBLE.search(name):
        return False
    # C*: control, format, surrogate, unassigned. Z*: spaces that look like others, or like nothing.
    return all(character == " " or unicodedata.category(character)[0] not in "CZ" for character in name)


def folded(name: str) -> str:
    """The form in which names are compared: without case, width, and invisible characters at the ends."""
    # Folding can take a character apart: normalised once more, all spellings meet again (ΐ and its capital).
    return normalised(typed_text.trimmed(normalised(name)).casefold())
