"""OpenID Connect Back-Channel Logout 1.0: who is told of which session, by what, and what becomes of the answer."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import joserfc.jwt
import jwt as pyjwt
import pytest
from joserfc.jwk import KeySet

from lingpai.browser_sessions.model import BrowserSession
from lingpai.browser_sessions.storage import PutBrowserSession
from lingpai.clients.service import new_client
from lingpai.events.model import Event
from lingpai.kernel.errors import LingpaiError
from lingpai.sessions import access_tokens, id_tokens, jwt, logout_tokens, session_id
from lingpai.sessions.model import Session, SessionKey
from lingpai.sessions.storage import PutSession
from lingpai.webhooks import messages
from lingpai.webhooks.messages import LogoutMessage
from tests.support.fake_web import Call, Certificate, Reply, Web
from tests.support.webhooks import ISSUER, SHORT, Office, an_event, office, receiver

USER = 1000
BROWSER = SessionKey(USER, b"browser1")
SID = session_id.of(BROWSER)
EVENT = "http://schemas.openid.net/event/backchannel-logout"


@pytest.fixture
def web(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    with receiver(certificate, monkeypatch, 200) as running:
        yield running


def an_office(web: Web, **overrides: Any) -> Office:
    """With clients that are told (shop, blog), one that is not (quiet), and one that is disabled."""
    here = office(**overrides)
    for name, told in (("shop", True), ("blog", True), ("quiet", False), ("off", True)):
        uri = f"https://{web.host}/{name}/logout" if told else None
        client = new_client(name, "standard", name, backchannel_logout_uri=uri, id_token_alg="ES256")
        here.store.put_client(replace(client, disabled=name == "off"))
    return here


def log_in(here: Office, client_id: str, number: int, *, sid: str | None = SID, user: int = USER) -> SessionKey:
    """A session of the client."""
    key, now = SessionKey(user, number.to_bytes(8)), int(here.time.at)
    session = Session(key, client_id, ("openid",), now, now + 3600, bytes(32), now + 3600, ("openid",), sid=sid)
    here.store.commit(PutSession(session, now + 3600))
    return key


def log_in_a_browser(here: Office, key: SessionKey = BROWSER) -> None:
    """The browser session in which clients' sessions are opened."""
    now = int(here.time.at)
    here.store.commit(PutBrowserSession(BrowserSession(key, bytes(32), now, now, now + 60, now + 60, now), now + 60))


def ended(**data: Any) -> Event:
    """The end of a session."""
    return an_event(id="sessions-1-0", type="session.ended", subject=f"user:{USER}", data=data)


def told(here: Office, web: Web) -> set[tuple[str, str]]:
    """Client and `sid` of each logout that was told, as the clients read it."""
    assert here.deliver() == 0
    found = set()
    for call in web.calls:
        client_id = call.path.split("/")[1]
        claims = relied_on(here, call, client_id)
        found.add((client_id, claims["sid"]))
    assert len(found) == len(web.calls)
    return found


def relied_on(here: Office, call: Call, client_id: str) -> dict[str, Any]:
    """What a relying party makes of the call by section 2.6, with the published keys and two libraries."""
    assert (call.method, call.headers["content-type"]) == ("POST", "application/x-www-form-urlencoded")
    ((token,),) = parse_qs(call.body.decode(), strict_parsing=True).values()
    assert parse_qs(call.body.decode()).keys() == {"logout_token"}
    keys = {"keys": jwt.public_keys(here.services.services.keys.published())}
    header = pyjwt.get_unverified_header(token)
    key = pyjwt.PyJWKSet.from_dict(keys)[header["kid"]]
    claims: dict[str, Any] = pyjwt.decode(
        token,
        key,
        algorithms=[header["alg"]],
        audience=client_id,
        issuer=ISSUER,
        options={"require": ["iss", "aud", "iat", "exp", "jti", "events"]},
    )
    other = joserfc.jwt.decode(token, KeySet.import_key_set(keys), algorithms=["ES256", "RS256"])  # type: ignore[arg-type]
    joserfc.jwt.JWTClaimsRegistry(iss={"essential": True, "value": ISSUER}).validate(other.claims)
    assert (other.claims, other.header) == (claims, header)
    assert header["typ"] == "logout+jwt"
    assert claims["events"] == {EVENT: {}}
    assert "nonce" not in claims
    assert {"sub", "sid"} <= claims.keys()
    return claims


