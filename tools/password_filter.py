"""Write a filter of the passwords that nobody may choose (`lingpai.passwords.password_filter`) from lists of them.

    .venv/bin/python -m tools.password_filter passwords.filter LIST… [--least 10] [--rate 20]

A list is text with a password a line, or with the SHA-1 of one and how often it was seen (HASH:COUNT, as Have I Been
Pwned gives them; the count may be missing); either may be packed with gzip (.gz). The same passwords give the same
file, whatever their order and in whichever lists they are.
"""

import argparse
import gzip
import re
import sys
from array import array
from collections.abc import Iterable, Iterator
from heapq import merge
from pathlib import Path

from lingpai.passwords import password_filter
from lingpai.passwords.password_filter import BUCKET_BITS, RATES, Header

RATE = 20
_HASHED = re.compile(rb"([0-9A-Fa-f]{40})(?::([0-9]+))?")


class ListError(Exception):
    """A list that cannot be used. The text names it and says why."""


def main(arguments: list[str]) -> int:
    """Write the filter that the arguments ask for; give the exit code."""
    parser = argparse.ArgumentParser(prog="tools.password_filter", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path, help="the filter to write")
    parser.add_argument("lists", type=Path, nargs="+", help="lists of passwords, or of HASH:COUNT")
    parser.add_argument("--least", type=int, default=1, help="leave out hashes seen less often than this")
    parser.add_argument("--rate", type=int, default=RATE, choices=RATES, metavar="BITS", help="1 in 2^BITS is mistaken")
    given = parser.parse_args(arguments)
    try:
        content = build(given.lists, rate=given.rate, least=given.least)
        new = given.out.with_name(given.out.name + ".new")
        new.write_bytes(content)
        made = password_filter.load(new)
        new.replace(given.out)
    except ListError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{error.filename or given.out}: {error.strerror}", file=sys.stderr)
        return 2
    print(f"{given.out}: {made.header.count} passwords, {len(content)} bytes, 1 in {2**given.rate} mistaken")
    return 0


def build(lists: Iterable[Path], *, rate: int = RATE, least: int = 1) -> bytes:
    """The file of a filter with the passwords of all `lists`; ListError for one that cannot be used."""
    keys = _without_repeats(merge(*(_keys(path, least) for path in lists)))
    if not keys:
        raise ListError("there is no password in the lists")
    return password_filter.whole(len(keys), rate, _body(keys, rate))


def _body(keys: "array[int]", rate: int) -> bytes:
    """The index and the codes of these keys, which are sorted."""
    header = Header(len(keys), rate, 0)
    index, codes = bytearray(), bytearray()
    bits: list[str] = []
    bucket, last = 0, 0
    index += bytes(4)

    def close() -> None:
        text = "".join(bits)
        codes.extend(int(text + "1" * (-len(text) % 8), 2).to_bytes(-(-len(text) // 8)) if text else b"")
        index.extend(len(codes).to_bytes(4))
        bits.clear()

    for value in _without_repeats(map(header.value, keys)):
        while value >> (rate + BUCKET_BITS) > bucket:
            close()
            bucket += 1
            last = bucket << (rate + BUCKET_BITS)
        ones, rest = divmod(value - last, 1 << rate)
        bits.append("1" * ones + "0" + f"{rest:0{rate}b}")
        last = value
    while bucket < header.buckets:
        close()
        bucket += 1
    return bytes(index + codes)


def _without_repeats(numbers: Iterable[int]) -> "array[int]":
    kept = array("Q")
    for number in numbers:
        if not kept or kept[-1] != number:
            kept.append(number)
    return kept


def _keys(path: Path, least: int) -> "array[int]":
    """The keys of a list, sorted."""
    keys, sorted_so_far, last = array("Q"), True, 0
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as lines:
        for key in _keys_of(path, lines, least):
            keys.append(key)
            sorted_so_far, last = sorted_so_far and key >= last, key
    # The lists of Have I Been Pwned are sorted, and too long to be sorted here.
    return keys if sorted_so_far else array("Q", sorted(keys))


def _keys_of(path: Path, lines: Iterable[bytes], least: int) -> Iterator[int]:
    hashed: bool | None = None
    for number, raw in enumerate(lines, 1):
        line = raw.rstrip(b"\r\n")
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line:
            continue
        match = _HASHED.fullmatch(line)
        if hashed is None:
            hashed = match is not None
        # What is read as the wrong kind would be in the filter, and never found.
        if hashed and match is None:
            raise ListError(f"{path}, line {number}: is no hash, in a list that begins with one")
        if not hashed and match is not None and match[2] is not None:
            raise ListError(f"{path}, line {number}: is a hash, in a list that begins with a password")
        if not hashed or match is None:
            yield password_filter.key_of(password_filter.fold(_text(line)))
        elif match[2] is None or int(match[2]) >= least:
            yield int(match[1][:16], 16)


def _text(line: bytes) -> str:
    """The line; old lists mix UTF-8 and Latin-1."""
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
