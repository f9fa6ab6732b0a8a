"""Answers that are lost on the way: what was done is not done twice, and is told truly."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from lingpai.accounts import identities, roles
from lingpai.accounts import service as accounts
from lingpai.accounts.model import RoleBook, User
from lingpai.accounts.storage import (
    ChangeUser,
    DeleteIdentity,
    DeleteUser,
    DisableUser,
    EnableUser,
    EndOpened,
    PutIdentity,
    PutUser,
)
from lingpai.authentication import factors, password_change
from lingpai.aws.json_client import JsonClient
from lingpai.bootstrap import build
from lingpai.clients.model import EndedAccount
from lingpai.clients.service import new_client
from lingpai.clients.storage import SaveEnded
from lingpai.identity_providers.model import Identity
from lingpai.kernel.errors import LingpaiError
from lingpai.kernel.writes import Conflict, Write
from lingpai.outbound.connections import Answer
from lingpai.passwords import service as passwords
from lingpai.services import Services
from lingpai.sessions import rotation
from lingpai.sessions import service as sessions
from lingpai.sessions.model import Session, TokenSet
from lingpai.sessions.storage import EndSession, PutSession, Rotated
from lingpai.sms.senders.console import ConsoleSender
from lingpai.sms_codes import service as sms_codes
from lingpai.sms_codes.model import Presenter
from lingpai.store import DynamoStore
from tests.support import logins, stores
from tests.support.samples import (
    NOW,
    NUMBER,
    a_client,
    a_code,
    a_guess,
    a_rotation,
    a_session,
    a_user,
    consume,
    hashed,
    open_sessions,
)
from tests.support.time import Time

CLIENT = new_client("web-client", "spring", "web-secret", scopes=("web",), sign_provider="trusted")
HERE = Presenter(CLIENT, "192.0.2.1")
OPENID = Identity("trusted", "default", "o-1")
OLD, NEW = "correct horse battery", "battery staple correct"
ALICE = a_user()
ATTEMPTS = 3


@dataclass
class Line:
    """The line to DynamoDB: of the next `lose` requests the answer does not come back, though they are carried out."""

    lose: int = 0
    lost: int = 0
    # Of this operation alone.
    only: str = ""
    # The next so many requests do not arrive, until somebody calls what `delayed` keeps of them.
    delay: int = 0
    delayed: list[Callable[[], object]] = field(default_factory=list)

    def listen(self, client: Any) -> None:
        """Stand between this client, of either kind, and DynamoDB: before each request, repeated ones included."""
        if not isinstance(client, JsonClient):
            session = client._endpoint.http_session
            client.meta.events.register(
                "before-send.dynamodb.*",
                lambda request, **_: self._carry(
                    request.headers["X-Amz-Target"].decode(), lambda: session.send(request).content
                ),
            )
            return
        post = client.pool.post

        def carried(headers: Mapping[str, str], body: bytes, until: float, largest: int) -> Answer:
            self._carry(headers["x-amz-target"], lambda: post(headers, body, until, largest))
            return post(headers, body, until, largest)

        client.pool.post = carried  # type: ignore[method-assign]

    def _carry(self, target: str, send: Callable[[], object]) -> None:
        """Send it, and lose the answer, if that is to be lost."""
        if self.delay:
            self.delay -= 1
            self.delayed.append(send)
            raise ReadTimeoutError(endpoint_url="http://dynamodb")
        if self.lose and target.endswith(f".{self.only}" if self.only else ""):
            self.lose -= 1
            self.lost += 1
            assert send() is not None
            raise ReadTimeoutError(endpoint_url="http://dynamodb")


@dataclass
class Scene:
    """A store behind such a line, and the use cases on it."""

    store: DynamoStore
    line: Line
    services: Services
    time: Time

    def losing[T](self, call: Callable[[], T], answers: int = 1) -> T:
        """Make the call, whose first answers are lost."""
        self.line.lose, self.line.lost, self.line.only = answers, 0, ""
        try:
            return call()
        finally:
            assert self.line.lost == answers, "the call was not repeated"


@pytest.fixture(params=["bare", "botocore"])
def scene(request: pytest.FixtureRequest, dynamodb_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """On DynamoDB Local, since only that knows the tokens of transactions. Retries do not wait."""
    monkeypatch.setattr("time.sleep", lambda _: None)
    line = Line()
    with stores.on_dynamodb_local(dynamodb_endpoint, line.listen, transport=request.param) as store:
        time = Time()
        yield Scene(store, line, build(store.settings, store, time.clock()), time)


@pytest.mark.parametrize("company", [(), (PutIdentity("username:bystander", 99),)], ids=["alone", "with another"])
def test_a_write_whose_answer_was_lost_is_done_once(scene: Scene, company: tuple[Write, ...]) -> None:
    """Alone and with another: none is refused because it meets itself."""
    store = scene.store
    assert store.save_code(None, a_code(tries=2), NOW)
    session, ended = a_session(), EndedAccount(1, NOW, bytes(8))
    steps: list[tuple[Write, Callable[[], object], object]] = [
        (PutUser(ALICE), lambda: store.get_user(1), ALICE),
        (PutIdentity("username:alice", 1), lambda: store.find_user_id("username:alice"), 1),
        (ChangeUser(ALICE, a_user(roles=frozenset())), lambda: store.get_user(1), a_user(roles=frozenset())),
        (PutSession(session, NOW), lambda: store.get_session(session.key), session),
        (EndSession(session.key), lambda: store.get_session(session.key), None),
        (consume(), lambda: store.get_code(NUMBER), a_code(digest=None, expires_at=0, tries=1)),
        (EndOpened(1, NOW, 0), lambda: [user.ended_until for user in store.list_users(9, None).users], [NOW]),
        (SaveEnded((), (ended,)), store.list_ended, (ended,)),
        (SaveEnded((ended,), ()), store.list_ended, ()),
        (DisableUser(1), lambda: store.get_user(1), a_user(roles=frozenset(), disabled=True)),
        (EnableUser(1), lambda: store.get_user(1), a_user(roles=frozenset())),
        (DeleteIdentity("username:alice", 1), lambda: store.find_user_id("username:alice"), None),
        (DeleteUser(ALICE), lambda: store.get_user(1), None),
    ]
    for write, shown, expected in steps:
        scene.losing(partial(store.commit, write, *company))
        assert shown() == expected
        if company:
            store.commit(DeleteIdentity("username:bystander", 99))


def test_a_client_whose_answer_was_lost_is_written_once(scene: Scene) -> None:
    """The operator is told that it was created, or changed: else a secret that is good would never be shown."""
    before, after = a_client(), a_client(secret_hash=hashed("new"))
    assert scene.losing(partial(scene.store.create_client, before))
    assert scene.losing(partial(scene.store.change_client, before, after))
    assert scene.store.get_client(before.id) == after


def test_a_conflict_is_still_a_conflict(scene: Scene) -> None:
    """What fails at first fails again, and names the same write."""
    scene.store.commit(PutUser(ALICE), PutIdentity("username:alice", 1))
    other = PutUser(User(2, NOW))
    for writes, failed in (
        ((PutUser(ALICE),), 0),
        ((other, PutIdentity("username:alice", 2)), 1),
        ((other, ChangeUser(a_user(password="x"), a_user(password="y"))), 1),
    ):
        with pytest.raises(Conflict) as conflict:
            scene.losing(partial(scene.store.commit, *writes))
        assert conflict.value.write == writes[failed]
        assert scene.store.get_user(2) is None


def test_a_code_is_saved(scene: Scene) -> None:
    assert scene.losing(lambda: scene.store.save_code(None, a_code(), NOW))
    later = replace(a_code(), sent=(NOW, NOW + 60), digest=b"later")
    assert scene.losing(lambda: scene.store.save_code(a_code(), later, NOW))
    assert scene.store.get_code(NUMBER) == later
    other = replace(later, digest=b"other")
    assert not scene.losing(lambda: scene.store.save_code(a_code(), other, NOW)), "another was saved before"
    assert scene.store.get_code(NUMBER) == later


def test_a_message_is_sent_once(scene: Scene) -> None:
    """By the use case: its code is the one that is kept."""
    services = scene.services
    services.store.count_try(NUMBER, a_guess(services.clock.now(), 3600))
    scene.line.lose = 1
    sms_codes.send(services, sms_codes.SendRequest(NUMBER, CLIENT.id, "en"), "192.0.2.1")
    assert isinstance(services.sms, ConsoleSender)
    (message,) = services.sms.outbox
    tokens = logins.by_code(services, CLIENT, ("web",), NUMBER, message.code, HERE)
    assert tokens.user_id is not None


def test_roles_are_saved(scene: Scene) -> None:
    book = RoleBook(names=((1, "admin"),), next_id=2)
    assert scene.losing(lambda: scene.store.save_roles(book))
    assert not scene.losing(lambda: scene.store.save_roles(book)), "that version is gone"
    assert scene.store.directory().roles == replace(book, version=1)


def losing_the_write(scene: Scene, operation: str, call: Callable[[], Any]) -> Any:
    """Make the call; the first answer to this operation of DynamoDB is lost."""
    scene.line.lose, scene.line.lost, scene.line.only = 1, 0, operation
    try:
        return call()
    finally:
        assert scene.line.lost == 1, f"no {operation} was sent"


def test_the_use_cases_tell_the_truth(scene: Scene) -> None:
    """Whoever's write was done is told so, also where the answer to it was lost."""
    services, write = scene.services, "TransactWriteItems"
    user_id = losing_the_write(scene, write, lambda: accounts.register(services, "alice", OLD, "192.0.2.1"))
    assert identities.find_by_name(services, "alice") == user_id

    assert losing_the_write(scene, write, lambda: roles.save(services, "editor")) == 1
    losing_the_write(scene, write, lambda: roles.delete(services, 1))
    assert services.store.directory().roles.names == ()

    def log_in(password: str) -> Any:
        return logins.by_password(services, CLIENT, ("web",), "alice", password, "192.0.2.1")

    tokens = losing_the_write(scene, write, lambda: log_in(OLD))
    presented = sessions.parse(tokens.access_token)
    assert presented is not None
    assert services.store.sessions_of(user_id) == (presented.key,)
    losing_the_write(scene, write, lambda: password_change.change_password(services, user_id, OLD, NEW, presented.key))
    assert services.store.sessions_of(user_id) == (presented.key,)
    assert log_in(NEW).user_id == user_id

    losing_the_write(scene, write, lambda: factors.link(services, user_id, NUMBER, None, OPENID, HERE))
    assert identities.find_by_name(services, NUMBER) == user_id
    for _ in range(2):
        losing_the_write(scene, write, lambda: logins.by_identity(services, CLIENT, ("web",), OPENID))
    assert len(services.store.sessions_of(user_id)) == 4

    losing_the_write(scene, write, lambda: accounts.delete(services, user_id))
    again = accounts.register(services, "alice", NEW, "192.0.2.1")
    losing_the_write(scene, write, lambda: accounts.delete(services, again))
    assert services.store.list_users(10, None).users == ()
    assert identities.find_by_name(services, "alice") is None
    assert services.store.sessions_of(user_id) == ()


