"""The filter of common passwords: what is in it is found, what is not is mistaken as rarely as it says."""

import functools
import gzip
import hashlib
import json
import random
import secrets
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import hypothesis.strategies as st
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings

from lingpai import bootstrap
from lingpai.kernel.errors import LingpaiError, SettingsError
from lingpai.passwords import password_filter
from lingpai.passwords import service as passwords
from lingpai.passwords.password_filter import FilterError, Header, PasswordFilter
from tests.blackbox.service import new_password
from tests.support.api import make_api
from tests.support.memory_store import MemoryStore
from tests.support.stores import ROOT, settings
from tools.password_filter import ListError, build, main

HEADER_SIZE = 64
LIST = ROOT / ".cache" / "password-lists"
CHECKSUM = "81bba2bd6e26d1e2348e9df7c439b73650f8509148c4b7930eb8381ede90d4a5"


@functools.cache
def shipped() -> PasswordFilter:
    return password_filter.load(password_filter.SHIPPED)


def sha1(password: str) -> str:
    return hashlib.sha1(password.encode()).hexdigest().upper()  # noqa: S324  as Have I Been Pwned does


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., PasswordFilter]:
    """Makes a filter of these lines."""

    def make(*lines: str, rate: int = 20, least: int = 1) -> PasswordFilter:
        (tmp_path / "list.txt").write_text("\n".join(lines), "utf-8")
        (tmp_path / "made.filter").write_bytes(build([tmp_path / "list.txt"], rate=rate, least=least))
        return password_filter.load(tmp_path / "made.filter")

    return make


# --- what is found -----------------------------------------------------------------------------------------------


@given(keys=st.sets(st.integers(0, 2**64 - 1), min_size=1, max_size=400), rate=st.sampled_from([4, 7, 14, 24]))
@hypothesis_settings(deadline=None)
def test_all_that_was_put_in_is_found(tmp_path_factory: pytest.TempPathFactory, keys: set[int], rate: int) -> None:
    folder = tmp_path_factory.mktemp("filter")
    (folder / "list").write_text("".join(f"{key:016X}{'0' * 24}:1\n" for key in keys))
    (folder / "filter").write_bytes(build([folder / "list"], rate=rate))
    found = password_filter.load(folder / "filter")
    assert (found.header.count, found.header.rate) == (len(keys), rate)
    assert all(found.holds(key) for key in keys)
    values = {found.header.value(key) for key in keys}
    for other in (0, 1, 2**64 - 1, *(key ^ 1 << 40 for key in keys)):
        assert found.holds(other) == (found.header.value(other) in values)


@pytest.mark.security("ASVS-6.2.12")
def test_the_shipped_filter() -> None:
    """What docs/passwords.md says of it."""
    header = shipped().header
    assert (header.count, header.rate) == (963533, 20)
    assert password_filter.SHIPPED.stat().st_size == HEADER_SIZE + header.length == 2664467
    assert hashlib.sha256(password_filter.SHIPPED.read_bytes()).hexdigest() == CHECKSUM


def test_hardly_any_good_password_is_refused() -> None:
    """A password of a manager was, once in 5,461: one look-up in 16,384 was mistaken, and would be 12 times here."""
    keys = random.Random(2030)
    mistaken = sum(shipped().holds(keys.getrandbits(64)) for _ in range(200_000))
    assert mistaken <= 2


