"""All sessions of an account end though a request has no time to delete them: on every store, and in races on one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lingpai.accounts import ended_accounts
from lingpai.bootstrap import build
from lingpai.clients.model import EndedAccount
from lingpai.clients.service import new_client
from lingpai.clients.storage import ClientLookup, SaveEnded
from lingpai.identity_providers.model import Identity
from lingpai.kernel import deadline
from lingpai.kernel.clock import LEEWAY
from lingpai.kernel.errors import LingpaiError, unavailable
from lingpai.kernel.writes import Conflict
from lingpai.services import Services
from lingpai.sessions import service as sessions
from lingpai.sessions.model import SessionKey
from tests.support import logins, stores
from tests.support.api import Api, make_api
from tests.support.dialects import is_good
from tests.support.people import PASSWORD, Person, somebody
from tests.support.races import race, refusals, won
from tests.support.samples import WholeStore, a_client
from tests.support.shell import a_shell
from tests.support.time import Time
from tests.support.tokens import STANDARD, WEB, calls

pytestmark = pytest.mark.security("F17")

CLIENT = new_client("web-client", "spring", "web-secret", scopes=("web",), sign_provider="trusted")
IDENTITY = Identity("trusted", "default", "o-1")
AT_ONCE = 3
OPENED = 8
CACHE = 60
SIGNED = ("jwt-client", "jwt-secret")
ANOTHER = "a second phrase for anybody"


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request deletes three sessions."""
    monkeypatch.setattr(ended_accounts, "DELETED_AT_ONCE", AT_ONCE)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch, store: WholeStore) -> Api:
    """The API on each store."""
    return make_api(monkeypatch, store)


@contextmanager
def request() -> Iterator[None]:
    """What is done in a request, which has a deadline."""
    deadline.begin(SimpleNamespace(get_remaining_time_in_millis=lambda: 60_000))
    try:
        yield
    finally:
        deadline.end()


# --- the deployment's list --------------------------------------------------------------------------------------------


def test_the_list_is_read_with_each_client(store: WholeStore) -> None:
    first, second = EndedAccount(1, 1_893_484_800, b"12345678"), EndedAccount(2**53 - 1, 7)
    store.put_client(a_client())
    assert store.list_ended() == ()
    assert store.look_up_client("web") == ClientLookup(a_client(), 0, ())
    for before, after in (((), (first,)), ((first,), (first, second)), ((first, second), (second,)), ((second,), ())):
        with pytest.raises(Conflict):
            store.commit(SaveEnded((EndedAccount(3, 3),), after))
        store.commit(SaveEnded(before, after))
        assert store.list_ended() == after
        assert store.look_up_client("web") == ClientLookup(a_client(), 0, after)
    store.move_valid_from(9)
    store.commit(SaveEnded((), (first,)))
    assert store.look_up_client("web") == ClientLookup(a_client(), 9, (first,))


def test_the_full_list_is_read_for_one_unit(reference: Any) -> None:
    longest = tuple(
        EndedAccount(2**53 - 1 - number, 9_999_999_999, bytes(8)) for number in range(ended_accounts.ACCOUNTS_MAX)
    )
    reference.move_valid_from(9_999_999_999)
    reference.commit(SaveEnded((), longest))
    table = reference.settings.clients_table
    (item,) = reference.call("Scan", TableName=table)["Items"]
    assert sum(len(name) + len(str(value)) for name, typed in item.items() for value in typed.values()) < 4096
    asked = {table: {"Keys": [{"client_id": item["client_id"]}], "ConsistentRead": True}}
    answer = reference.call("BatchGetItem", RequestItems=asked, ReturnConsumedCapacity="TOTAL")
    assert answer["ConsumedCapacity"][0]["CapacityUnits"] == 1


def test_an_id_that_is_looked_up_nowhere_leaves_the_list(store: WholeStore) -> None:
    """Else who asks for a client of such a name would bring ended sessions back."""
    services = build(stores.settings(), store, Time().clock())
    store.put_client(a_client())
    store.commit(SaveEnded((), (EndedAccount(1, 100),)))
    assert services.clients.get_client("web") is not None
    for client_id in ("lingpai:deployment", "", "x" * 3000, "nobody"):
        assert services.clients.get_client(client_id) is None
        assert services.clients.has_ended(SessionKey(1, bytes(8)), 100)


