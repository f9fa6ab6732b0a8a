"""`lingpai users` on DynamoDB Local: moved in, out and in again; stopped, killed, run again."""

import csv
import getpass
import io
import json
import os
import signal
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lingpai.accounts import identities
from lingpai.accounts import service as accounts
from lingpai.accounts.model import User
from lingpai.accounts.storage import PutUser
from lingpai.clients.service import new_client
from lingpai.kernel import cause
from lingpai.kernel.cause import Cause
from lingpai.passwords import service as passwords
from lingpai.store import DynamoStore
from local.transfer import files
from tests.support import logins, stores
from tests.support.logs import LOGS
from tests.support.shell import Shell, a_shell
from tests.support.transfer import BCRYPT, PASSWORD, bring_in, jsonl, plain, services_on, take_out

if TYPE_CHECKING:
    import subprocess

ARGON2 = passwords.hash_password(PASSWORD, stores.settings())

# What a deployment may hold, each thing at its strangest.
EVERYTHING: list[dict[str, Any]] = [
    {
        "id": 2**53 - 1,
        "created_at": 1_700_000_000,
        "username": '王小明 🔑𠮷 é, "quoted"',
        "mobile": "+8613312341234",
        "openids": {"trusted:default": 'o,"1"', "wechat:wx1": "oABC"},
        "password_hash": "md5+" + ARGON2,
        "digests": ARGON2,
        "roles": ["a, b", "admin"],
        "profile": {"name": "王小明", "age": "", "addr": "一行\n两行 🏠", "createTime": "2024-01-02 03:04:05"},
    },
    {"id": 1, "created_at": 0, "username": "gone", "disabled": True, "password_hash": "{bcrypt}" + BCRYPT},
    {"id": 2, "created_at": 1, "mobile": "+12015550123", "password_hash": "bcrypt$" + BCRYPT},
    {"id": 3, "created_at": 2, "openids": {"wechat:wx1": "oDEF"}},
    {"id": 4, "created_at": 3, "username": "[1]", "password_hash": ARGON2, "profile": {"images": "x" * 100_000}},
]


class Users:
    """`lingpai users` on the tables of one store; no secret of a file is ever said."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self.store = shell.store
        self.folder = shell.folder
        self.file = shell.file

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """It runs."""
        return self.shell.start("users", *arguments)

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, output and errors, which show no secret."""
        ended = self.shell.run("users", *arguments)
        for secret in (BCRYPT, ARGON2, "clear-text", "13312341234", "oABC"):
            assert secret not in ended.err
        return ended.code, ended.out, ended.err


@pytest.fixture
def shell(dynamodb_endpoint: str, tmp_path: Path) -> Iterator[Users]:
    with a_shell(dynamodb_endpoint, tmp_path) as shell:
        yield Users(shell)


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_import_export_import_gives_the_same_accounts(store: Any, kind: files.Format, dynamodb_endpoint: str) -> None:
    report = bring_in(store, EVERYTHING, kind, create_roles=True)
    assert (report.imported, report.first_refused) == (len(EVERYTHING), [])
    out = take_out(store)
    assert out == sorted(EVERYTHING, key=lambda record: int(record["id"]))
    with stores.on_dynamodb_local(dynamodb_endpoint) as empty:
        assert bring_in(empty, out, kind, create_roles=True).imported == len(EVERYTHING)
        assert take_out(empty) == out
        assert bring_in(empty, out, kind).already_there == len(EVERYTHING)


def test_in_and_out_by_the_command(shell: Users, dynamodb_endpoint: str, tmp_path: Path) -> None:
    given = shell.file("users.jsonl", jsonl([*EVERYTHING, *plain(300)]))
    code, out, err = shell.run("import", str(given), "--create-roles", "--json")
    assert (code, err) == (0, "")
    summary = json.loads(out)
    assert summary.pop("seconds") > 0
    assert summary == {
        "lines": 305,
        "imported": 305,
        "already_there": 0,
        "refused": 0,
        "dry_run": False,
        "stopped": False,
        "first_refused": [],
    }
    code, out, err = shell.run("export", "out.csv")
    assert code == 0
    assert out.startswith("305 users exported")
    assert stat.S_IMODE((tmp_path / "out.csv").stat().st_mode) == 0o600
    exported = take_out(shell.store)
    with a_shell(dynamodb_endpoint, tmp_path) as another:
        empty = Users(another)
        code, out, err = empty.run("import", "out.csv", "--create-roles")
        assert (code, out, err) == (0, "305 lines: 305 imported, 0 there already, 0 refused\n", "")
        assert take_out(empty.store) == exported
        code, out, err = empty.run("export", "--format", "jsonl", "--json")
        assert code == 0
        assert sorted((json.loads(line) for line in out.splitlines()), key=lambda record: int(record["id"])) == exported
        assert json.loads(err)["exported"] == 305