@pytest.mark.security("BCL-2.4", "BCL-2.5", "BCL-4")
@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
def test_a_client_is_told(web: Web, algorithm: str) -> None:
    here = an_office(web)
    shop = here.store.clients["shop"]
    here.store.put_client(replace(shop, id_token_alg=algorithm))
    here.enqueue(ended(client="shop", sid=SID))
    assert here.deliver() == 0
    (call,) = web.calls
    claims = relied_on(here, call, "shop")
    now = int(here.time.at)
    assert {**claims, "jti": ""} == {
        "iss": ISSUER,
        "sub": "1000",
        "aud": "shop",
        "iat": now,
        "exp": now + 120,
        "jti": "",
        "events": {EVENT: {}},
        "sid": SID,
    }
    assert len(claims["jti"]) == 22
    header = pyjwt.get_unverified_header(parse_qs(call.body.decode())["logout_token"][0])
    assert header.keys() == {"alg", "typ", "kid"}
    assert header["alg"] == algorithm


def test_who_is_not_to_be_told_is_not(web: Web) -> None:
    """A client without the address, a disabled one, one that is gone; a machine's own session; another event."""
    here = an_office(web)
    for client_id in ("quiet", "off", "gone"):
        here.enqueue(ended(client=client_id, sid=SID))
    here.enqueue(replace(ended(client="shop", sid=SID), subject="client:shop"))
    here.enqueue(replace(ended(client="shop", sid=SID), type="session.started"))
    here.enqueue(ended(client="shop"))
    assert here.due() == []


def test_a_logout_in_the_browser_tells_all_clients_of_it(web: Web) -> None:
    """And none of another browser, nor of another user."""
    here = an_office(web)
    other = session_id.of(SessionKey(USER, b"browser2"))
    for number, (client_id, sid) in enumerate((("shop", SID), ("blog", SID), ("quiet", SID), ("blog", other))):
        log_in(here, client_id, number, sid=sid)
    log_in(here, "shop", 9, user=2000)
    log_in_a_browser(here, SessionKey(USER, b"browser2"))
    here.enqueue(ended(sid=SID))
    assert told(here, web) == {("shop", SID), ("blog", SID)}


def test_a_browser_that_gets_a_new_session_is_still_logged_in(web: Web) -> None:
    """A second factor, or another login of the same user: the new session keeps the `sid`, and ends it when it ends."""
    here = an_office(web)
    log_in(here, "shop", 1)
    key, now = SessionKey(USER, b"browser2"), int(here.time.at)
    continued = BrowserSession(key, bytes(32), now, now, now + 60, now + 60, now, kept_sid=SID)
    here.store.commit(PutBrowserSession(continued, now + 60))
    here.enqueue(ended(sid=SID))
    assert here.due() == []
    here.store.end_sessions((key,))
    here.enqueue(ended(sid=SID))
    assert told(here, web) == {("shop", SID)}


def test_another_session_of_the_same_login_goes_on(web: Web) -> None:
    """A client that logs in anew and revokes the older tokens is not logged out; it is, when the last one ends."""
    here = an_office(web)
    key = log_in(here, "shop", 1)
    here.enqueue(ended(client="shop", sid=SID))
    assert here.due() == []
    here.store.end_sessions((key,))
    here.enqueue(ended(client="shop", sid=SID))
    assert told(here, web) == {("shop", SID)}


def test_a_session_of_no_browser_is_called_by_its_id(web: Web) -> None:
    here = an_office(web)
    own = session_id.of(SessionKey(USER, b"8 bytes."))
    here.enqueue(ended(session=own, client="shop", sid="", browser=False, why=""))
    assert told(here, web) == {("shop", own)}


def test_a_session_that_a_thief_has_used_ends_too(web: Web) -> None:
    here = an_office(web)
    here.enqueue(replace(ended(client="shop", sid=SID), type="session.reuse_found"))
    assert told(here, web) == {("shop", SID)}


@pytest.mark.parametrize("kind", ["sessions.ended", "user.disabled", "user.deleted"])
def test_the_end_of_all_sessions_tells_of_those_that_are_left(web: Web, kind: str) -> None:
    """Each that was deleted has an event of its own."""
    here = an_office(web)
    own = log_in(here, "shop", 1, sid=None)
    log_in(here, "blog", 2)
    log_in(here, "blog", 3)
    log_in(here, "quiet", 4)
    log_in_a_browser(here)
    here.enqueue(an_event(type=kind, subject=f"user:{USER}", data={}))
    assert told(here, web) == {("shop", session_id.of(own)), ("blog", SID)}


