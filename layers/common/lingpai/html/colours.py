"""Colours that stay readable (WCAG 2.2, 1.4.3): black or white on a client's colour."""

DEFAULT = "#1f5fd6"


def text_on(colour: str) -> str:
    """Black or white, whichever differs more from the `colour` (`#rrggbb`): by 4.5 to 1 at least, for any of them."""
    luminance = _luminance(colour)
    return "#ffffff" if 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 else "#000000"


def _luminance(colour: str) -> float:
    """The relative luminance as WCAG 2.2 defines it, from 0 (black) to 1 (white)."""
    red, green, blue = (_linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)