def test_an_import_is_the_operators_doing(shell: Users) -> None:
    """Accounts are written by other threads than the command's, and keep its cause all the same."""
    given = shell.file("users.jsonl", jsonl([EVERYTHING[0], *plain(300)]))
    assert shell.run("import", str(given), "--create-roles")[0] == 0
    expected = Cause(action="users import", actor=f"operator:{getpass.getuser()}")
    for table in ("users_table", "roles_table"):
        items = shell.store.call("Scan", TableName=getattr(shell.store.settings, table))["Items"]
        assert {cause.read(item["cause"]["S"]) for item in items} == {expected}


def test_an_export_is_utf8_whatever_the_output_is(shell: Users) -> None:
    """Or `import` could not read it."""
    shell.store.commit(PutUser(User(1, 1, username="王小明")))
    shell.shell.settings["PYTHONIOENCODING"] = "gbk"
    code, out, _ = shell.run("export", "--format", "jsonl")
    assert (code, json.loads(out)["username"]) == (0, "王小明")


def test_an_export_tells_of_second_factors(shell: Users) -> None:
    """It holds none of them, and says how many accounts have some."""
    for user_id, kinds in ((1, {"totp"}), (2, {"passkey", "totp"}), (3, set[str]())):
        shell.store.commit(PutUser(User(user_id, 1, username=f"user {user_id}", second_factors=frozenset(kinds))))
    code, out, err = shell.run("export", "out.jsonl")
    told = "2 of them have second factors, which no export holds: they are to be set up anew\n"
    assert (code, out.partition("\n")[2], err) == (0, told, "")
    assert "totp" not in (shell.folder / "out.jsonl").read_text("utf-8")
    code, _, err = shell.run("export", "--format", "jsonl", "--json")
    assert (code, json.loads(err)["second_factors_left_out"]) == (0, 2)


def _settled(store: Any) -> int:
    """How many users there are, once the table has done what the killed process had sent."""
    before, there = -1, len(take_out(store))
    while there != before:
        time.sleep(0.5)
        before, there = there, len(take_out(store))
    return there


def test_killed_half_way_and_run_again(shell: Users) -> None:
    given = list(plain(2000))
    path = shell.file("users.jsonl", jsonl(given))
    process = shell.start("import", str(path), "--parallel", "4")
    _wait_for_users(shell.store, 200)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    there = _settled(shell.store)
    assert 200 <= there < 2000
    code, out, _ = shell.run("import", str(path))
    assert (code, out) == (0, f"2000 lines: {2000 - there} imported, {there} there already, 0 refused\n")
    _same_as(given, shell.store)


def test_stopped_half_way_and_run_again(shell: Users) -> None:
    given = list(plain(2000))
    path = shell.file("users.jsonl", jsonl(given))
    process = shell.start("import", str(path), "--parallel", "4", "--json")
    _wait_for_users(shell.store, 200)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "run it again" in err
    summary = json.loads(out)
    assert summary["stopped"]
    assert len(take_out(shell.store)) == summary["imported"] < 2000
    code, out, _ = shell.run("import", str(path), "--json")
    assert code == 0
    assert json.loads(out)["already_there"] == summary["imported"]
    _same_as(given, shell.store)


def test_refused_lines_are_told_kept_and_taken_once_they_are_mended(shell: Users) -> None:
    bring_in(shell.store, [{"id": 77, "username": "taken"}])
    path = shell.file(
        "users.csv",
        "username,mobile,password_hash,profile.name\n"
        "a,,,好\n"
        "taken,13312341234,,B\n"
        "c,12,,C\n"
        "d,,{noop}clear-text,D\n"
        "a,,,E\n"
        "short\n",
    )
    code, out, err = shell.run("import", str(path), "--rejects", "rejects.csv")
    assert (code, out) == (1, "6 lines: 1 imported, 0 there already, 5 refused\n")
    assert sorted(err.splitlines()) == [
        "line 3: username: belongs to the account 77, which the mobile does not find",
        "line 4: mobile: is no mobile number",
        "line 5: password_hash: is a password in clear text; hash it in the old system first, with bcrypt for example",
        "line 6: username: line 2 has the same",
        "line 7: has 1 fields where the header has 4",
    ]
    rejects = shell.folder / "rejects.csv"
    assert stat.S_IMODE(rejects.stat().st_mode) == 0o600
    with rejects.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["line"] for row in rows] == ["4", "5", "6", "7", "3"]
    assert rows[1]["password_hash"] == "{noop}clear-text"
    mended = "".join(line for line in rejects.read_text("utf-8").splitlines(keepends=True) if "short" not in line)
    mended = mended.replace(",c,12,", ",c,,").replace("{noop}clear-text", BCRYPT).replace(",taken,", ",free,")
    shell.file("mended.csv", mended)
    code, out, err = shell.run("import", "mended.csv")
    assert (code, out) == (1, "5 lines: 3 imported, 1 there already, 1 refused\n")
    assert err == "line 5: needs a username, a mobile or an openid\n"
    assert [record.get("profile", {}).get("name") for record in take_out(shell.store)] == [None, "好", "C", "D", "B"]