def test_passwords_drawn_for_tests_are_none_that_it_mistakes(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was drawn for the black-box suite was refused as common, in one run of ten."""
    mistaken, good = "mistaken-3317560", "plum-blossom"
    assert shipped().refuses(mistaken), "find another, which is refused and in no list"
    monkeypatch.setattr(secrets, "token_urlsafe", Mock(side_effect=[mistaken, good]))
    assert new_password() == good


@pytest.mark.parametrize("rate", [4, 8])
def test_the_rate_can_be_chosen(made: Callable[..., PasswordFilter], rate: int) -> None:
    found = made(*map(str, range(5000)), rate=rate)
    mistaken = sum(found.refuses(f"none-{number}-of-these") for number in range(20_000)) / 20_000
    assert 0.8 / 2**rate < mistaken < 2.2 / 2**rate


@pytest.mark.skipif(not LIST.exists(), reason="run `make password-filter` to fetch the lists")
def test_the_shipped_filter_is_made_of_the_lists(tmp_path: Path) -> None:
    """Byte for byte."""
    lists = [LIST / "django.txt.gz", LIST / "seclists.txt"]
    content = build(lists)
    assert hashlib.sha256(content).hexdigest() == CHECKSUM
    assert content == password_filter.SHIPPED.read_bytes()


@pytest.mark.security("ASVS-6.2.4")
@pytest.mark.parametrize(
    "password",
    ["password", "12345678", "iloveyou", "qwertyuiop", "123456", "5201314", "woaini1314", "Password1!",
     "PASSWORD", "ＰＡＳＳＷＯＲＤ", "p4$$w0rd", "1qaz2wsx3edc", "sunsh1n3", "ﬁreﬂies"],
)  # fmt: skip
def test_passwords_that_nobody_may_choose(password: str) -> None:
    assert shipped().refuses(password)


@pytest.mark.parametrize(
    "password",
    ["correct horse battery", "battery staple correct", "plum-blossom", "admin-of-the-gate", "密码不常见的"],
)  # fmt: skip
def test_passwords_that_anybody_may_choose(password: str) -> None:
    assert not shipped().refuses(password)


# --- both kinds of lists -----------------------------------------------------------------------------------------


def test_a_list_in_clear_text_refuses_any_case_and_width(made: Callable[..., PasswordFilter]) -> None:
    found = made("Wonderland 2030", "", "Straße", "ﬁne-liner\r")
    for password in ("Wonderland 2030", "WONDERLAND 2030", "ｗonderland 2030", "STRASSE", "5tr@$$e", "Fine-Liner"):
        assert found.refuses(password), password
    for password in ("wonderland 203", "wonderland  2030", "wonderland", "", "fine liner"):
        assert not found.refuses(password), password
    assert found.header.count == 3


def test_a_list_of_hashes_knows_case(made: Callable[..., PasswordFilter]) -> None:
    """Their hash is of the password as it was: as typed, in NFKC, and folded is what can be compared."""
    found = made(f"{sha1('Wonderland')}:7", sha1("looking-glass").lower(), f"{sha1('ﬁne')}:2")
    for password in ("Wonderland", "Ｗonderland", "looking-glass", "LOOKING-glass", "l00k1ng-gla$s", "ﬁne"):
        assert found.refuses(password), password
    for password in ("wonderland", "WONDERLAND", "fine"):
        assert not found.refuses(password), password


def test_hashes_seen_too_seldom_are_left_out(made: Callable[..., PasswordFilter]) -> None:
    lines = (f"{sha1('once')}:1", f"{sha1('nine')}:9", f"{sha1('ten')}:10", sha1("uncounted"))
    found = made(*lines, least=10)
    assert [found.refuses(password) for password in ("once", "nine", "ten", "uncounted")] == [False, False, True, True]


def test_the_same_passwords_give_the_same_file(tmp_path: Path) -> None:
    words = [f"word {number}" for number in range(300)]
    (tmp_path / "a").write_text("\n".join(words))
    (tmp_path / "b").write_text("\r\n".join(reversed([*words[:200], *map(str.upper, words)])))
    (tmp_path / "c.gz").write_bytes(gzip.compress("\n".join(words[100:]).encode()))
    (tmp_path / "d").write_text("\n".join(sorted(sha1(word) + ":3" for word in words[:250])))
    first = build([tmp_path / "a"])
    assert first == build([tmp_path / "b"]) == build([tmp_path / "c.gz", tmp_path / "d"])


def test_old_lists_mix_encodings(tmp_path: Path) -> None:
    (tmp_path / "list").write_bytes(b"\xef\xbb\xbffirst\ncontrase\xf1a\n" + "contraseña-2".encode())
    (tmp_path / "filter").write_bytes(build([tmp_path / "list"], rate=20))
    found = password_filter.load(tmp_path / "filter")
    assert all(found.refuses(password) for password in ("first", "contraseña", "contraseña-2"))


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "there is no password in the lists"),
        ([f"{sha1('a')}:1", "password"], "list.txt, line 2: is no hash, in a list that begins with one"),
        ([f"{sha1('a')}:1", f"{sha1('b')}:many"], "list.txt, line 2: is no hash, in a list that begins with one"),
        (["password", f"{sha1('a')}:1"], "list.txt, line 2: is a hash, in a list that begins with a password"),
    ],
)
def test_a_list_that_cannot_be_used_is_named(made: Callable[..., PasswordFilter], lines: list[str], said: str) -> None:
    with pytest.raises(ListError) as refused:
        made(*lines)
    assert str(refused.value).endswith(said)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "list").write_text(f"{sha1('seldom')}:1\n{sha1('often')}:100\n")
    out = tmp_path / "out.filter"
    assert main([str(out), str(tmp_path / "list"), "--least", "2", "--rate", "20"]) == 0
    size = out.stat().st_size
    assert capsys.readouterr().out == f"{out}: 1 passwords, {size} bytes, 1 in 1048576 mistaken\n"
    before = out.read_bytes()
    assert main([str(out), str(tmp_path / "missing")]) == 2
    assert capsys.readouterr().err == f"{tmp_path / 'missing'}: No such file or directory\n"
    assert (out.read_bytes(), sorted(path.name for path in tmp_path.iterdir())) == (before, ["list", "out.filter"])


# --- files that cannot be used -----------------------------------------------------------------------------------


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A filter that refuses one password."""
    (tmp_path / "list").write_text("the operator's own word")
    path = tmp_path / "own.filter"
    path.write_bytes(build([tmp_path / "list"], rate=20))
    return path


def broken(content: bytes) -> dict[str, tuple[bytes, str]]:
    """What may become of a filter that a look at its header tells, and what is said of it."""
    header = Header(1, 20, len(content) - HEADER_SIZE)
    assert header.buckets == 1
    return {
        "empty": (b"", "is no password filter"),
        "something else": (b"password\n" * 40, "is no password filter"),
        "header cut": (content[:50], "is no password filter"),
        "body cut": (content[:-1], f"has {len(content) - 1} bytes instead of {len(content)}"),
        "too long": (content + b"\0", f"has {len(content) + 1} bytes instead of {len(content)}"),
        "another version": (content[:8] + b"\2" + content[9:], "is a password filter of version 2 instead of 1"),
        "no rate": (content[:9] + b"\0" + content[10:], "is no password filter"),
        "holds nothing": (content[:16] + bytes(8) + content[24:], "is no password filter"),
        "index cut": (content[:24] + (7).to_bytes(8) + content[32:71], "is no password filter"),
    }


KINDS_OF_BROKEN = (
    "empty",
    "something else",
    "header cut",
    "body cut",
    "too long",
    "another version",
    "no rate",
    "holds nothing",
    "index cut",
)


def test_an_operators_filter_takes_the_place_of_the_shipped_one(good: Path) -> None:
    chosen = settings(password_filter=str(good))
    bootstrap.build(chosen, MemoryStore())
    with pytest.raises(LingpaiError) as refused:
        passwords.check_new("The Operator's own Word", None, chosen)
    assert (refused.value.status, refused.value.reason) == (400, "password_common")
    passwords.check_new("password", None, chosen)


@pytest.mark.parametrize("kind", KINDS_OF_BROKEN)
def test_a_broken_filter_stops_the_start_and_lets_nothing_pass(good: Path, kind: str) -> None:
    content, said = broken(good.read_bytes())[kind]
    good.write_bytes(content)
    _stops(good, said)


def test_a_missing_filter_stops_the_start_and_lets_nothing_pass(tmp_path: Path) -> None:
    _stops(tmp_path / "none.filter", "No such file or directory")
    _stops(tmp_path, "Is a directory")


def _stops(path: Path, said: str) -> None:
    chosen = settings(password_filter=str(path))
    with pytest.raises(SettingsError) as stopped:
        bootstrap.build(chosen, MemoryStore())
    assert str(stopped.value) == f"PASSWORD_FILTER: {path}: {said}"
    with pytest.raises(LingpaiError) as refused:
        passwords.check_new("a password like no other", None, chosen)
    assert (refused.value.status, refused.value.reason, refused.value.retry_after) == (503, "passwords_unchecked", 60)
    assert refused.value.detail == f"{path}: {said}"


@pytest.mark.parametrize("at", [9, 17, 23, 40, 64, 71, -1])
def test_a_changed_byte_refuses_every_new_password(good: Path, at: int) -> None:
    """What a look at the header cannot tell, the checksum tells when the whole is read: never later, never once."""
    whole = bytearray(good.read_bytes())
    whole[at] ^= 1
    good.write_bytes(whole)
    chosen = settings(password_filter=str(good))
    for _ in range(2):
        with pytest.raises(LingpaiError) as refused:
            passwords.check_new("a password like no other", None, chosen)
        assert (refused.value.status, refused.value.reason) == (503, "passwords_unchecked")
    with pytest.raises(FilterError):
        password_filter.load(good)
    # Mended, it is read again.
    whole[at] ^= 1
    good.write_bytes(whole)
    passwords.check_new("a password like no other", None, chosen)


def test_what_a_client_sees_of_a_broken_filter(monkeypatch: pytest.MonkeyPatch, good: Path) -> None:
    """Nobody gets a new password; whoever has one logs in."""
    api = make_api(monkeypatch, MemoryStore(), password_filter=str(good))
    good.write_bytes(good.read_bytes()[:-1] + b"\0")
    answer = api.post("/users/register", json_body={"username": "mei", "password": "plum-blossom"})
    assert (answer.status, answer.headers["retry-after"]) == (503, "60")
    assert answer.json == {"status": 503, "error": "暂时无法检查新密码，请稍后再试"}
    assert api.log_in("alice", "correct horse battery")["token_type"] == "bearer"


def test_it_is_read_at_the_first_new_password_and_not_before() -> None:
    """Neither the start nor a login opens more than its header."""
    program = (
        "import json, sys\n"
        "sizes = []\n"
        "from lingpai import bootstrap; from lingpai.passwords import password_filter, service as passwords\n"
        "from tests.support.memory_store import MemoryStore\n"
        "from tests.support.stores import settings\n"
        "whole = password_filter.Path.read_bytes\n"
        "password_filter.Path.read_bytes = lambda path: (sizes.append(path.name), whole(path))[1]\n"
        "bootstrap.build(settings(), MemoryStore())\n"
        "passwords.verify('a guess', None, settings())\n"
        "before = list(sizes)\n"
        "for _ in range(3): passwords.check_new('plum-blossom', None, settings())\n"
        "print(json.dumps([before, sizes]))"
    )
    ended = subprocess.run(  # noqa: S603 (our own code)
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert json.loads(ended.stdout) == [[], ["common_passwords.filter"]]
