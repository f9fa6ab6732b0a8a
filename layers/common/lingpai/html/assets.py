"""The stylesheet and the scripts of the pages.

Their addresses end in a hash of their content, so that browsers keep for a year what they have fetched once.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs

from lingpai.http.request import Request
from lingpai.http.response import Reply
from lingpai.services import Services

_FOLDER = Path(__file__).with_name("assets")
_KEPT = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class Asset:
    """A file of the pages: its path, the hash of its content, and that."""

    path: str
    content_type: str
    version: str
    content: str

    @property
    def address(self) -> str:
        """The address that pages name: another one for other content."""
        return f"{self.path}?v={self.version}"


def read(folder: Path, name: str, content_type: str) -> Asset:
    """The file of this name in a folder."""
    content = (folder / name).read_text("utf-8")
    version = hashlib.sha256(content.encode()).hexdigest()[:16]
    return Asset(f"/assets/{name}", content_type, version, content)


STYLE = read(_FOLDER, "pages.css", "text/css; charset=utf-8")
SCRIPT = read(_FOLDER, "pages.js", "text/javascript; charset=utf-8")
PASSKEYS = read(_FOLDER, "passkeys.js", "text/javascript; charset=utf-8")


def style(_services: Services, request: Request) -> Reply:
    """The stylesheet of the pages."""
    return answer(STYLE, request)


def script(_services: Services, request: Request) -> Reply:
    """The script of the pages, which all work without it."""
    return answer(SCRIPT, request)


def passkeys(_services: Services, request: Request) -> Reply:
    """The script of the pages that ask for passkeys."""
    return answer(PASSKEYS, request)


def answer(asset: Asset, request: Request) -> Reply:
    """The asset. Under the address of another version, which a page of that one has named, it is not kept."""
    is_current = parse_qs(request.query).get("v") == [asset.version]
    return Reply(
        200, asset.content, {"Cache-Control": _KEPT if is_current else "no-store", "Content-Type": asset.content_type}
    )
