"""Codes of authenticator apps by the vectors of RFC 6238, and recovery codes as people type them."""

import base64
from collections import Counter
from itertools import cycle
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from lingpai.kernel.clock import Clock
from lingpai.second_factors import recovery_codes, totp

# RFC 6238 appendix B: the secret for SHA-1, and its codes, of which six digits are the last six.
SECRET = b"12345678901234567890"
VECTORS = [
    (59, "287082"),
    (1111111109, "081804"),
    (1111111111, "050471"),
    (1234567890, "005924"),
    (2000000000, "279037"),
    (20000000000, "353130"),
]


@pytest.mark.security("TOTP-RFC6238-1.2")
@pytest.mark.parametrize(("at", "code"), VECTORS)
def test_vectors_of_rfc_6238(at: int, code: str) -> None:
    assert totp.find_step(SECRET, code, at) == at // 30


@pytest.mark.security("TOTP-RFC6238-5.2", "ASVS-6.5.8")
@pytest.mark.parametrize(("at", "code"), VECTORS[1:])
def test_a_clock_may_be_off_by_one_step(at: int, code: str) -> None:
    """Each way, and no further (section 5.2)."""
    step = at // 30
    for off in (-1, 0, 1):
        assert totp.find_step(SECRET, code, (step + off) * 30) == step
        assert totp.find_step(SECRET, code, (step + off) * 30 + 29) == step
    assert totp.find_step(SECRET, code, (step - 1) * 30 - 1) is None
    assert totp.find_step(SECRET, code, (step + 2) * 30) is None


def test_another_secret_has_other_codes() -> None:
    at, code = VECTORS[0]
    assert totp.find_step(SECRET[::-1], code, at) is None


@pytest.mark.parametrize(
    ("typed", "parsed"),
    [
        ("287082", "287082"),
        (" 287 082\u00a0", "287082"),
        ("２８７０８２", "287082"),
        ("28708", None),
        ("2870822", None),
        ("28708x", None),
        ("", None),
        ("1" * 1000, None),
    ],
)
def test_what_can_be_a_code(typed: str, parsed: str | None) -> None:
    assert totp.parse_code(typed) == parsed


def test_what_the_qr_code_says() -> None:
    """Key URI format: label, secret and issuer; algorithm, digits and period are the format's defaults."""
    uri = urlsplit(totp.uri(SECRET, "爱丽丝 & co", "login.example.com"))
    assert (uri.scheme, uri.netloc) == ("otpauth", "totp")
    assert unquote(uri.path) == "/login.example.com:爱丽丝 & co"
    assert parse_qs(uri.query) == {"secret": [totp.key_text(SECRET)], "issuer": ["login.example.com"]}
    assert base64.b32decode(totp.key_text(SECRET)) == SECRET


def test_recovery_codes_can_be_typed() -> None:
    """In either case, with other separators or none; letters that look like digits are read as those."""
    clock = Clock(random_bytes=bytes)
    assert recovery_codes.make(clock) == ("0000-0000-0000",) * 10
    for typed in ("0000-0000-0000", "000000000000", " oO0o 0000—0000 ", "００００00000000"):
        assert recovery_codes.parse(typed) == "0" * 12
    assert recovery_codes.parse("il1I-lL11-abcz") == "11111111ABCZ"
    for typed in ("", "0000-0000-000", "0000-0000-0000-0", "u000-0000-0000", "0000 0000 00!0", "0" * 1000):
        assert recovery_codes.parse(typed) is None


@pytest.mark.security("ASVS-6.5.3")
def test_recovery_codes_are_drawn_without_bias() -> None:
    """Each place of a code is any of 32 characters, by five bits of its own."""

    def one_place(place: int) -> Clock:
        drawn = cycle([(value << 5 * place).to_bytes(8) for value in range(32)])
        return Clock(random_bytes=lambda _: next(drawn))

    for place in range(12):
        clock = one_place(place)
        codes = [code for _ in range(16) for code in recovery_codes.make(clock)]
        characters = Counter(recovery_codes.parse(code) for code in codes)
        assert len(characters) == 32
        assert set(characters.values()) == {5}
    codes = [code for _ in range(100) for code in recovery_codes.make(Clock())]
    assert len(set(codes)) == 1000
    assert all(recovery_codes.parse(code) == code.replace("-", "") for code in codes)
