"""Files of accounts: read line by line, whatever they hold, and written whole or not at all."""

import csv
import io
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from local.transfer import files
from local.transfer.files import FileError, Line
from tests.support.transfer import as_file

STRANGE: list[dict[str, Any]] = [
    {"username": 'with "quotes", commas; and\ttabs'},
    {"username": "two\nlines\r\nand \r more", "roles": ["a", "b,c"]},
    {"username": "王小明 🔑𠮷 é \u2028", "profile": {"name": "", "addr": "x\ny"}, "disabled": True, "id": 7},
]


def read(content: bytes, kind: files.Format) -> list[Line]:
    return list(files.lines(io.BytesIO(content), kind))


def problems(content: bytes, kind: files.Format) -> list[tuple[int, str | None]]:
    return [(line.number, line.problem) for line in read(content, kind)]


def test_json_lines_come_back_as_they_were() -> None:
    content = as_file(STRANGE).getvalue()
    assert [line.record for line in read(content, "jsonl")] == STRANGE
    assert sum(line.size for line in read(content, "jsonl")) == len(content)


def test_a_csv_comes_back_as_text() -> None:
    content = as_file(STRANGE, "csv").getvalue()
    read_back = read(content, "csv")
    assert [line.record["username"] for line in read_back] == [record["username"] for record in STRANGE]
    assert read_back[1].record["roles"] == '["a","b,c"]'
    assert read_back[2].record["profile"] == '{"name":"","addr":"x\\ny"}'
    assert (read_back[2].record["disabled"], read_back[2].record["id"]) == ("true", "7")
    # The line on which a record begins, though others before it have several.
    assert [line.number for line in read_back] == [2, 3, 6]
    assert (
        content.splitlines(keepends=True)[0] == b"id,created_at,username,mobile,openid,openids,password_hash,digests,"
        b"password_set_at,roles,disabled,closes_at,agreements,profile\n"
    )


def test_a_mark_of_byte_order_and_empty_lines_are_read_over() -> None:
    assert [line.record for line in read(b'\xef\xbb\xbf{"username":"a"}\n\n \r\n{"username":"b"}', "jsonl")] == [
        {"username": "a"},
        {"username": "b"},
    ]
    assert [(line.number, line.record) for line in read(b"\xef\xbb\xbfusername\r\n\r\na\r\n", "csv")] == [
        (3, {"username": "a"})
    ]


def test_an_empty_file_holds_nobody() -> None:
    for kind in files.SUFFIXES.values():
        assert read(b"", kind) == []


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"{", "is not JSON"),
        (b"[]", "is not a JSON object"),
        (b'{"username": "a", "username": "b"}', "a name is given twice"),
        (b'{"id": NaN}', "NaN is no number"),
        (b"[" * 100_000, "is not JSON"),
        (b'{"id": ' + b"9" * 5000 + b"}", "is not JSON"),
        (b'{"username": "' + b"a" * files.MAX_LINE + b'"}', f"is longer than {files.MAX_LINE} bytes"),
    ],
)
def test_a_bad_json_line_does_not_hurt_its_neighbours(content: bytes, problem: str) -> None:
    found = problems(b'{"username":"a"}\n' + content + b'\n{"username":"b"}\n', "jsonl")
    assert [number for number, _ in found] == [1, 2, 3]
    assert found[0][1] is found[2][1] is None
    assert problem in str(found[1][1])


def test_a_bad_csv_line_does_not_hurt_its_neighbours() -> None:
    many = b'"' + b"\n" * files.MAX_LINE + b'",x'
    found = problems(b"username,mobile\na,1\nb\nc,1,2\nd,1\n" + many + b"\ne,5\n", "csv")
    assert found[:4] == [
        (2, None),
        (3, "has 1 fields where the header has 2"),
        (4, "has 3 fields where the header has 2"),
        (5, None),
    ]
    assert "longer" in str(found[4][1])
    assert found[5][1] is None


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"username,password\n", "line 1: no such field: 'password'; the fields are id, created_at, username"),
        (b"username,username\n", "line 1: a field is named twice"),
        (b'username\na\n"b\n', "line 3: cannot be read as CSV"),
        (b'username\na\n"b"c\n', "line 3: cannot be read as CSV"),
        (b"username\n" + b"a" * (files.MAX_LINE + 1), "line 2: is longer than"),
        (b"username\na\n\xff\nb\n", "line 3: is not UTF-8"),
    ],
)
def test_a_csv_that_cannot_be_trusted_any_more_is_refused_whole(content: bytes, problem: str) -> None:
    with pytest.raises(FileError, match=problem):
        read(content, "csv")