@pytest.mark.parametrize("kind", ["sessions.ended", "user.disabled"])
def test_the_end_of_all_sessions_tells_of_none_that_was_opened_later(web: Web, kind: str) -> None:
    """The event may be told late, as by `lingpai events redrive`, when the account is enabled again and in use."""
    here = an_office(web)
    at = int(here.time.at)
    before = log_in(here, "shop", 1, sid=None)
    here.time.advance(3600)
    log_in(here, "shop", 2, sid=None)
    log_in(here, "blog", 3)
    here.enqueue(an_event(type=kind, subject=f"user:{USER}", data={}, at=at))
    waiting = [messages.read(record["body"]) for record in here.due()]
    assert waiting == [LogoutMessage("users-100-0", "shop", USER, session_id.of(before))]


def test_the_end_of_a_clients_tokens_tells_nobody(web: Web) -> None:
    here = an_office(web)
    log_in(here, "shop", 1)
    for subject in ("client:shop", "deployment"):
        here.enqueue(an_event(type="sessions.ended", subject=subject, data={}))
    assert here.due() == []


@pytest.mark.security("BCL-2.5")
@pytest.mark.parametrize(
    ("status", "again"),
    [(200, 0), (204, 0), (400, 0), (410, 0), (201, 1), (302, 1), (401, 1), (404, 1), (500, 1), (503, 1)],
)
def test_what_becomes_of_the_answer(web: Web, status: int, again: int) -> None:
    """Section 2.8: 200 is a success, 400 a refusal; the specification has no other answers, so they may pass."""
    web.answer = lambda _: Reply(status, b"")
    here = an_office(web)
    here.enqueue(ended(client="shop", sid=SID))
    assert here.deliver() == again
    assert here.services.services.meter.counted == {  # type: ignore[attr-defined]
        "WebhooksDelivered" if status in (200, 204) else "WebhooksFailed": 1
    }


@pytest.mark.security("BCL-4")
def test_each_try_has_a_token_of_its_own(web: Web) -> None:
    """One of the first try would have expired, and a client may refuse a `jti` that it has seen."""
    here = an_office(web)
    web.answer = lambda _: Reply(503, b"")
    here.enqueue(ended(client="shop", sid=SID))
    assert here.deliver() == 1
    here.time.advance(6)
    web.answer = lambda _: Reply(200, b"")
    assert here.deliver() == 0
    first, second = (parse_qs(call.body.decode())["logout_token"][0] for call in web.calls)
    claims = [pyjwt.decode(token, options={"verify_signature": False}) for token in (first, second)]
    assert claims[0]["jti"] != claims[1]["jti"]
    assert claims[1]["iat"] - claims[0]["iat"] == 6
    assert {**claims[0], "jti": "", "iat": 0, "exp": 0} == {**claims[1], "jti": "", "iat": 0, "exp": 0}


def test_a_client_that_was_changed_meanwhile(web: Web) -> None:
    """What waits for a client that is disabled, or wants to be told no more, is dropped."""
    here = an_office(web)
    here.enqueue(ended(client="shop", sid=SID), ended(client="blog", sid=SID))
    here.store.put_client(replace(here.store.clients["shop"], backchannel_logout_uri=None))
    here.store.put_client(replace(here.store.clients["blog"], disabled=True))
    here.time.advance(61)
    assert here.deliver() == 0
    assert web.calls == []


def test_without_a_key_it_is_tried_again(web: Web) -> None:
    here = an_office(web)
    here.services.services.keys._store._keys = ()  # type: ignore[attr-defined]
    here.enqueue(ended(client="shop", sid=SID))
    assert here.deliver() == 1
    assert web.calls == []


def test_a_silent_client_is_tried_again(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver(certificate, monkeypatch, 200, mode="late") as silent:
        here = an_office(silent, **SHORT)
        here.enqueue(ended(client="shop", sid=SID))
        assert here.deliver() == 1


@pytest.mark.security("HOOK-ssrf")
def test_an_address_inside_is_not_called(web: Web) -> None:
    """A record may have a loopback address, for an app on a developer's machine."""
    here = an_office(web, webhook_loopback=False)
    here.enqueue(ended(client="shop", sid=SID))
    assert here.deliver() == 1
    assert web.connections == 0


@pytest.mark.security("BCL-2.4")
def test_a_logout_token_passes_for_no_other_token(web: Web) -> None:
    """Neither for an access token nor for an ID token, though the same keys sign all three."""
    here = an_office(web)
    services = here.services.services
    token = logout_tokens.sign(services, here.store.clients["shop"], USER, SID)
    for read in (jwt.verify, access_tokens.read, id_tokens.read_hint):
        with pytest.raises(LingpaiError) as refused:
            read(services, token)
        assert refused.value.status in (400, 401)
