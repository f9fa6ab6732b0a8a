"""A moved `valid_from`, of a client or of the deployment, ends what was issued before, on every route."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lingpai import bootstrap
from lingpai.clients import epochs
from lingpai.clients.service import new_client
from lingpai.clients.storage import ClientWriter
from local.seed import Seed, apply
from tests.support.api import Api, make_api
from tests.support.dialects import parts
from tests.support.logs import LOGS
from tests.support.shell import Shell, a_shell
from tests.support.tokens import WEB, calls, remove_client

ALICE = {"grant_type": "password", "username": "alice", "password": "correct horse battery"}
OWN = {"grant_type": "client_credentials"}
SECRET = "its-own-secret"
SERVER = ("standard-client", "standard-secret")
CACHE = 60


@pytest.fixture
def api(api_store: Any, monkeypatch: pytest.MonkeyPatch) -> Api:
    made = make_api(monkeypatch, api_store)
    grants = ("password", "client_credentials", "refresh_token")
    writer(made).put_client(new_client("opaque", "spring", SECRET, grants=grants))
    writer(made).put_client(new_client("signed", "spring", SECRET, grants=grants, token_format="jwt"))
    return made


def writer(api: Api) -> ClientWriter:
    store: Any = api.services.store
    found: ClientWriter = store
    return found


def issue(api: Api, client: tuple[str, str], **form: str) -> Any:
    answer = api.post("/oauth/token", form=form, basic=client)
    assert answer.status == 200, answer
    return answer.json


def end_client(api: Api, client_id: str) -> None:
    before = writer(api).get_client(client_id)
    assert before is not None
    valid_from = epochs.moved(api.services.clock.now(), before.valid_from)
    assert writer(api).change_client(before, replace(before, valid_from=valid_from))


def end_all(api: Api, _: str) -> None:
    writer(api).move_valid_from(epochs.moved(api.services.clock.now(), writer(api).get_valid_from()))


def says(api: Api, client: tuple[str, str], tokens: Any) -> dict[str, bool]:
    """What each route that takes one says of the tokens."""
    token = tokens["access_token"]

    def active(text: str, asking: tuple[str, str]) -> bool:
        told: bool = api.post("/oauth/introspect", form={"token": text}, basic=asking).json["active"]
        return told

    said = {
        "introspection": active(token, SERVER),
        "own introspection": active(token, client),
        "check": api.post("/user/checkOauthToken", bearer=token).json["status"] == 1,
    }
    if "refresh_token" in tokens:
        form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        said |= {
            "api": api.post("/users/current", bearer=token).status == 200,
            "user": api.post("/user/getUserByToken", bearer=token).json["status"] == 1,
            "temporary": api.post("/oauth/getTempToken", bearer=token).json["status"] == 1,
            "introspection of the refresh token": active(tokens["refresh_token"], client),
            "refresh": api.post("/oauth/token", form=form, basic=client).status == 200,
        }
    else:
        said["api"] = api.post("/roles/list", bearer=token).status != 401
    return said


CLIENTS = {"opaque": ("opaque", SECRET), "signed": ("signed", SECRET)}
MOVES: dict[str, Callable[[Api, str], None]] = {"the client's": end_client, "the deployment's": end_all}


@pytest.mark.security("F10")
@pytest.mark.parametrize("form", [ALICE, OWN], ids=["user", "client"])
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("move", MOVES)
def test_what_was_issued_before_is_refused_everywhere(api: Api, client: str, move: str, form: dict[str, str]) -> None:
    """Within CLIENT_CACHE_TTL; and what is issued from then on is good."""
    credentials = CLIENTS[client]
    first, second = issue(api, credentials, **form), issue(api, credentials, **form)
    assert set(says(api, credentials, first).values()) == {True}
    MOVES[move](api, client)
    api.time.advance(CACHE)
    assert set(says(api, credentials, second).values()) == {False}
    third = issue(api, credentials, **form)
    assert set(says(api, credentials, third).values()) == {True}
    MOVES[move](api, client)
    api.time.advance(CACHE)
    assert set(says(api, credentials, third).values()) == {False}


@pytest.mark.security("F10")
def test_a_temporary_token_ends_with_its_parent(api: Api) -> None:
    temp = api.post("/oauth/getTempToken", bearer=issue(api, WEB, **ALICE)["access_token"]).json["result"]
    assert api.post("/users/current", bearer=temp).status == 200
    end_client(api, WEB[0])
    api.time.advance(CACHE)
    assert api.post("/users/current", bearer=temp).status == 401


@pytest.mark.security("F10")
def test_other_clients_keep_theirs(api: Api) -> None:
    tokens = issue(api, WEB, **ALICE)
    end_client(api, "opaque")
    api.time.advance(CACHE)
    assert set(says(api, WEB, tokens).values()) == {True}


@pytest.mark.security("F10")
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("form", [ALICE, OWN], ids=["user", "client"])
def test_a_function_that_has_not_heard_of_it_issues_nothing_that_lasts(
    api: Api, monkeypatch: pytest.MonkeyPatch, client: str, form: dict[str, str]
) -> None:
    """Else a leaked secret would be good for as long as a token that it gets a moment after it was replaced."""
    issue(api, CLIENTS[client], **form)
    end_client(api, client)
    api.time.advance(CACHE - 1)
    late = issue(api, CLIENTS[client], **form)
    told = make_api(monkeypatch, api.services.store, populated=False)
    told.time.advance(CACHE - 1)
    assert set(says(told, CLIENTS[client], late).values()) == {False}
    # What is issued under the new record is good at functions that have not read it yet.
    early = issue(told, CLIENTS[client], **form)
    monkeypatch.setattr(bootstrap, "services", lambda: api.services)
    assert set(says(api, CLIENTS[client], early).values()) == {True}


@pytest.mark.security("F10")
@pytest.mark.moto
def test_a_session_of_before_epochs_is_good_until_the_first_move(api: Api) -> None:
    tokens = issue(api, WEB, **ALICE)
    store: Any = api.services.store
    items = store.call("Scan", TableName=store.settings.sessions_table)["Items"]
    assert all("epoch" not in item for item in items), "nothing is kept where nothing was moved"
    assert set(says(api, WEB, tokens).values()) == {True}


@pytest.mark.security("F10")
def test_the_epoch_of_a_token_that_stands_alone_is_in_it(api: Api) -> None:
    assert "epoch" not in parts(issue(api, CLIENTS["signed"], **OWN)["access_token"])[1]
    end_client(api, "signed")
    api.time.advance(CACHE)
    claims = parts(issue(api, CLIENTS["signed"], **OWN)["access_token"])[1]
    client = writer(api).get_client("signed")
    assert client is not None
    assert claims["epoch"] == client.valid_from
    assert "epoch" not in parts(issue(api, CLIENTS["signed"], **ALICE)["access_token"])[1], "its session has it"


@pytest.mark.security("F10")
def test_tokens_of_a_client_whose_record_is_gone_are_refused(api: Api) -> None:
    tokens = issue(api, CLIENTS["opaque"], **ALICE)
    remove_client(api, "opaque")
    api.time.advance(CACHE)
    assert api.post("/user/checkOauthToken", bearer=tokens["access_token"]).json["status"] == 0
    assert api.post("/users/current", bearer=tokens["access_token"]).status == 401


@pytest.mark.security("F10")
@pytest.mark.moto
def test_it_takes_no_call_more(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The deployment's is read with the client's record, and kept as long."""
    tokens = issue(api, WEB, **ALICE)
    operations = calls(monkeypatch, api)
    assert api.post("/user/checkOauthToken", bearer=tokens["access_token"]).json["status"] == 1
    assert operations == ["GetItem"]
    api.time.advance(CACHE)
    operations.clear()
    assert api.post("/user/checkOauthToken", bearer=tokens["access_token"]).json["status"] == 1
    assert operations == ["GetItem", "BatchGetItem"]