# --- the ways to end all ----------------------------------------------------------------------------------------------


def opened(person: Person) -> list[tuple[tuple[str, str], Any]]:
    """Sessions of several clients, opaque and signed: client and tokens."""
    clients = (WEB, SIGNED, STANDARD)
    return [(clients[number % 3], person.log_in(clients[number % 3])) for number in range(OPENED)]


def opens(api: Api, client: tuple[str, str], tokens: Any) -> set[str]:
    """What the tokens open: their access token, a refresh, and the introspection of the refresh token."""
    good = {"access"} if is_good(api, tokens["access_token"]) else set()
    told = api.post("/oauth/introspect", form={"token": tokens["refresh_token"]}, basic=client)
    good |= {"introspection"} if told.json["active"] else set()
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    return good | ({"refresh"} if api.post("/oauth/token", form=form, basic=client).status == 200 else set())


EVERYTHING = {"access", "introspection", "refresh"}


def change_password(api: Api, person: Person, token: str) -> int:
    body = {"userId": person.id, "oldPassword": PASSWORD, "newPassword": ANOTHER}
    return api.post("/users/pwd/update", json_body=body, bearer=token).status


def reset_password(api: Api, person: Person, _: str) -> int:
    assert api.post("/mobile/code/get", form={"mobile": person.number, "purpose": "reset"}, basic=WEB).status == 200
    form = {"mobile": person.number, "code": api.last_code, "newPassword": ANOTHER}
    return api.post("/users/pwd/reset", form=form, basic=WEB).status


def by_an_admin(api: Api, person: Person, _: str) -> int:
    body = {"id": person.id, "password": ANOTHER}
    return api.post("/users/save", json_body=body, bearer=api.admin()).status


def new_number(api: Api, person: Person, token: str) -> int:
    number = "13987654321"
    assert api.post("/mobile/code/get", form={"mobile": number}, basic=WEB).status == 200
    body = {"id": person.id, "phone": number, "code": api.last_code}
    return api.post("/users/update", json_body=body, bearer=token).status


def remove_number(api: Api, person: Person, token: str) -> int:
    return api.post("/users/phone/remove", json_body={"id": person.id}, bearer=token).status


def delete(api: Api, person: Person, _: str) -> int:
    return api.post("/users/delete", json_body={"id": person.id}, bearer=api.admin()).status


# Whether the session that asks stays, and the password afterwards; None where nobody logs in any more.
WAYS: dict[str, tuple[Callable[[Api, Person, str], int], bool, str | None]] = {
    "password changed": (change_password, True, ANOTHER),
    "password reset": (reset_password, False, ANOTHER),
    "password by an admin": (by_an_admin, False, ANOTHER),
    "new number": (new_number, True, PASSWORD),
    "number removed": (remove_number, True, PASSWORD),
    "deleted": (delete, False, None),
}