@pytest.mark.security("F5")
def test_a_file_that_is_not_utf_8_is_refused_whole_and_read_when_its_encoding_is_named(shell: Users) -> None:
    """Of the GBK file the third line alone would be UTF-8: not even that is written."""
    path = shell.folder / "users.csv"
    lines = "username,profile.name\r\nwang,王伟\r\n卢倩,卢倩\r\n"
    path.write_bytes(lines.encode("gbk"))
    code, out, err = shell.run("import", str(path), "--rejects", "rejects.csv")
    assert (code, out) == (2, "")
    assert err == f"{path}: line 2: is not UTF-8; it looks like GBK: --encoding gbk reads it\n"
    assert not (shell.folder / "rejects.csv").exists()
    assert take_out(shell.store) == []
    code, out, err = shell.run("import", str(path), "--encoding", "gbk")
    assert (code, out, err) == (0, "2 lines: 2 imported, 0 there already, 0 refused\n", "")
    path.write_bytes("username\tmobile\r\nzoe\t13900000126\r\n".encode("utf-16"))
    code, out, err = shell.run("import", str(path))
    assert (code, err) == (2, f"{path}: is not UTF-8; it looks like UTF-16: --encoding utf-16 reads it\n")
    code, out, err = shell.run("import", str(path), "--encoding", "utf-16")
    assert (code, out) == (0, "1 lines: 1 imported, 0 there already, 0 refused\n")
    assert {record["username"] for record in take_out(shell.store)} == {"wang", "卢倩", "zoe"}
    code, out, err = shell.run("import", str(path), "--encoding", "klingon")
    assert code == 2
    assert "--encoding: klingon is no encoding that is known" in err


@pytest.mark.security("F5")
def test_a_stranger_who_registered_first_keeps_nothing_of_the_line(shell: Users) -> None:
    """The line is refused and told, however often it is imported; what the import itself made is there already."""
    services = services_on(shell.store)
    stranger = accounts.register(services, "mei", "the stranger's own", "192.0.2.1")
    given = shell.file("users.csv", f"username,password_hash\nmei,{BCRYPT}\nbob,{BCRYPT}\n")
    for imported, there in ((1, 0), (0, 1)):
        code, out, err = shell.run("import", str(given))
        assert (code, out) == (1, f"2 lines: {imported} imported, {there} there already, 1 refused\n")
        told = f"line 2: username: belongs to the account {stranger}, which no import made: "
        assert err == told + "somebody may have registered the name\n"
    bob = services.store.get_user(identities.find_by_name(services, "bob") or 0)
    assert bob is not None
    assert bob.imported_from == "import"
    code, out, err = shell.run("import", str(given), "--source", "forum", "--json")
    assert (code, json.loads(out)["already_there"]) == (1, 0)
    assert "the import 'import' made: is it the same source? Then name it by --source" in err


@pytest.mark.security("F4")
def test_an_export_writes_over_no_file_and_holds_no_formula(shell: Users, dynamodb_endpoint: str) -> None:
    """What begins like a formula is marked, numbers in E.164 among it, and an import reads it as it was."""
    given: list[dict[str, Any]] = [
        {"id": 1, "created_at": 0, "username": "=cmd|'/c calc'!A0", "mobile": "+8613312341234"},
        {"id": 2, "created_at": 0, "username": "@SUM(A1)", "profile": {"name": "-2+3", "addr": "=1"}},
        {"id": 3, "created_at": 0, "username": "'+1'", "openids": {"trusted:default": "=o"}, "roles": ["=role"]},
    ]
    bring_in(shell.store, given, create_roles=True)
    path = shell.file("out.csv", "somebody's work")
    code, out, err = shell.run("export", "out.csv")
    assert (code, out, err) == (1, "", "out.csv is there already: --force writes over it\n")
    assert path.read_text("utf-8") == "somebody's work"
    code, out, err = shell.run("export", "out.csv", "--force")
    assert (code, err) == (0, "")
    with path.open(encoding="utf-8", newline="") as stream:
        cells = [cell for row in csv.reader(stream) for cell in row]
    assert [cell for cell in cells if cell[:1] in tuple("=+-@\t\r\n")] == []
    assert "'+8613312341234" in cells
    with stores.on_dynamodb_local(dynamodb_endpoint) as empty:
        with path.open("rb") as exported:
            report = bring_in(empty, io.BytesIO(exported.read()), "csv", create_roles=True)
        assert (report.imported, report.first_refused) == (3, [])
        assert take_out(empty) == given


def test_a_dry_run_tells_and_writes_nothing(shell: Users) -> None:
    path = shell.file("users.jsonl", jsonl([*plain(20), {"username": "x", "roles": ["new"]}]))
    code, out, err = shell.run("import", str(path), "--dry-run")
    assert (code, out) == (1, "21 lines: 20 good, 1 refused, nothing written\n")
    assert err == "line 21: roles: there is no role 'new'\n"
    assert take_out(shell.store) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("import", "missing.csv"), "missing.csv"),
        (("import", "users.txt"), "--format"),
        (("import", "users.txt", "--format", "csv"), "line 1: no such field: 'who'"),
        (("import", "users.txt", "--rejects", "users.txt"), "is the file itself"),
        (("import", "users.txt", "--format", "csv", "--openid-app", "wechat"), "as in wechat:wx123"),
        (("export",), "--format"),
        (("export", "no-such-folder/users.csv"), "No such file"),
    ],
)
def test_what_cannot_begin_says_so(shell: Users, arguments: tuple[str, ...], said: str) -> None:
    shell.file("users.txt", "who\nme\n")
    code, out, err = shell.run(*arguments)
    assert (code, out) == (2, "")
    assert said in " ".join(err.replace("│", " ").split())


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("DYNAMODB_ENDPOINT", "http://127.0.0.1:9", "the store does not answer"),
        ("DYNAMODB_ENDPOINT", "nowhere", "DYNAMODB_ENDPOINT"),
        ("USERS_TABLE", "NoSuchTable", "the store refuses"),
        ("ARGON2_TIME", "much", "ARGON2_TIME"),
    ],
)
def test_a_store_that_is_not_there(shell: Users, setting: str, value: str, said: str) -> None:
    shell.shell.settings.update({setting: value, "STORE_ATTEMPTS": "1"})
    code, out, err = shell.run("export", "users.csv")
    assert (code, out) == (2, "")
    assert said in err
    assert list(shell.folder.iterdir()) == []


def test_who_moved_in_logs_in_with_the_old_password(reference: DynamoStore) -> None:
    LOGS.hush("password", PASSWORD)
    md5 = passwords.digests_of(PASSWORD).partition(":")[0]
    bring_in(reference, [{"mobile": "13312341234", "username": "old", "password_hash": md5}, {"username": "none"}])
    services = services_on(reference)
    client = new_client("web-client", "spring", "web-secret", scopes=("web",))
    for name in ("old", "13312341234", "+8613312341234"):
        assert logins.by_password(services, client, (), name, PASSWORD, "192.0.2.1").access_token
        hashes = [record.get("password_hash", "") for record in take_out(reference)]
        assert sum(hashed.startswith("$argon2id$") for hashed in hashes) == 1


def _wait_for_users(store: DynamoStore, count: int) -> None:
    deadline = time.monotonic() + 60
    while len(take_out(store)) < count:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _same_as(given: list[dict[str, Any]], store: DynamoStore) -> None:
    """Each record is there once, under all its names, and there is no other name."""
    found = {record["username"]: record for record in take_out(store)}
    assert len(found) == len(given)
    keys = set()
    for record in given:
        user = found[record["username"]]
        assert user["password_hash"] == record["password_hash"]
        assert user.get("mobile") == record.get("mobile")
        assert user.get("openids", {}).get("trusted:default") == record.get("openid")
        names = [f"username:{record['username']}"]
        names += [f"mobile:{record['mobile']}"] if "mobile" in record else []
        names += [f"openid:trusted:default:{record['openid']}"] if "openid" in record else []
        keys |= {(name, user["id"]) for name in names}
    assert {(key["key"]["S"], int(key["user_id"]["N"])) for key in _identities(store)} == keys


def _identities(store: DynamoStore) -> Iterator[Any]:
    page: dict[str, Any] = {}
    while True:
        page = store.call("Scan", TableName=store.settings.identities_table, **page)
        yield from page["Items"]
        if "LastEvaluatedKey" not in page:
            return
        page = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
