"""The encoding of a file: what is not UTF-8 is refused whole, and named; what is named is read."""

from pathlib import Path

import pytest

from local.transfer import encodings
from local.transfer.files import FileError

pytestmark = pytest.mark.security("F5")

CHINESE = "username,profile.name\r\nwang,王伟\r\nlu,卢倩\r\n"
TRADITIONAL = "username,profile.name\r\nwang,王小明\r\nlin,林志玲\r\n"
# Each of these characters is one of UTF-8 where it is written in GBK, so that its line alone would pass.
PARTLY = CHINESE.encode("gbk").replace("王伟".encode("gbk"), "卢倩".encode("gbk"))


def written(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "users.csv"
    path.write_bytes(content)
    return path


def refused(path: Path, encoding: str | None = None) -> str:
    with pytest.raises(FileError) as error, encodings.opened(path, encoding):
        pytest.fail("nothing may be read")
    return str(error.value).removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (CHINESE.encode("gbk"), "line 2: is not UTF-8; it looks like GBK: --encoding gbk reads it"),
        (PARTLY + b"x,\xcd\xf5\r\n", "line 4: is not UTF-8; it looks like GBK: --encoding gbk reads it"),
        ("王伟,𠮷\n".encode("gb18030"), "line 1: is not UTF-8; it looks like GB 18030: --encoding gb18030 reads it"),
        (b"a\n\xff,\xfe\n", "line 2: is not UTF-8; it looks like Windows-1252: --encoding cp1252 reads it"),
        (
            "José\nMüller\n".encode("cp1252"),
            "line 1: is not UTF-8; it looks like Windows-1252: --encoding cp1252 reads it",
        ),
        (CHINESE.encode("utf-16"), "is not UTF-8; it looks like UTF-16: --encoding utf-16 reads it"),
        (CHINESE.encode("utf-16-le"), "is not UTF-8; it looks like UTF-16: --encoding utf-16-le reads it"),
        (CHINESE.encode("utf-16-be"), "is not UTF-8; it looks like UTF-16: --encoding utf-16-be reads it"),
        (b"\xfe\xff" + CHINESE.encode("utf-16-be"), "is not UTF-8; it looks like UTF-16: --encoding utf-16 reads it"),
        (CHINESE.encode("utf-32"), "is not UTF-8; it looks like UTF-32: --encoding utf-32 reads it"),
        (CHINESE.encode() + b"\xff", "line 4: is not UTF-8; --encoding NAME reads a file in another encoding"),
        (
            "王".encode() * 400_000 + b"\n\xe7\x8e",
            "line 2: is not UTF-8; --encoding NAME reads a file in another encoding",
        ),
    ],
)
def test_what_is_not_utf_8_is_refused_and_named(tmp_path: Path, content: bytes, said: str) -> None:
    """And the encoding that is named reads it."""
    path = written(tmp_path, content)
    assert refused(path) == said
    encoding = said.partition("--encoding ")[2].partition(" ")[0]
    if encoding != "NAME":
        with encodings.opened(path, encoding) as stream:
            assert stream.read() == content.decode(encoding).encode()


@pytest.mark.parametrize("content", [b"", CHINESE.encode(), b"\xef\xbb\xbfusername\n", "王".encode() * 1_000_000])
@pytest.mark.parametrize("encoding", [None, "UTF8", "utf-8"])
def test_utf_8_is_read_as_it_is(tmp_path: Path, content: bytes, encoding: str | None) -> None:
    with encodings.opened(written(tmp_path, content), encoding) as stream:
        assert stream.read() == content


@pytest.mark.parametrize("encoding", ["big5", "utf-16", "gbk", "cp1252"])
def test_a_file_that_is_not_in_the_encoding_named(tmp_path: Path, encoding: str) -> None:
    path = written(tmp_path, b"username\na\n\x81")
    assert refused(path, encoding).endswith(f" or after it: is not {encoding}")


def test_every_character_comes_through_the_ends_of_what_is_read_at_once(tmp_path: Path) -> None:
    text = "a" + "王" * 1_500_000
    for encoding in ("gbk", "utf-16", "gb18030"):
        with encodings.opened(written(tmp_path, text.encode(encoding)), encoding) as stream:
            assert stream.read().decode() == text


def test_traditional_characters(tmp_path: Path) -> None:
    """Many of them are characters of GBK, too, so that it may be taken for that: the one named by hand counts."""
    path = written(tmp_path, TRADITIONAL.encode("big5"))
    assert refused(path).startswith("line 2: is not UTF-8; it looks like ")
    with encodings.opened(path, "big5") as stream:
        assert stream.read().decode() == TRADITIONAL


def test_which_encodings_there_are() -> None:
    assert all(map(encodings.is_known, ["gbk", "GBK", "utf-16", "latin-1", "cp936"]))
    assert not any(map(encodings.is_known, ["", "x", "base64", "rot13", "hex"]))
