"""E-mail addresses: which there are, how they are kept, and which are the same."""

import pytest

from lingpai.kernel import email_addresses
from lingpai.kernel.errors import LingpaiError


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("mei@example.com", "mei@example.com"),
        ("  mei@example.com\u3000", "mei@example.com"),
        ("\u200bmei@example.com\u202c", "mei@example.com"),
        # The domain is one in any case; the local part is sent to as it was given (RFC 5321 section 2.4).
        ("Mei.Lin@Example.COM", "Mei.Lin@example.com"),
        ("mei+shop@mail.example.co.uk", "mei+shop@mail.example.co.uk"),
        ("!#$%&'*+-/=?^_`{|}~@example.com", "!#$%&'*+-/=?^_`{|}~@example.com"),
        (f"{'a' * 64}@example.com", f"{'a' * 64}@example.com"),
        # Internationalised (RFC 6531): the local part in NFC, the domain as it stands in DNS.
        ("王小明@例子.中国", "王小明@xn--fsqu00a.xn--fiqs8s"),
        ("王小明@XN--FSQU00A.XN--FIQS8S", "王小明@xn--fsqu00a.xn--fiqs8s"),
        ("e\u0301lise@example.com", "\u00e9lise@example.com"),
    ],
)
def test_an_address_as_it_is_kept(typed: str, kept: str) -> None:
    assert email_addresses.parse(typed) == kept


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "mei",
        "@example.com",
        "mei@",
        "mei@@example.com",
        "a@b@example.com",
        "mei lin@example.com",
        "mei@exam ple.com",
        "mei\n@example.com",
        "mei@example.com\r\nBcc: all@example.com",
        "mei\u200b@example.com",
        "mei@\u200bexample.com",
        "mei\x00@example.com",
        "\ud800@example.com",
        ".mei@example.com",
        "mei.@example.com",
        "me..i@example.com",
        '"mei lin"@example.com',
        "mei(home)@example.com",
        "Mei <mei@example.com>",
        "mei@example.com, lin@example.com",
        "mei@localhost",
        "mei@[192.0.2.1]",
        "mei@192.0.2.1",
        "mei@-example.com",
        "mei@example-.com",
        "mei@example..com",
        "mei@example.com.",
        "mei@exa_mple.com",
        f"mei@{'a' * 64}.com",
        f"{'a' * 65}@example.com",
        f"{'王' * 22}@example.com",
        f"mei@{'a' * 60}.{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 10}.com",
        # Two versions of IDNA read these as two domains (RFC 5894 section 7.2).
        "mei@straße.de",
        "mei@a\u200db.com",
        "mei＠example.com",
        "m" * 100_000,
        # Nothing is cut off.
        "mei@example.com" + " " * 1000 + "lin@example.com",
    ],
)
def test_what_is_no_address(wrong: str) -> None:
    with pytest.raises(LingpaiError, match="bad_email") as refused:
        email_addresses.parse(wrong)
    assert (refused.value.code, refused.value.status) == ("invalid_request", 400)
    assert not wrong or wrong not in f"{refused.value!r} {refused.value.values} {refused.value.detail}"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("mei@example.com", "MEI@EXAMPLE.COM", True),
        ("Élise@example.com", "e\u0301lise@example.com", True),
        ("mei@例子.中国", "mei@xn--fsqu00a.xn--fiqs8s", True),
        ("mei@example.com", "mei@example.org", False),
        # A provider may ignore dots and what follows a plus; no standard says so.
        ("mei.lin@example.com", "meilin@example.com", False),
        ("mei+shop@example.com", "mei@example.com", False),
        ("straße@example.com", "strasse@example.com", False),
        # Letters that look alike are other letters (a Cyrillic е).
        ("mei@example.com", "m\u0435i@example.com", False),
    ],
)
def test_which_addresses_are_one_identity(one: str, other: str, same: bool) -> None:
    keys = {email_addresses.folded(email_addresses.parse(address)) for address in (one, other)}
    assert len(keys) == (1 if same else 2)
