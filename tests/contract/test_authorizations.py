"""Authorization codes and pushed requests: their writes, alone and with others, on every store."""

from dataclasses import replace

import pytest

from lingpai.accounts.storage import PutIdentity
from lingpai.authorization.model import AuthorizationCode, Login, PushedRequest
from lingpai.authorization.storage import (
    PutAuthorizationCode,
    PutPushedRequest,
    UseAuthorizationCode,
    UsePushedRequest,
)
from lingpai.kernel.writes import Conflict, Write
from lingpai.sessions.model import SessionKey
from lingpai.sessions.storage import CheckSession, EndSession, PutSession
from tests.support.samples import NOW, WholeStore, a_session, hashed

CODE = AuthorizationCode(
    digest=hashed("code"),
    client_id="web-app",
    redirect_uri="https://app.example/callback?x=1",
    code_challenge="c" * 43,
    scope=("openid", "read"),
    resource=("https://api.example",),
    nonce="n",
    login=Login(7, ("pwd", "sms"), NOW - 100, SessionKey(7, b"browser1"), NOW - 90, sid="a sid"),
    opens=SessionKey(7, b"session1"),
    salt=hashed("salt"),
    expires_at=NOW + 60,
    epoch=NOW - 1000,
    jkt="a key",
)
BARE = replace(
    CODE,
    digest=hashed("bare"),
    scope=(),
    resource=(),
    nonce=None,
    epoch=0,
    jkt=None,
    login=replace(CODE.login, sid=None),
)
PUSHED = PushedRequest(hashed("pushed"), "web-app", (("scope", "openid"), ("resource", "a"), ("resource", "b")), NOW)
BYSTANDER = PutIdentity("username:bystander", 99)


@pytest.mark.parametrize("others", [(), (BYSTANDER,)], ids=["alone", "with another"])
def test_what_is_put_is_found(store: WholeStore, others: tuple[Write, ...]) -> None:
    for code in (CODE, BARE):
        assert store.get_authorization_code(code.digest) is None
        store.commit(PutAuthorizationCode(code), *others)
        assert store.get_authorization_code(code.digest) == code
        others = ()
    store.commit(PutPushedRequest(PUSHED))
    assert store.get_pushed_request(PUSHED.digest) == PUSHED
    assert store.get_pushed_request(hashed("other")) is None


def test_what_is_put_twice_is_put_once(store: WholeStore) -> None:
    """As when an answer was lost."""
    for write in (PutAuthorizationCode(CODE), PutPushedRequest(PUSHED)):
        store.commit(write)
        store.commit(write)
    assert store.get_authorization_code(CODE.digest) == CODE
    assert store.get_pushed_request(PUSHED.digest) == PUSHED


@pytest.mark.security("ASVS-10.4.2", "ASVS-10.4.3")
@pytest.mark.parametrize("others", [(), (BYSTANDER,)], ids=["alone", "with another"])
def test_a_code_is_used_once_and_in_time(store: WholeStore, others: tuple[Write, ...]) -> None:
    def refused(write: Write) -> None:
        with pytest.raises(Conflict) as failed:
            store.commit(write, *others)
        assert failed.value.write == write
        assert store.find_user_id(BYSTANDER.key) is None

    refused(UseAuthorizationCode(CODE.digest, NOW))
    store.commit(PutAuthorizationCode(CODE))
    refused(UseAuthorizationCode(CODE.digest, CODE.expires_at))
    assert store.get_authorization_code(CODE.digest) == CODE
    store.commit(UseAuthorizationCode(CODE.digest, NOW + 5))
    assert store.get_authorization_code(CODE.digest) == replace(CODE, used_at=NOW + 5)
    refused(UseAuthorizationCode(CODE.digest, NOW + 6))
    assert store.get_authorization_code(CODE.digest) == replace(CODE, used_at=NOW + 5)


def test_a_pushed_request_is_used_once(store: WholeStore) -> None:
    write = UsePushedRequest(PUSHED.digest)
    for _ in range(2):
        with pytest.raises(Conflict) as failed:
            store.commit(BYSTANDER, write)
        assert failed.value.write == write
        store.commit(PutPushedRequest(PUSHED))
        store.commit(write)
        assert store.get_pushed_request(PUSHED.digest) is None


def test_a_session_is_checked(store: WholeStore) -> None:
    for number in range(2):
        session = a_session(1, number)
        with pytest.raises(Conflict) as failed:
            store.commit(BYSTANDER, CheckSession(session.key))
        assert failed.value.write == CheckSession(session.key)
        assert store.find_user_id(BYSTANDER.key) is None
        store.commit(PutSession(session, NOW + 6000))
        store.commit(CheckSession(session.key))
        assert store.get_session(session.key) == session
        store.commit(EndSession(session.key))
        with pytest.raises(Conflict):
            store.commit(BYSTANDER, CheckSession(session.key))