@pytest.mark.security("F5")
def test_json_lines_that_are_not_utf_8_are_refused_whole() -> None:
    with pytest.raises(FileError, match="line 2: is not UTF-8"):
        read(b'{"username":"a"}\n{"username":"\xff"}\n{"username":"b"}\n', "jsonl")


@pytest.mark.security("F5")
@pytest.mark.parametrize("mark", ["\t", ";"])
def test_fields_between_tabs_or_semicolons(mark: str) -> None:
    """As Excel writes its Unicode text, and its CSV in countries with a comma in their numbers."""
    content = f"username{mark}profile.name\r\na{mark}x,y\r\n".encode()
    assert [line.record for line in read(content, "csv")] == [{"username": "a", "profile.name": "x,y"}]
    assert files.columns(io.BytesIO(content), "csv") == ("username", "profile.name")


FORMULAS = [
    "=1+1",
    "+8613312341234",
    "-1",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "＝1",
    "＋1",
    "－1",
    "＠1",
    "'=1",
    "''-1",
]


@pytest.mark.security("F4")
@pytest.mark.parametrize("cell", [*FORMULAS, "'", "'a", "a=1", "", " =1", "1-1", "{}", "$2b$"])
def test_no_cell_of_a_csv_is_a_formula_and_each_comes_back(cell: str) -> None:
    record = {"username": cell, "profile": {"name": cell}}
    content = as_file([record], "csv").getvalue()
    (row,) = list(csv.DictReader(io.StringIO(content.decode(), newline="")))
    assert row["username"] == ("'" + cell if cell in FORMULAS else cell)
    (line,) = read(content, "csv")
    assert line.record["username"] == cell


def test_which_format() -> None:
    assert files.format_of(Path("a.CSV"), None) == "csv"
    assert files.format_of(Path("a.jsonl"), None) == "jsonl"
    assert files.format_of(Path("a.csv"), "jsonl") == "jsonl"
    for path in (Path("a.txt"), None):
        with pytest.raises(FileError, match="--format"):
            files.format_of(path, None)


def test_a_private_file_is_its_owner_s_and_there_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "users.csv"
    path.write_text("before")
    path.chmod(0o644)
    with files.private(path) as stream:
        stream.write("after\udc80")
        assert path.read_text() == "before"
    assert path.read_text() == "after\\udc80"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(KeyboardInterrupt):
        write_half(path)
    assert path.read_text() == "after\\udc80"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.security("F4")
def test_a_file_that_is_there_stays(tmp_path: Path) -> None:
    """Also one that somebody made while this one was written."""
    path = tmp_path / "users.csv"
    with files.private(path, overwrite=False) as stream:
        stream.write("mine")
    assert path.read_text() == "mine"
    with pytest.raises(FileExistsError), files.private(path, overwrite=False):
        pytest.fail("nothing is to be written")
    path.unlink()
    with pytest.raises(FileExistsError), files.private(path, overwrite=False) as stream:
        path.write_text("another's")
    assert path.read_text() == "another's"
    assert list(tmp_path.iterdir()) == [path]


def write_half(path: Path) -> None:
    with files.private(path) as stream:
        stream.write("half")
        raise KeyboardInterrupt


@pytest.mark.parametrize("overwrite", [True, False])
def test_what_is_no_file_is_not_replaced(tmp_path: Path, overwrite: bool) -> None:
    """As /dev/stdout, which root could replace."""
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    with (
        pytest.raises(FileError, match=r"pipe\.csv: is no file that can be replaced"),
        files.private(pipe, overwrite=overwrite),
    ):
        pytest.fail("opened")
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]
