"""Files of accounts: CSV with a header, or JSON lines, in UTF-8. Read line by line, written whole or not at all.

Only one line of a file is in memory, and lines longer than any account are skipped.

Spreadsheet programs run a cell that begins with one of `=+-@`, a tab or a line end as a formula. Such a cell is
written with an apostrophe before it, which is removed when the cell is read.
"""

import csv
import errno
import itertools
import json
import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any, Literal

from local.errors import LocalError
from local.transfer import records

Format = Literal["csv", "jsonl"]

SUFFIXES: dict[str, Format] = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
# A DynamoDB item has at most 400 KB, names of attributes included.
MAX_LINE = 350_000
# Also behind apostrophes: a cell that already has some gets one more, and loses one when it is read.
_FORMULA = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")
_BOM = b"\xef\xbb\xbf"


class FileError(LocalError):
    """The file cannot be read any further; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Line:
    """A record of a file and the number of its first line. `problem` says why it could not be read.

    `size` is its length in the file, in bytes.
    """

    number: int
    size: int
    record: Mapping[str, Any] = field(default_factory=dict, repr=False)
    problem: str | None = None


def format_of(path: Path | None, given: Format | None) -> Format:
    """Return the given format, else that of the file's name; raises FileError if neither tells it."""
    known = given or (SUFFIXES.get(path.suffix.lower()) if path else None)
    if known is None:
        raise FileError("the name does not tell the format: say --format csv or --format jsonl")
    return known


def columns(stream: IO[bytes], kind: Format) -> tuple[str, ...]:
    """Return the columns for a file of rejects: those of this file's header. Raises FileError for a bad header."""
    if kind == "jsonl":
        return records.FIELDS
    stream.seek(0)
    header = next((row for _, _, row in _rows(stream)), [])
    return tuple(name for name in _header(header) if name not in records.REMARKS)


def lines(stream: IO[bytes], kind: Format) -> Iterator[Line]:
    """Yield the records of the file from its start; raises FileError at a fault after which no line can be trusted."""
    stream.seek(0)
    return _jsonl(stream) if kind == "jsonl" else _csv(stream)


# --- reading ------------------------------------------------------------------------------------------------------


def _jsonl(stream: IO[bytes]) -> Iterator[Line]:
    for number, (raw, length) in enumerate(_raw_lines(stream), start=1):
        if raw is None:
            yield Line(number, length, problem=f"is longer than {MAX_LINE} bytes")
        elif raw.strip():
            yield _json_line(number, raw, length)


def _json_line(number: int, raw: bytes, length: int) -> Line:
    try:
        record = json.loads(_text(number, raw), object_pairs_hook=_once, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        return Line(number, length, problem=f"is not JSON: {error.msg} at character {error.colno}")
    except (ValueError, RecursionError) as error:
        return Line(number, length, problem=f"is not JSON: {str(error)[:80]}")
    if not isinstance(record, dict):
        return Line(number, length, problem="is not a JSON object")
    return Line(number, length, record)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) != len(pairs):
        raise ValueError("a name is given twice")
    return record


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number")


def _csv(stream: IO[bytes]) -> Iterator[Line]:
    rows = _rows(stream)
    header = next((_header(row) for _, _, row in rows), [])
    for number, length, row in rows:
        if not row:
            continue
        if len(row) != len(header):
            yield Line(number, length, problem=f"has {len(row)} fields where the header has {len(header)}")
        elif length > MAX_LINE:
            yield Line(number, length, problem=f"is longer than {MAX_LINE} bytes")
        else:
            yield Line(number, length, dict(zip(header, map(_unescaped, row), strict=True)))


def _rows(stream: IO[bytes]) -> Iterator[tuple[int, int, list[str]]]:
    """Yield the rows of a CSV, the header among them: the number of the first line, the bytes, and the fields.

    Fields may be separated by tabs or semicolons (Excel) if the header's are.
    """
    # The csv module's limit for a field is 128 KB, and is one for the whole process.
    csv.field_size_limit(MAX_LINE)
    taken = 0

    def texts() -> Iterator[str]:
        nonlocal taken
        for number, (raw, length) in enumerate(_raw_lines(stream), start=1):
            if raw is None:
                raise FileError(f"line {number}: is longer than {MAX_LINE} bytes")
            taken += length
            yield _text(number, raw)

    lines = texts()
    first = next(lines, None)
    if first is None:
        return
    delimiter = next((mark for mark in ",\t;" if mark in first), ",")
    reader = csv.reader(itertools.chain([first], lines), strict=True, delimiter=delimiter)
    number, before = 1, 0
    try:
        for row in reader:
            yield number, taken - before, row
            number, before = reader.line_num + 1, taken
    except csv.Error as error:
        raise FileError(f"line {number}: cannot be read as CSV: {error}") from None


def _header(row: list[str]) -> list[str]:
    names = [name.strip() for name in row]
    if strangers := records.unknown(names):
        raise FileError(
            f"line 1: no such field: {', '.join(map(repr, strangers))}; the fields are {', '.join(records.FIELDS)}"
        )
    if len(set(names)) != len(names):
        raise FileError("line 1: a field is named twice")
    return names


def _text(number: int, raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise FileError(f"line {number}: is not UTF-8") from None


def _raw_lines(stream: IO[bytes]) -> Iterator[tuple[bytes | None, int]]:
    """Yield each line, with its line end, and its length; None for a line that is too long, which is skipped."""
    for index, raw in enumerate(iter(partial(stream.readline, MAX_LINE + 1), b"")):
        length = len(raw)
        if length <= MAX_LINE:
            yield raw if index else raw.removeprefix(_BOM), length
            continue
        rest = raw
        while not rest.endswith(b"\n") and (rest := stream.readline(MAX_LINE)):
            length += len(rest)
        yield None, length


# --- writing ------------------------------------------------------------------------------------------------------


type Writer = Callable[[Mapping[str, Any]], None]


def writer(stream: IO[str], kind: Format, columns: tuple[str, ...]) -> Writer:
    """Return a function that writes a record to `stream`. The header of a CSV is written at once."""
    if kind == "jsonl":
        return lambda record: print(_json(record), file=stream)
    rows = csv.writer(stream, lineterminator="\n")
    rows.writerow(columns)
    return lambda record: rows.writerow([_escaped(_cell(record.get(name))) for name in columns])


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _escaped(cell: str) -> str:
    """Return the cell so that no program takes it for a formula; `_unescaped` is the inverse."""
    return "'" + cell if _FORMULA.match(cell) else cell


def _unescaped(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return _json(value) if isinstance(value, bool | dict | list) else str(value)


@contextmanager
def private(path: Path, *, overwrite: bool = True) -> Iterator[IO[str]]:
    """Open a file that only its owner can read; it appears at `path` once it is complete.

    Halves of surrogate pairs are written as JSON escapes. Without `overwrite` an existing file is kept, and raises
    FileExistsError. FileError for what is there and is no file, such as a device, which would be replaced.
    """
    if path.exists() and not path.is_file():
        raise FileError(f"{path}: is no file that can be replaced; without a name, standard output is written to")
    if not overwrite and path.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace", newline="") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        if not overwrite:
            # Fails where somebody else made the file meanwhile; what is then replaced is this empty one.
            path.touch(exist_ok=False)
        draft.replace(path)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise
