"""docs/operator.md: each command and option is there, each example is run, and answers what stands below it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from lingpai.accounts import identities, roles
from lingpai.aws.dynamodb.tables import DynamoTables
from lingpai.aws.queues import SqsQueue
from lingpai.clients.service import new_client
from lingpai.consents import service as consents
from lingpai.kernel import cause
from lingpai.sessions import service as sessions
from lingpai.signing_keys.stores import FileKeys
from local.operator.app import app
from tests.support.logs import LOGS
from tests.support.shell import a_shell
from tests.support.stores import ROOT
from tests.support.transfer import services_on
from tests.support.webhooks import hush

PAGE = (ROOT / "docs" / "operator.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^### `lingpai ([a-z -]+)`\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))
COMMON = {"--stack", "--local", "--json", "--yes", "--help"}
SEED = {
    "clients": [{"client_id": "shop", "dialect": "standard"}],
    "roles": [{"id": 1, "roleName": "admin"}],
    "users": [{"username": "root", "password": "the-first-of-the-gate", "roles": ["admin"]}],
}


def commands() -> Iterator[tuple[str, Any]]:
    """Every command by its words."""
    root: Any = typer.main.get_command(app)
    for name, command in root.commands.items():
        if hasattr(command, "commands"):
            for inner, leaf in command.commands.items():
                yield f"{name} {inner}", leaf
        else:
            yield name, command


def test_every_command_has_its_section() -> None:
    assert sorted(SECTIONS) == sorted(name for name, _ in commands())


@pytest.mark.parametrize(("name", "command"), [*commands()], ids=str)
def test_every_option_is_told_of(name: str, command: Any) -> None:
    """And no option that is not there; `--yes` where it asks."""
    options = {option for parameter in command.params for option in parameter.opts if option.startswith("--")}
    told = set(re.findall(r"--[a-z][a-z-]*", SECTIONS[name]))
    assert options - COMMON <= told
    assert told <= options
    assert {"--stack", "--local", "--json"} <= options


@pytest.mark.parametrize(("name", "command"), [*commands()], ids=str)
def test_help(name: str, command: Any) -> None:
    """Its first words are what the command says of itself; the common options stand at the end of it."""
    result = CliRunner().invoke(app, [*name.split(), "--help"], prog_name="lingpai")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(f"Usage: lingpai {name} [OPTIONS]")
    assert " ".join(command.help.split()) in " ".join(result.stdout.split())
    assert re.search(r"--stack NAME +The deployed stack of this name\.\n  --local +The local server", result.stdout)


def permissions() -> dict[str, set[tuple[str, str]]]:
    """What each row of the page's table lets a command do: tables, by their names there, and operations."""
    rows = re.findall(r"^\| `([a-z ]+)` \| (on .*) \|$", PAGE.partition("## Permissions")[2], re.MULTILINE)
    tables = re.compile(r"\b(?:clients|users|identities|roles|factors|sessions|counters|keys|webhooks|audit)\b")
    return {
        command: {
            (table, operation)
            for part in row.split(";")
            for table in tables.findall(part.partition("`")[0])
            for operation in re.findall(r"`([A-Z][A-Za-z]+)`", part)
        }
        for command, row in rows
    }


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, set[tuple[str, str]]]:
    """What each command asks of DynamoDB."""
    found: dict[str, set[tuple[str, str]]] = {}
    call = DynamoTables.call

    def note(table: str, operation: str) -> None:
        name = table.rpartition("-")[2].removesuffix("Table").lower()
        found.setdefault(cause.current().action.removeprefix("lingpai "), set()).add((name, operation))

    def noting(tables: DynamoTables, operation: str, **arguments: Any) -> dict[str, Any]:
        for request in arguments.get("TransactItems", ()):
            ((kind, action),) = request.items()
            note(action["TableName"], f"{kind}Item")
        for table in arguments.get("RequestItems", ()):
            note(table, operation)
        if "TableName" in arguments:
            note(arguments["TableName"], operation)
        return call(tables, operation, **arguments)

    monkeypatch.setattr(DynamoTables, "call", noting)
    return found


def test_exit_codes() -> None:
    """Those of the page are those of the code."""
    from local.operator import console

    told = [int(code) for code in re.findall(r"^\| ([0-9]+) \|", PAGE, re.MULTILINE)]
    assert told == [console.DONE, console.REFUSED, console.FAILED, console.MISSING, console.STOPPED]


def test_the_examples(
    dynamodb_endpoint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    asked: dict[str, set[tuple[str, str]]],
) -> None:
    """All of them, one after the other, on one deployment. The table of permissions has what they ask for."""
    monkeypatch.chdir(tmp_path)
    keys_file = tmp_path / "keys.json"
    # A deployment's queues, of which this is no test.
    monkeypatch.setattr(SqsQueue, "send", lambda *_: None)
    monkeypatch.setattr(SqsQueue, "receive_all", lambda _: iter(()))
    names = ("WEBHOOKS_QUEUE", "WEBHOOKS_FAILED_QUEUE", "EVENTS_FAILED_QUEUE")
    queues = {name: f"https://sqs.example/{name.lower()}" for name in names}
    with a_shell(
        dynamodb_endpoint, tmp_path, KEYS_FILE=str(keys_file), CODE_PEPPER="a pepper for these examples", **queues
    ) as shell:
        services = services_on(shell.store)
        roles.save(services, "admin")
        shell.file("seed.json", json.dumps(SEED))
        shell.file("users.csv", "username\nzoe\n")
        shell.turn_on_ttl()
        steps = re.findall(r"^\$ lingpai (.*)\n((?:(?!\$ |```).*\n)*)", PAGE, re.MULTILINE)
        assert {name for name, _ in commands()} == {
            next(known for known in SECTIONS if typed.startswith(f"{known} ") or typed == known) for typed, _ in steps
        }
        for typed, answer in steps:
            if typed.startswith("user sessions"):
                user_id = identities.find_by_name(services, "mei")
                sessions.issue(services, new_client("shop", "standard"), ("read",), user_id)
            if typed.startswith("consents list"):
                mei = identities.find_by_name(services, "mei")
                assert mei is not None
                consents.grant(services, mei, new_client("shop", "standard"), ("read",))
            result = CliRunner().invoke(app, typed.split(), env=shell.environment(), prog_name="lingpai")
            pattern = ".*".join(re.escape(part) for part in answer.split("…"))
            assert re.fullmatch(pattern, result.output, re.DOTALL), f"{typed}\n{result.output}is not\n{answer}"
            for secret in re.findall(r"^(?:client_secret|password)  +(\S{43})$", result.stdout, re.MULTILINE):
                LOGS.hush("made by the command", secret)
            for secret in re.findall(r"whsec_\S+", result.stdout):
                hush(secret)
        assert len(FileKeys(keys_file).load_keys()) == 2
    let = permissions()
    for name, operations in asked.items():
        if name and name not in ("sessions end", "doctor"):  # these rows name others, and each table
            row = let[name] if name in let else let[name.partition(" ")[0]]
            assert operations - row == set(), name