def test_a_refresh_gives_the_pair_that_was_stored(scene: Scene) -> None:
    """The repeated rotation is refused, since the secret is no longer current; the item tells what it became."""
    session = a_session()
    open_sessions(scene.store, [session])
    outcome = scene.losing(lambda: scene.store.rotate(a_rotation(session)))
    assert outcome == Rotated(False, scene.store.get_session(session.key))
    assert isinstance(outcome.session, Session)
    assert outcome.session.salt == a_rotation(session).salt

    services = scene.services
    first = logins.by_identity(services, CLIENT, ("web",), OPENID)
    second = scene.losing(lambda: rotation.refresh(services, CLIENT, first.refresh_token or "", None))
    assert sessions.check(services.store, second.access_token, services.clock.now(), grace=0).client_id == CLIENT.id
    third = scene.losing(lambda: rotation.refresh(services, CLIENT, second.refresh_token or "", None))
    assert len({first, second, third}) == 3


@pytest.mark.security("F16")
def test_a_store_that_loses_answers_for_40_seconds_logs_nobody_out(scene: Scene) -> None:
    """The rotation is done at once, but nobody hears of it: each retry is a 503, until one gets the pair."""
    services = scene.services
    first = logins.by_identity(services, CLIENT, ("web",), OPENID)

    def refresh(token: str | None) -> TokenSet:
        return rotation.refresh(services, CLIENT, token or "", None)

    for _ in range(5):
        with pytest.raises(LingpaiError, match="store_unavailable"):
            scene.losing(partial(refresh, first.refresh_token), answers=ATTEMPTS)
        scene.time.advance(8)
    second = refresh(first.refresh_token)
    assert sessions.check(scene.store, second.access_token, services.clock.now(), grace=0).client_id == CLIENT.id
    assert refresh(second.refresh_token).refresh_token not in (first.refresh_token, second.refresh_token)


