"""Text as people type or paste it: without what an editor, a chat or another keyboard adds to it.

Passwords and secrets are never read so: they are compared as they came.
"""

import unicodedata

# Separators (spaces of any kind), and format characters, which no screen shows (Unicode's general categories).
_UNSEEN = {"Zs", "Zl", "Zp", "Cf"}
# More than any number or code has, however it is spaced: what is longer is neither.
LONGEST = 100


def trimmed(text: str) -> str:
    """The text without spaces and invisible format characters at its ends."""
    if text.isascii():
        return text.strip(" ")
    start, end = 0, len(text)
    while start < end and unicodedata.category(text[start]) in _UNSEEN:
        start += 1
    while start < end and unicodedata.category(text[end - 1]) in _UNSEEN:
        end -= 1
    return text[start:end]


def digits(text: str) -> str:
    """The text without spaces and invisible format characters anywhere, the digits of any script as those of ASCII.

    Every other character stays. A text of over 100 characters comes back as it is.
    """
    if len(text) > LONGEST:
        return text
    return "".join(
        str(unicodedata.decimal(character, character))
        for character in text
        if unicodedata.category(character) not in _UNSEEN
    )
