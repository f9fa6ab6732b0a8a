"""Arguments, checked before they are sent. What is wrong with one is told by its name, never by its value."""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

import httpx

# RFC 6750 section 2.1 (b64token), and what a header can hold.
_TOKEN = re.compile(r"[\x21-\x7e]+")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")  # RFC 6749 section 3.3
_HEADER = re.compile(r"[\x20-\x7e]+")
_LOOPBACK = re.compile(r"localhost|127(\.[0-9]{1,3}){3}|::1")


def text(name: str, value: str) -> str:
    """The value, if it is text that can be sent; TypeError or ValueError."""
    if not isinstance(value, str):
        raise TypeError(f"{name}: must be a str, not {type(value).__name__}")
    if not value:
        raise ValueError(f"{name}: must not be empty")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError(f"{name}: holds a lone surrogate, which is no text")
    return value


def texts(**values: str) -> dict[str, str]:
    """The values by name, if each is text that can be sent; TypeError or ValueError."""
    return {name: text(name, value) for name, value in values.items()}


def token(name: str, value: str) -> str:
    """The value, if it can be a token; TypeError or ValueError."""
    if not _TOKEN.fullmatch(text(name, value)):
        raise ValueError(f"{name}: holds a character that no token has")
    return value


def hexadecimal(name: str, value: str, digits: int) -> str:
    """The value in lower case, if it has this many hexadecimal digits; TypeError or ValueError."""
    if not re.fullmatch(f"[0-9a-fA-F]{{{digits}}}", text(name, value)):
        raise ValueError(f"{name}: must be {digits} hexadecimal digits, as digests() makes them")
    return value.lower()


def header(name: str, value: str) -> str:
    """The value, if it can stand in a header; TypeError or ValueError."""
    if not _HEADER.fullmatch(text(name, value)):
        raise ValueError(f"{name}: holds a character that no header can")
    return value


def words(name: str, value: str | Iterable[str] | None) -> str | None:
    """Words as RFC 6749 section 3.3 sends scopes, from text with spaces between them or from one each; None for none.

    ValueError for a character that no scope has.
    """
    found = value.split(" ") if isinstance(value, str) else list(value or ())
    found = [word for word in found if word]
    if not all(_SCOPE.fullmatch(word) for word in found):
        raise ValueError(f"{name}: holds a character that no {name} has")
    return " ".join(found) or None


def base_address(value: str, *, allow_http: bool) -> str:
    """The address without a slash at its end; ValueError for what is none, or would send secrets in clear."""
    text("base_url", value)
    try:
        parts = urlsplit(value)
        # Reading these checks them.
        host, _, _ = parts.hostname, parts.port, httpx.URL(value)
    except (ValueError, httpx.InvalidURL):
        parts, host = urlsplit(""), None
    if host is None or parts.scheme not in {"http", "https"} or any(character.isspace() for character in value):
        raise ValueError("base_url: must be like https://id.example.com")
    if parts.username is not None or "?" in value or "#" in value:
        raise ValueError("base_url: must hold neither a name or password, nor a query, nor a fragment")
    if parts.scheme == "http" and not allow_http and not _LOOPBACK.fullmatch(host):
        # RFC 6749 section 3.2: the token endpoint wants TLS.
        raise ValueError("base_url: plain http sends passwords and tokens in clear; use https, or say allow_http=True")
    return value.rstrip("/")
