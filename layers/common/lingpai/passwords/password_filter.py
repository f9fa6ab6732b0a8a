"""Which passwords are common or have leaked: a compact set of their hashes in a file, and no network.

The file is a Golomb-coded set. A password stands in it as a number below `count * 2**rate`, taken from its SHA-1, so
that lists of SHA-1 hashes (those of Have I Been Pwned) can go in as well as lists in clear text. The numbers are
sorted, cut into buckets of 64 on average, and kept as differences in Rice code, about `rate + 2` bits each. What is in
the list is always found; something else is taken for it once in `2**rate` look-ups. `tools/password_filter.py` writes:

    magic 8 | version 1 | rate 1 | zeros 6 | count 8 | length of all that follows the header 8 | SHA-256 32
    for each bucket, and once for the end: where it begins among the codes, 4
    the codes; each bucket is filled up to a byte with ones

Numbers are big-endian. The SHA-256 is that of the header before it and of everything after it.
"""

import hashlib
import struct
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

SHIPPED = Path(__file__).with_name("common_passwords.filter")

# 64 keys a bucket: some microseconds to read, and half a bit of index for each key.
BUCKET_BITS = 6
RATES = range(4, 25)

_MAGIC, _VERSION = b"lp-words", 1
_KEY_BITS = 64
_HEAD = struct.Struct(">8sBB6xQQ")
_DIGEST_SIZE = 32
_HEADER_SIZE = _HEAD.size + _DIGEST_SIZE
_RANGE = struct.Struct(">II")
# What stands for a letter that it looks like: "p4$$w0rd" is no better than "password".
_LOOK_ALIKES = str.maketrans("@4310!$57", "aaeioisst")


class FilterError(Exception):
    """A file that cannot be used. The text names it and says why."""


@dataclass(frozen=True)
class Header:
    """The header of a filter: the number of hashes, the bits of the rate, the bytes after the header."""

    count: int
    rate: int
    length: int

    @property
    def buckets(self) -> int:
        """How many buckets there are."""
        return -(-self.count // (1 << BUCKET_BITS))

    def value(self, key: int) -> int:
        """The number that stands for a key in this filter. Keys in order give numbers in order."""
        return key * (self.count << self.rate) >> _KEY_BITS


@dataclass(frozen=True)
class PasswordFilter:
    """A filter in memory, whole and checked."""

    header: Header
    body: bytes = field(repr=False)

    def holds(self, key: int) -> bool:
        """Whether the password of this key is in the list; for one that is not, once in `2**rate` all the same."""
        rate, wanted = self.header.rate, self.header.value(key)
        bucket = wanted >> (rate + BUCKET_BITS)
        first = (self.header.buckets + 1) * 4
        begins, ends = _RANGE.unpack_from(self.body, bucket * 4)
        codes = self.body[first + begins : first + ends]
        bits = f"{int.from_bytes(codes):0{len(codes) * 8}b}" if codes else ""
        number, at = bucket << (rate + BUCKET_BITS), 0
        # A difference is as many ones as it holds 2**rate, a zero, and the rest in `rate` bits.
        while (zero := bits.find("0", at)) >= 0:
            ones, at = zero - at, zero + 1 + rate
            number += (ones << rate) + int(bits[zero + 1 : at], 2)
            if number >= wanted:
                return number == wanted
        return False

    def refuses(self, password: str) -> bool:
        """Whether the password, in any spelling of `spellings`, is in the list."""
        return any(self.holds(key_of(spelling)) for spelling in spellings(password))


def fold(password: str) -> str:
    """The spelling in which passwords in clear text are put into a filter: NFKC, without case."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", password).casefold())


def spellings(password: str) -> tuple[str, ...]:
    """The forms to look up: as typed and in NFKC (hash lists are case-sensitive), folded, look-alikes as letters."""
    folded = fold(password)
    spelt = (password, unicodedata.normalize("NFKC", password), folded, folded.translate(_LOOK_ALIKES))
    return tuple(dict.fromkeys(spelt))


def key_of(password: str) -> int:
    """The key of a password in one spelling: the first 64 bits of its SHA-1."""
    return int.from_bytes(hashlib.sha1(password.encode("utf-8", "surrogatepass"), usedforsecurity=False).digest()[:8])


def whole(count: int, rate: int, body: bytes) -> bytes:
    """The file of a filter with this body, which `tools/password_filter.py` makes."""
    head = _HEAD.pack(_MAGIC, _VERSION, rate, count, len(body))
    return head + _digest(head, body) + body


def check(path: Path) -> Header:
    """The header of the filter at `path`; FilterError where it is not there, is another thing, or is cut off.

    It costs a look at the header: what only the whole file can tell is told by `load`.
    """
    try:
        with path.open("rb") as file:
            header = _header(path, file.read(_HEADER_SIZE))
            size = file.seek(0, 2)
    except OSError as error:
        raise FilterError(f"{path}: {error.strerror}") from None
    if size != _HEADER_SIZE + header.length:
        raise FilterError(f"{path}: has {size} bytes instead of {_HEADER_SIZE + header.length}")
    return header


def load(path: Path) -> PasswordFilter:
    """The filter at `path`, compared with its checksum; FilterError as for `check`, and where a byte has changed."""
    header = check(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FilterError(f"{path}: {error.strerror}") from None
    body = content[_HEADER_SIZE:]
    if content[_HEAD.size : _HEADER_SIZE] != _digest(content[: _HEAD.size], body):
        raise FilterError(f"{path}: its content does not agree with its checksum")
    if _header(path, content[:_HEADER_SIZE]) != header:
        raise FilterError(f"{path}: was replaced while it was read")
    return PasswordFilter(header, body)


def _header(path: Path, content: bytes) -> Header:
    if len(content) < _HEADER_SIZE or not content.startswith(_MAGIC):
        raise FilterError(f"{path}: is no password filter")
    _, version, rate, count, length = _HEAD.unpack_from(content)
    if version != _VERSION:
        raise FilterError(f"{path}: is a password filter of version {version} instead of {_VERSION}")
    header = Header(count, rate, length)
    if rate not in RATES or count < 1 or length < (header.buckets + 1) * 4:
        raise FilterError(f"{path}: is no password filter")
    return header


def _digest(head: bytes, body: bytes) -> bytes:
    digest = hashlib.sha256(head)
    digest.update(body)
    return digest.digest()
