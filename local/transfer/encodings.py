"""The encoding of a file: UTF-8, or the one that is named. Other files are refused before a line is imported."""

import codecs
import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from local.transfer.files import FileError

_CHUNK = 1 << 20
# The usual name and Python's. The first that fits is taken for the likely one.
_EAST_ASIAN = (("GBK", "gbk"), ("GB 18030", "gb18030"), ("Big5", "big5"))
_MARKS = {
    (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE): ("UTF-32", "utf-32"),
    (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE): ("UTF-16", "utf-16"),
}


def is_known(name: str) -> bool:
    """Tell whether it is the name of a text encoding."""
    try:
        codecs.lookup(name)
        "".encode(name)
    except (LookupError, ValueError):
        return False
    return True


@contextmanager
def opened(path: Path, encoding: str | None) -> Iterator[IO[bytes]]:
    """Open the file as UTF-8; a file in another `encoding` is converted into a temporary file.

    The whole file is read first. Raises FileError, with the line, if it is not UTF-8, or not in `encoding`.
    """
    with path.open("rb") as stream:
        if encoding is None or codecs.lookup(encoding).name == "utf-8":
            _require_utf8(stream, path)
            yield stream
            return
        with tempfile.TemporaryFile(prefix="lingpai-") as converted:
            _convert(stream, converted, encoding, path)
            yield converted


def _require_utf8(stream: IO[bytes], path: Path) -> None:
    head = stream.read(_CHUNK)
    # ASCII text in UTF-16 has a zero byte in each character, which is valid UTF-8.
    if (any(map(head.startswith, _MARKS)) or b"\0" in head) and (found := likely(head)):
        raise FileError(f"{path}: is not UTF-8{_hint(found)}")
    stream.seek(0)
    line = 1
    decoder = codecs.getincrementaldecoder("utf-8")()
    while chunk := stream.read(_CHUNK):
        try:
            decoder.decode(chunk, final=len(chunk) < _CHUNK)
        except UnicodeDecodeError as error:
            line += error.object[: error.start].count(b"\n")
            raise FileError(f"{path}: line {line}: is not UTF-8{_hint(likely(error.object))}") from None
        line += chunk.count(b"\n")
    stream.seek(0)


def _convert(stream: IO[bytes], converted: IO[bytes], encoding: str, path: Path) -> None:
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    while True:
        chunk = stream.read(_CHUNK)
        try:
            text = decoder.decode(chunk, final=not chunk)
        except UnicodeError:
            raise FileError(f"{path}: line {line} or after it: is not {encoding}") from None
        line += text.count("\n")
        converted.write(text.encode())
        if not chunk:
            break
    converted.seek(0)


def likely(sample: bytes) -> tuple[str, str] | None:
    """Guess the encoding of bytes that are not UTF-8: its usual name and Python's."""
    for marks, encoding in _MARKS.items():
        if sample.startswith(marks):
            return encoding
    if zeros := sample.count(0):
        # In little-endian order the zero byte follows the ASCII character.
        last = sum(sample[at] == 0 for at in range(1, len(sample), 2))
        if zeros * 10 < len(sample):
            return None
        return ("UTF-16", "utf-16-le") if last * 2 > zeros else ("UTF-16", "utf-16-be")
    text = sample.decode("utf-8", "replace")
    if sum(character >= "\u0800" for character in text) > 2 * text.count("\ufffd"):
        return None  # damaged UTF-8
    high = [byte >= 0x80 for byte in sample]
    beside = sum(one and other for one, other in itertools.pairwise(high))
    if 3 * beside >= sum(high):
        for encoding in _EAST_ASIAN:
            if _decodes(sample, encoding[1]):
                return encoding
    return ("Windows-1252", "cp1252") if _decodes(sample, "cp1252") else None


def _decodes(sample: bytes, encoding: str) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(sample)
    except UnicodeError:
        return False
    return True


def _hint(found: tuple[str, str] | None) -> str:
    if found is None:
        return "; --encoding NAME reads a file in another encoding"
    name, python = found
    return f"; it looks like {name}: --encoding {python} reads it"