# --- the operator ---------------------------------------------------------------------------------------------


@pytest.fixture
def shell(dynamodb_endpoint: str, tmp_path: Path) -> Iterator[Shell]:
    with a_shell(dynamodb_endpoint, tmp_path) as opened:
        yield opened


@pytest.fixture
def house(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Api:
    return make_api(monkeypatch, shell.store)


def refreshed(api: Api, tokens: Any) -> int:
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    return api.post("/oauth/token", form=form, basic=WEB).status


def alive(api: Api, tokens: Any) -> bool:
    return api.post("/users/current", bearer=tokens["access_token"]).status == 200


@pytest.mark.security("F10")
def test_a_leaked_secret_ends_with_what_it_got(shell: Shell, house: Api) -> None:
    tokens, own = issue(house, WEB, **ALICE), issue(house, WEB, **OWN)
    ended = shell.call("client", "rotate-secret", "web-client", "--yes", "--json")
    secret = ended.json["client_secret"]
    LOGS.hush("made by the command", secret)
    assert (ended.code, ended.json["valid_from"] > 0) == (0, True)
    house.time.advance(CACHE)
    assert house.post("/oauth/token", form=OWN, basic=WEB).status == 401
    for each in (tokens, own):
        told = house.post("/oauth/introspect", form={"token": each["access_token"]}, basic=SERVER)
        assert told.json == {"active": False}
    assert not alive(house, tokens)
    assert alive(house, issue(house, ("web-client", secret), **ALICE))


@pytest.mark.security("F10")
def test_a_planned_rotation_keeps_the_tokens(shell: Shell, house: Api) -> None:
    tokens = issue(house, WEB, **ALICE)
    ended = shell.call("client", "rotate-secret", "web-client", "--keep-tokens", "--yes", "--json")
    LOGS.hush("made by the command", ended.json["client_secret"])
    assert ended.json["valid_from"] == 0
    house.time.advance(CACHE)
    assert house.post("/oauth/token", form=OWN, basic=WEB).status == 401
    assert alive(house, tokens)


@pytest.mark.security("F10")
def test_a_disabled_client_comes_back_without_its_tokens(shell: Shell, house: Api) -> None:
    tokens = issue(house, WEB, **ALICE)
    assert shell.call("client", "disable", "web-client", "--yes").code == 0
    house.time.advance(CACHE)
    assert not alive(house, tokens)
    told = house.post("/oauth/introspect", form={"token": tokens["access_token"]}, basic=SERVER)
    assert told.json == {"active": False}
    assert shell.call("client", "enable", "web-client").code == 0
    house.time.advance(CACHE)
    assert not alive(house, tokens)
    assert refreshed(house, tokens) == 400
    assert alive(house, issue(house, WEB, **ALICE))


@pytest.mark.security("F10")
def test_a_client_may_be_disabled_for_a_while_and_keep_them(shell: Shell, house: Api) -> None:
    tokens = issue(house, WEB, **ALICE)
    assert shell.call("client", "disable", "web-client", "--keep-tokens", "--yes").code == 0
    house.time.advance(CACHE)
    assert refreshed(house, tokens) == 401
    assert shell.call("client", "enable", "web-client").code == 0
    house.time.advance(CACHE)
    assert alive(house, tokens)
    assert refreshed(house, tokens) == 200


@pytest.mark.security("F10")
@pytest.mark.parametrize("before", [("--keep-tokens",), None], ids=["kept", "disabled by an earlier version"])
def test_disabling_again_ends_tokens_that_were_kept(shell: Shell, house: Api, before: tuple[str, ...] | None) -> None:
    """Told that it is disabled already, nobody would think that its tokens are good."""
    tokens = issue(house, WEB, **ALICE)
    if before is None:
        record = shell.store.get_client("web-client")
        assert record is not None
        shell.store.put_client(replace(record, disabled=True))
    else:
        assert shell.call("client", "disable", "web-client", "--yes", *before).code == 0
    again = shell.call("client", "disable", "web-client", "--yes")
    said = "the client web-client is disabled already; the tokens that it was given have ended\n"
    assert (again.code, again.out) == (0, said)
    house.time.advance(CACHE)
    assert not alive(house, tokens)
    assert shell.call("client", "enable", "web-client").code == 0
    house.time.advance(CACHE)
    assert not alive(house, tokens)
    assert refreshed(house, tokens) == 400


@pytest.mark.security("F10")
def test_a_secret_from_the_seed_ends_what_was_issued_since_all_was_ended(house: Api) -> None:
    """Though the clock of whoever ended all was ahead."""
    made = writer(house)
    made.move_valid_from(house.services.clock.now() + 3600)
    house.time.advance(CACHE)
    tokens = issue(house, WEB, **ALICE)
    content = Seed.model_validate(
        {"clients": [{"client_id": "web-client", "client_secret": "another long secret", "dialect": "spring"}]}
    )
    apply(content, house.services, overwrite=True)
    house.time.advance(CACHE)
    assert not alive(house, tokens)


@pytest.mark.security("F10", "ASVS-7.4.5")
def test_all_that_a_client_was_given_can_be_ended(shell: Shell, house: Api) -> None:
    tokens, others = issue(house, WEB, **ALICE), house.log_in("alice", ALICE["password"], ("app-client", "app-secret"))
    ended = shell.call("sessions", "end", "--client", "web-client", "--yes", "--json")
    client = shell.store.get_client("web-client")
    assert client is not None
    assert (ended.code, ended.json) == (0, {"client_id": "web-client", "valid_from": client.valid_from})
    house.time.advance(CACHE)
    assert (alive(house, tokens), alive(house, others)) == (False, True)
    assert shell.call("sessions", "end", "--client", "nobody", "--yes").code == 3


@pytest.mark.security("F10")
def test_all_sessions_of_an_account_can_be_ended(shell: Shell, house: Api) -> None:
    tokens, others = issue(house, WEB, **ALICE), house.log_in("bob", "battery staple correct")
    ended = shell.call("sessions", "end", "--user", "alice", "--yes", "--json")
    assert (ended.code, ended.json) == (0, {"id": house.user_id("alice"), "ended": 1})
    assert (alive(house, tokens), alive(house, others)) == (False, True)


@pytest.mark.security("F10")
def test_everything_can_be_ended(shell: Shell, house: Api) -> None:
    """And again, whatever the clocks of those who did it before have shown."""
    end_client(house, "app-client")
    before = shell.store.get_client("app-client")
    assert before is not None
    for _ in range(2):
        house.time.advance(CACHE)
        tokens, own = issue(house, WEB, **ALICE), issue(house, ("app-client", "app-secret"), **OWN)
        assert alive(house, tokens)
        ended = shell.call("sessions", "end", "--all", "--yes", "--json")
        assert (ended.code, ended.json) == (0, {"valid_from": shell.store.get_valid_from()})
        assert shell.store.get_valid_from() > before.valid_from
        house.time.advance(CACHE)
        assert not alive(house, tokens)
        assert house.post("/user/checkOauthToken", bearer=own["access_token"]).json["status"] == 0
    # A client's own move comes after the deployment's.
    shell.call("sessions", "end", "--client", "web-client", "--yes")
    client = shell.store.get_client("web-client")
    assert client is not None
    assert client.valid_from > shell.store.get_valid_from()


@pytest.mark.parametrize("arguments", [(), ("--all", "--client", "web-client"), ("--user", "a", "--client", "b")])
def test_what_is_to_end_is_named_once(shell: Shell, arguments: tuple[str, ...]) -> None:
    ended = shell.call("sessions", "end", *arguments, "--yes")
    assert (ended.code, ended.out, ended.err) == (2, "", "one of --client, --user and --all is needed\n")


def test_nothing_ends_unasked(shell: Shell, house: Api) -> None:
    tokens = issue(house, WEB, **ALICE)
    for arguments in (("--all",), ("--client", "web-client"), ("--user", "alice")):
        assert shell.call("sessions", "end", *arguments).code == 1
    house.time.advance(CACHE)
    assert alive(house, tokens)
