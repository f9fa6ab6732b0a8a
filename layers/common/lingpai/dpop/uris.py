"""The address that a proof is for, in one spelling (RFC 3986 sections 6.2.2 and 6.2.3)."""

import re
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
# RFC 3986 section 2.3.
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def normalized(uri: str) -> str:
    """The http or https address without query and fragment (RFC 9449 section 4.3); ValueError for any other text."""
    if not (uri.isascii() and uri.isprintable()) or " " in uri or _BAD_ESCAPE.search(uri):
        raise ValueError("no address")
    parts = urlsplit(uri)
    default = _DEFAULT_PORTS.get(parts.scheme)
    if default is None or not parts.hostname or "@" in parts.netloc:
        raise ValueError("no address")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = "" if parts.port in (None, default) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}{_path(parts.path)}"


def _path(path: str) -> str:
    """The path with each escape in capitals or, if it needs none, resolved, and without dot segments."""
    kept: list[str] = []
    segments = _ESCAPE.sub(_unescaped, path).split("/")[1:] or [""]
    for segment in segments:
        if segment == "..":
            kept = kept[:-1]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


def _unescaped(escape: re.Match[str]) -> str:
    character = chr(int(escape[1], 16))
    return character if character in _UNRESERVED else escape[0].upper()