@pytest.mark.security("F16")
def test_a_slow_first_try_that_its_retry_overtook_changes_nothing(scene: Scene) -> None:
    """It arrives after the pair of the retry was used, and again after that."""
    services = scene.services
    first = logins.by_identity(services, CLIENT, ("web",), OPENID)
    scene.line.delay = 1
    second = rotation.refresh(services, CLIENT, first.refresh_token or "", None)
    (arrives,) = scene.line.delayed
    third = rotation.refresh(services, CLIENT, second.refresh_token or "", None)
    for _ in range(2):
        arrives()
        assert rotation.refresh(services, CLIENT, first.refresh_token or "", None) == third
        assert rotation.refresh(services, CLIENT, second.refresh_token or "", None) == third
    assert sessions.check(scene.store, third.access_token, services.clock.now(), grace=0).client_id == CLIENT.id


def test_limits_hold(scene: Scene) -> None:
    """A guess or a place is counted once."""
    store = scene.store
    assert scene.losing(lambda: store.increment("k", {"all": 10}, NOW).done)
    assert sum(store.increment("k", {"all": 10}, NOW).done for _ in range(20)) == 9
    assert scene.losing(lambda: store.count_try(NUMBER, a_guess(NOW, 60))).tries == 1
    assert scene.losing(lambda: store.count_try(NUMBER, a_guess(NOW, 60))).tries == 2


def test_no_answer_at_all_is_a_503_and_nothing_is_half_done(scene: Scene) -> None:
    """The client gives up; the account is there whole, as whoever asks again finds."""
    services = scene.services
    user = User(id=7, created_at=NOW, username="alice", password=passwords.hash_password(OLD, services.settings))
    with pytest.raises(LingpaiError) as refused:
        scene.losing(lambda: accounts.add(services, user), answers=ATTEMPTS)
    assert (refused.value.status, refused.value.retry_after) == (503, 1)
    assert (services.store.get_user(7), identities.find_by_name(services, "alice")) == (user, 7)
    with pytest.raises(LingpaiError, match="username_taken"):
        accounts.add(services, replace(user, id=8))
    assert services.store.get_user(8) is None