@pytest.mark.parametrize("way", WAYS)
def test_all_end_by_one_request(api: Api, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    """Within CLIENT_CACHE_TTL, on every route; the session that asks stays, and a login right after it lives."""
    # The transaction that changes the account ends some sessions of its own accord.
    monkeypatch.setattr(ended_accounts, "_SESSIONS_AT_ONCE", 1)
    end, stays, password = WAYS[way]
    person = somebody(api, number=True)
    asking, before = person.log_in(), opened(person)
    temporary = api.post("/oauth/getTempToken", bearer=asking["access_token"]).json["result"]
    assert end(api, person, asking["access_token"]) == 200
    assert len(api.services.store.sessions_of(person.id)) > AT_ONCE, "they could not be deleted in time"
    after = api.log_in(person.username or "", password, STANDARD) if password else None
    if after:
        assert is_good(api, after["access_token"])
    api.time.advance(CACHE)
    assert [opens(api, client, tokens) for client, tokens in before] == [set()] * OPENED
    assert (api.post("/users/current", bearer=temporary).status == 200) is stays
    assert opens(api, WEB, asking) == (EVERYTHING if stays else set())
    if after:
        assert opens(api, STANDARD, after) == EVERYTHING


def test_it_takes_no_call_more_where_all_are_deleted(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    person = somebody(api)
    token = person.token
    if hasattr(api.services.store, "_call"):
        operations = calls(monkeypatch, api)
        assert change_password(api, person, token) == 200
        assert operations.count("BatchGetItem") + operations.count("TransactWriteItems") == 2
        assert operations.count("Query") == 2
    assert api.services.store.list_ended() == ()


# --- what is left -----------------------------------------------------------------------------------------------------


def ended(services: Services, user_id: int, keep: SessionKey | None = None) -> int:
    with request():
        return ended_accounts.end_all(services, user_id, keep)


@pytest.fixture
def services(store: WholeStore) -> Services:
    made = build(stores.settings(), store, Time().clock())
    store.put_client(CLIENT)
    return made


def log_in(services: Services) -> SessionKey:
    tokens = logins.by_identity(services, CLIENT, ("web",), IDENTITY)
    presented = sessions.parse(tokens.access_token)
    assert presented is not None
    return presented.key


def good(services: Services, *keys: SessionKey) -> list[bool]:
    """Which of them a function takes that has just read the list."""
    services = build(services.settings, services.store, services.clock)
    services.clients.get_client(CLIENT.id)
    found = [services.store.get_session(key) for key in keys]
    return [one is not None and not services.clients.has_ended(one.key, one.created_at) for one in found]


def crowd(services: Services, count: int = OPENED) -> list[SessionKey]:
    return [log_in(services) for _ in range(count)]


def test_the_next_requests_delete_what_is_left(services: Services) -> None:
    """And the last one takes the account off the list."""
    old = crowd(services)
    user_id = old[0].owner
    left = []
    while services.store.sessions_of(user_id):
        services.clients.get_client("nobody")
        assert ended(services, user_id) <= AT_ONCE
        left.append((len(services.store.sessions_of(user_id)), len(services.store.list_ended())))
    assert left == [(5, 1), (2, 1), (0, 0)]
    new = log_in(services)
    assert good(services, new) == [True]
    user = services.store.get_user(user_id)
    assert user is not None
    assert user.sessions == 1


def test_a_command_deletes_all(services: Services) -> None:
    """It has no deadline; and the account is not on the list afterwards."""
    old = crowd(services)
    user_id, keep = old[0].owner, old[0]
    assert ended(services, user_id, keep) in {AT_ONCE - 1, AT_ONCE}
    assert len(services.store.list_ended()) == 1
    ended_accounts.end_all(services, user_id)
    assert services.store.sessions_of(user_id) == ()
    assert services.store.list_ended() == ()


def test_a_full_list_is_a_busy_service(services: Services) -> None:
    """What was deleted stays deleted, and a repeat goes on; an account that is listed already has its place."""
    store = services.store
    others = tuple(EndedAccount(number, 1) for number in range(1, ended_accounts.ACCOUNTS_MAX + 1))
    store.commit(SaveEnded((), others))
    old = crowd(services)
    user_id = old[0].owner
    assert ended(services, user_id) == OPENED, "while there is time, they are deleted"
    assert store.list_ended() == others
    crowd(services)
    listed = (*others[1:], EndedAccount(user_id, 1))
    store.commit(SaveEnded(others, listed))
    assert ended(services, user_id) == AT_ONCE
    assert len(store.list_ended()) == ended_accounts.ACCOUNTS_MAX


def test_a_store_that_is_busy_after_the_mark_is_no_failure(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    old = crowd(services)

    def busy(*_: Any) -> None:
        raise unavailable()

    monkeypatch.setattr(services.store, "end_sessions", busy)
    ended(services, old[0].owner)
    assert good(services, *old) == [False] * OPENED


def test_what_has_ended_does_not_come_back(services: Services) -> None:
    """A function that has not read the list yet lets a session of before end all others: it ends with them."""
    old = crowd(services)
    user_id = old[0].owner
    ended(services, user_id)
    left = services.store.sessions_of(user_id)
    new = crowd(services, 2)
    assert good(services, *left, *new) == [False] * len(left) + [True] * 2
    ended(services, user_id, left[0])
    assert good(services, *left, *new) == [False] * (len(left) + 2)


def test_a_session_that_is_kept_can_end_by_the_next(services: Services) -> None:
    old = crowd(services)
    user_id = old[0].owner
    ended(services, user_id, old[0])
    assert good(services, *old) == [True] + [False] * (OPENED - 1)
    new = crowd(services)
    ended(services, user_id, new[0])
    assert good(services, *old, *new) == [False] * OPENED + [True] + [False] * (OPENED - 1)
    user = services.store.get_user(user_id)
    assert user is not None
    assert user.sessions == 1


@pytest.mark.parametrize("ahead", [-LEEWAY, 0, LEEWAY])
def test_clocks_that_differ(services: Services, ahead: int) -> None:
    """What was opened by a clock that is ahead ends, and a login by one that is behind lives; mark after mark."""
    time = Time()
    time.advance(ahead)
    other = build(services.settings, services.store, time.clock())
    old = crowd(other)
    ended(services, old[0].owner)
    for _ in range(3):
        new = crowd(other)
        assert good(services, *old, *new) == [False] * len(old) + [True] * OPENED
        ended(services, old[0].owner)
        old += new
    assert not any(good(services, *old))


def test_those_that_have_ended_count_for_nothing(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the sessions of the account have to be counted anew."""
    limited = replace(services, settings=services.settings.model_copy(update={"sessions_max": 4}))
    old = crowd(services)
    ended(services, old[0].owner)
    new = crowd(limited, 4)
    assert good(services, *new) == [True] * 4
    limited.clients.get_client("nobody")
    newest = log_in(limited)
    assert good(services, *new, newest).count(True) == 4
    assert good(services, newest) == [True]


def test_the_operator_sees_those_alive_and_deletes_the_rest(
    dynamodb_endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with a_shell(dynamodb_endpoint, tmp_path) as shell:
        house = make_api(monkeypatch, shell.store)
        person = somebody(house)
        opened(person)
        assert by_an_admin(house, person, "") == 200
        house.log_in(person.username or "", ANOTHER, WEB)
        left = len(shell.store.sessions_of(person.id))
        assert left > AT_ONCE
        shown = shell.call("user", "sessions", str(person.username), "--json")
        assert [session["client_id"] for session in shown.json["sessions"]] == ["web-client"]
        logged_out = shell.call("user", "logout", str(person.username), "--yes", "--json")
        assert logged_out.json == {"id": person.id, "ended": left}
        assert shell.store.sessions_of(person.id) == ()
        assert shell.store.list_ended() == ()


# --- races ------------------------------------------------------------------------------------------------------------


def test_logins_and_ends_at_once(reference: Any) -> None:
    """Each succeeds. What was opened before the first request has ended, and a login after the last one lives."""
    services = build(reference.settings, reference, Time().clock())
    reference.put_client(CLIENT)
    old = crowd(services, 12)
    user_id = old[0].owner
    outcomes = race([partial(ended, services, user_id)] * 4 + [partial(log_in, services)] * 8)
    assert refusals(outcomes) == {}
    assert good(services, *old) == [False] * 12
    during = [key for key in won(outcomes) if isinstance(key, SessionKey)]
    assert len(during) == 8
    alive = good(services, *during).count(True)
    user = reference.get_user(user_id)
    assert user is not None
    assert alive <= user.sessions
    last = log_in(services)
    assert good(services, last) == [True]
    ended(services, user_id, last)
    assert good(services, *during, last) == [False] * 8 + [True]


def test_many_accounts_at_once(reference: Any) -> None:
    """None is lost from the list."""
    services = build(reference.settings, reference, Time().clock())
    reference.put_client(CLIENT)
    keys = []
    for number in range(6):
        identity = replace(IDENTITY, openid=f"o-{number}")
        for _ in range(AT_ONCE + 2):
            tokens = logins.by_identity(services, CLIENT, ("web",), identity)
            presented = sessions.parse(tokens.access_token)
            assert presented is not None
            keys.append(presented.key)
    outcomes = race([partial(ended, services, user_id) for user_id in {key.owner for key in keys}])
    assert refusals(outcomes) == {}
    assert {account.user_id for account in reference.list_ended()} == {key.owner for key in keys}
    assert not any(good(services, *keys))


def test_a_late_mark_takes_nothing_back(services: Services) -> None:
    """A mark is refused where a later one stands."""
    old = crowd(services)
    ended(services, old[0].owner)
    (mark,) = services.store.list_ended()
    with pytest.raises((Conflict, LingpaiError)):
        services.store.commit(SaveEnded((), (replace(mark, until=1),)))
    assert services.store.list_ended() == (mark,)
