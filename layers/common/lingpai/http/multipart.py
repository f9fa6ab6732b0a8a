"""Multipart forms (RFC 7578), read flat and in one pass: the cost grows with the body's length alone.

A multipart body within a part is not opened, as the standard library's e-mail parser would do.
"""

import binascii
import re
from dataclasses import dataclass, field

# RFC 2046 section 5.1.1 allows 70 characters.
_LONGEST_BOUNDARY = 200
# A parameter of a header: `; name=value` or `; name="value"`, where a backslash takes its meaning from what follows it.
_PARAMETER = re.compile(r';\s*+([^;=\s]++)\s*+=\s*+(?:"((?:[^"\\]++|\\.)*+)"|([^;]*+))', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class MalformedError(ValueError):
    """The body is no multipart form."""


@dataclass(frozen=True)
class Part:
    """A field of the form; `name` is None where it has none. `content` is decoded when asked for."""

    name: str | None
    is_file: bool
    raw: bytes = field(repr=False)
    encoding: str

    @property
    def content(self) -> bytes:
        """The content; MalformedError for one that is not in its transfer encoding (RFC 2045 section 6)."""
        match self.encoding:
            case "base64":
                try:
                    return binascii.a2b_base64(self.raw)
                except ValueError:
                    raise MalformedError("no base64") from None
            case "quoted-printable":
                return binascii.a2b_qp(self.raw)
            case _:
                return self.raw


def parts(content_type: str, body: bytes) -> list[Part]:
    """The fields of the form, in their order; MalformedError for a body that is none, or is cut off."""
    boundary = _parameters(content_type).get("boundary", "").encode("utf-8", "replace")
    if not 0 < len(boundary) <= _LONGEST_BOUNDARY:
        raise MalformedError("no boundary")
    # Lines end with CRLF; some clients end all of theirs with a mere LF. That of the first boundary tells.
    first_line = body.partition(b"--" + boundary)[2].partition(b"\n")[0]
    line_end = b"\r\n" if first_line.endswith(b"\r") else b"\n"
    _preamble, *chunks = (line_end + body).split(line_end + b"--" + boundary)
    found: list[Part] = []
    for chunk in chunks:
        if chunk.startswith(b"--"):
            return found
        # Between the boundary and its line's end may stand blanks.
        blanks, ended, rest = chunk.partition(line_end)
        if not ended or blanks.strip(b" \t"):
            break
        found.append(_part(rest, line_end))
    raise MalformedError("no end")


def _part(text: bytes, line_end: bytes) -> Part:
    """The part after its boundary: headers, an empty line, and the content."""
    head, found, content = (line_end + text).partition(line_end * 2)
    if not found:
        raise MalformedError("no empty line")
    # A line that begins with a blank continues the one before.
    unfolded = head.replace(line_end + b" ", b" ").replace(line_end + b"\t", b" ")
    headers = {}
    for line in unfolded.split(line_end):
        name, _, value = line.decode("utf-8", "replace").partition(":")
        headers[name.strip().lower()] = value
    disposition = _parameters(headers.get("content-disposition", ""))
    return Part(
        name=disposition.get("name"),
        is_file="filename" in disposition or "filename*" in disposition,
        raw=content,
        encoding=headers.get("content-transfer-encoding", "").strip().lower(),
    )


def _parameters(header: str) -> dict[str, str]:
    """The parameters of a header by their names in lower case; of one that stands there twice, the first."""
    found: dict[str, str] = {}
    for name, quoted, plain in _PARAMETER.findall(header):
        found.setdefault(name.lower(), _ESCAPED.sub(r"\1", quoted) if quoted else plain.strip())
    return found
