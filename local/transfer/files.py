"""Files of accounts: CSV with a header, or JSON lines, in UTF-8. Read line by line, written whole or not at all.

Whatever the length of a file, one line of it is in memory; lines that are longer than an account may be are not.

A program for tables takes a cell that begins with one of `=+-@`, or with a tab or line end, for a formula, and runs it.
In a CSV such a cell is written with an apostrophe before it, which is taken away when the cell is read.
"""

import csv
import errno
import itertools
import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal, Protocol

from local.transfer import records

Format = Literal["csv", "jsonl"]

SUFFIXES: dict[str, Format] = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
# DynamoDB keeps 400 KB under one key, names of attributes included.
MAX_LINE = 350_000
# A formula, also behind apostrophes: a cell that has them already gets one more, and loses one when it is read.
_FORMULA = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")
_BOM = b"\xef\xbb\xbf"


class FileError(Exception):
    """A file that cannot be read on; the text says where and why."""


@dataclass(frozen=True, slots=True)
class Line:
    """A record of a file and the number of its first line; `problem` says why it could not be read.

    `size` is what it takes in the file, in bytes.
    """

    number: int
    size: int
    record: Mapping[str, Any] = field(default_factory=dict, repr=False)
    problem: str | None = None


def format_of(path: Path | None, given: Format | None) -> Format:
    """The format that was given, else that of the file's name; raises FileError where neither tells."""
    known = given or (SUFFIXES.get(path.suffix.lower()) if path else None)
    if known is None:
        raise FileError("the name does not tell the format: say --format csv or --format jsonl")
    return known


def columns(stream: IO[bytes], kind: Format) -> tuple[str, ...]:
    """What a file beside this one has for columns: those of its header; raises FileError for a bad one."""
    if kind == "jsonl":
        return records.FIELDS
    stream.seek(0)
    try:
        header: list[str] = next(_reader(_text_lines(stream, [0])), [])
    except csv.Error as error:
        raise FileError(f"line 1: cannot be read as CSV: {error}") from None
    return tuple(name for name in _header(header) if name not in records.REMARKS)


def lines(stream: IO[bytes], kind: Format) -> Iterator[Line]:
    """The records of the file, from its start; raises FileError where nothing behind could be trusted."""
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
        record = json.loads(raw.decode(), object_pairs_hook=_once, parse_constant=_no_number)
    except UnicodeDecodeError:
        raise FileError(f"line {number}: is not UTF-8") from None
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
    # A field is never longer than its record; the module's own limit is for all readers of the process.
    csv.field_size_limit(MAX_LINE)
    taken = [0]
    reader = _reader(_text_lines(stream, taken))
    header: list[str] | None = None
    number, before = 1, 0
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise FileError(f"line {number}: cannot be read as CSV: {error}") from None
        length, before = taken[0] - before, taken[0]
        if header is None:
            header = _header(row)
        elif row:
            yield _csv_line(number, length, header, row)
        number = reader.line_num + 1


def _reader(lines: Iterator[str]) -> Any:
    """Reads CSV; fields may be parted by tabs or semicolons, as Excel does, if the header is."""
    first = next(lines, "")
    delimiter = next((mark for mark in ",\t;" if mark in first), ",")
    return csv.reader(itertools.chain([first] if first else [], lines), strict=True, delimiter=delimiter)


def _csv_line(number: int, length: int, header: list[str], row: list[str]) -> Line:
    if len(row) != len(header):
        return Line(number, length, problem=f"has {len(row)} fields where the header has {len(header)}")
    if length > MAX_LINE:
        return Line(number, length, problem=f"is longer than {MAX_LINE} bytes")
    return Line(number, length, dict(zip(header, map(_unescaped, row), strict=True)))


def _header(row: list[str]) -> list[str]:
    names = [name.strip() for name in row]
    if strangers := records.unknown(names):
        raise FileError(
            f"line 1: no such field: {', '.join(map(repr, strangers))}; the fields are {', '.join(records.FIELDS)}"
        )
    if len(set(names)) != len(names):
        raise FileError("line 1: a field is named twice")
    return names


def _text_lines(stream: IO[bytes], taken: list[int]) -> Iterator[str]:
    """The lines as text; raises FileError for what is not UTF-8. Counts bytes in `taken`."""
    for number, (raw, length) in enumerate(_raw_lines(stream), start=1):
        if raw is None:
            raise FileError(f"line {number}: is longer than {MAX_LINE} bytes")
        taken[0] += length
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            raise FileError(f"line {number}: is not UTF-8") from None
        yield text


def _raw_lines(stream: IO[bytes]) -> Iterator[tuple[bytes | None, int]]:
    """Each line with its end, and its length; None for one that is too long, which is read over."""
    first = True
    while raw := stream.readline(MAX_LINE + 1):
        length = len(raw)
        if first and raw.startswith(_BOM):
            raw = raw.removeprefix(_BOM)
        first = False
        if length <= MAX_LINE:
            yield raw, length
            continue
        while not raw.endswith(b"\n") and (raw := stream.readline(MAX_LINE)):
            length += len(raw)
        yield None, length


# --- writing ------------------------------------------------------------------------------------------------------


class Writer(Protocol):
    """Writes one record."""

    def __call__(self, record: Mapping[str, Any]) -> None:
        """Write it."""
        ...


def writer(stream: IO[str], kind: Format, columns: tuple[str, ...]) -> Writer:
    """What writes records to `stream`; of a CSV, the header at once."""
    if kind == "jsonl":
        return lambda record: _write_json(stream, record)
    rows = csv.writer(stream, lineterminator="\n")
    rows.writerow(columns)
    return lambda record: _write_row(rows, columns, record)


def _write_json(stream: IO[str], record: Mapping[str, Any]) -> None:
    stream.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")


def _write_row(rows: Any, columns: tuple[str, ...], record: Mapping[str, Any]) -> None:
    rows.writerow([_escaped(_cell(record.get(name))) for name in columns])


def _escaped(cell: str) -> str:
    """The cell in a form that no program takes for a formula; `_unescaped` undoes it."""
    return "'" + cell if _FORMULA.match(cell) else cell


def _unescaped(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case str():
            return value
        case bool() | dict() | list():
            return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        case _:
            return str(value)


@contextmanager
def private(path: Path, *, overwrite: bool = True) -> Iterator[IO[str]]:
    """A file that its owner alone may read, and that is at `path` when all of it is written.

    What is no character is written as JSON would escape it. Without `overwrite` a file that is there stays, and is a
    FileExistsError.
    """
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
