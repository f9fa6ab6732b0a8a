"""The Python SDK against the running server: every call, its refusals, its faults on real sockets, its README."""

import asyncio
import contextlib
import hashlib
import io
import logging
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import lingpai_sdk
import pytest
from lingpai_sdk import (
    AsyncChallenge,
    AsyncLingpai,
    BadAnswer,
    Challenge,
    ConnectionFailed,
    Introspection,
    InvalidSession,
    Lingpai,
    NextStep,
    Refused,
    Role,
    Timeout,
    Tokens,
    UserCenter,
    digests,
)
from lingpai_sdk.dpop import DPoPKey
from lingpai_sdk.resource import AccessToken, AsyncVerifier, InsufficientScope, InvalidToken, Unavailable, Verifier

from tests.e2e.server import Server, serving
from tests.support.logs import LOGS
from tests.support.stores import ROOT

README = ROOT / "sdk" / "python" / "README.md"
PASSWORD = "correct horse battery"
NOWHERE = "x" * 22 + "." + "x" * 43

_BLOCK = re.compile(r"^```(python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def code_sent(server: Server, mobile: str) -> str:
    """The code of the last message to the number."""
    _, messages = server.get("/_local/sms")
    code: str = [message["code"] for message in messages if message["to"].endswith(mobile)][-1]
    return code


@pytest.fixture
def center(server: Server) -> Iterator[UserCenter]:
    """The client 23, whose dialect is usercenter."""
    with UserCenter(server.url, "23", "aaaa", language="en") as opened:
        yield opened


@pytest.fixture
def lingpai(server: Server) -> Iterator[Lingpai]:
    """The client standard-client."""
    with Lingpai(server.url, "standard-client", "standard-secret", language="en") as opened:
        yield opened


def hushed(tokens: Tokens) -> Tokens:
    """The tokens, which no log may show."""
    LOGS.hush("token", tokens.access_token)
    LOGS.hush("token", tokens.refresh_token or "")
    return tokens


def refused(call: Callable[[], object]) -> tuple[str, int]:
    """How the call was refused: code and HTTP status."""
    with pytest.raises(Refused) as caught:
        call()
    return caught.value.code, caught.value.status


# --- UserCenter ------------------------------------------------------------------------------------------


def test_usercenter(center: UserCenter) -> None:
    """Log in by digests, check, ask who it is, refresh, lend, destroy."""
    before = datetime.now(UTC)
    first = hushed(center.create_access_token("alice", *digests(PASSWORD)))
    assert 86398 <= first.expires_in <= 86400  # a second may begin on the way
    assert abs(first.expires_at - before - timedelta(seconds=86400)) < timedelta(seconds=10)
    assert center.check_oauth_token(first.access_token) == "success"

    user = center.get_user_by_token(first.access_token)
    assert (user.username, user.phone, user.open_id, user.roles) == ("alice", "13312341234", None, (Role(2, "user"),))
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", user.created)

    assert first.refresh_token is not None
    second = hushed(center.refresh_access_token(first.refresh_token))
    assert second.refresh_token not in {None, first.refresh_token}
    again = center.refresh_access_token(first.refresh_token)
    assert (again.access_token, again.refresh_token) == (second.access_token, second.refresh_token)

    temporary = center.gen_token_by_access_token(second.access_token)
    LOGS.hush("token", temporary)
    assert center.get_user_by_token(temporary) == user
    assert refused(lambda: center.gen_token_by_access_token(temporary)) == ("refused", 200)

    assert center.destroy_access_token(second.access_token) == "success"
    assert center.destroy_access_token(NOWHERE) == "success"
    for token in (first.access_token, second.access_token, temporary):
        assert refused(lambda token=token: center.check_oauth_token(token)) == ("refused", 200)  # type: ignore[misc]
    assert refused(lambda: center.refresh_access_token(second.refresh_token or "")) == ("refused", 200)


def test_usercenter_by_code(server: Server, center: UserCenter) -> None:
    """A number logs in by the code that was sent to it, once."""
    mobile = "13900139001"
    with Lingpai(server.url, "23") as sender:
        sender.send_code(mobile)
    code = code_sent(server, mobile)
    tokens = hushed(center.create_access_token_by_validate_code(mobile, code))
    assert center.get_user_by_token(tokens.access_token).phone == mobile
    assert refused(lambda: center.create_access_token_by_validate_code(mobile, code)) == ("refused", 200)


def test_usercenter_refusals(server: Server, center: UserCenter) -> None:
    """One text for a wrong password, one wrong digest and an unknown name; every call refuses a bad token."""
    md5, sha = digests(PASSWORD)
    calls: list[Callable[[], object]] = [
        lambda: center.create_access_token("alice", *digests("not her password")),
        lambda: center.create_access_token("alice", md5, "f" * 40),
        lambda: center.create_access_token("alice", "f" * 32, sha),
        lambda: center.create_access_token("nobody", md5, sha),
    ]
    said = set()
    for call in calls:
        with pytest.raises(Refused) as caught:
            call()
        said.add((caught.value.code, caught.value.description, caught.value.status, caught.value.retry_after))
    assert said == {("refused", "Bad credentials", 200, None)}
    assert refused(lambda: center.check_oauth_token(NOWHERE)) == ("refused", 200)
    assert refused(lambda: center.get_user_by_token(NOWHERE)) == ("refused", 200)
    assert refused(lambda: center.gen_token_by_access_token(NOWHERE)) == ("refused", 200)
    assert refused(lambda: center.refresh_access_token(NOWHERE)) == ("refused", 200)
    with UserCenter(server.url, "no such client") as stranger:
        assert refused(lambda: stranger.create_access_token("alice", md5, sha)) == ("refused", 200)
    # A body like this one carries no secret: it never opens a client that has one.
    with UserCenter(server.url, "standard-client") as confidential:
        assert refused(lambda: confidential.create_access_token("alice", md5, sha)) == ("invalid_client", 401)


def test_digests() -> None:
    """They are what the published interface names: MD5 and SHA-1 in lower-case hex."""
    expected = (
        hashlib.md5(PASSWORD.encode(), usedforsecurity=False).hexdigest(),
        hashlib.sha1(PASSWORD.encode(), usedforsecurity=False).hexdigest(),
    )
    assert digests(PASSWORD) == expected


# --- Lingpai ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("client", "secret", "seconds", "scope"),
    [
        ("standard-client", "standard-secret", 3600, ("read", "write")),
        ("web-client", "web-secret", 15 * 86400, ("web",)),
        ("django-app", "django-secret", 7 * 86400, ("read", "write", "groups")),
        ("2", "passport-secret", 365 * 86400, ()),
    ],
)
def test_password_in_each_dialect(
    server: Server, client: str, secret: str, seconds: int, scope: tuple[str, ...]
) -> None:
    """The account is one, whichever client asks; what a wrong password is called is the dialect's."""
    with Lingpai(server.url, client, secret) as opened:
        tokens = hushed(opened.password("alice", PASSWORD))
        assert seconds - 2 <= tokens.expires_in <= seconds  # a second may begin on the way
        assert tokens.scope == scope
        with UserCenter(server.url, "23") as center:
            user = center.get_user_by_token(tokens.access_token)
        assert user.username == "alice"
        wrong = ("invalid_credentials", 401) if client == "2" else ("invalid_grant", 400)
        assert refused(lambda: opened.password("alice", "not her password")) == wrong
        assert opened.introspect(tokens.access_token).sub == str(user.id)
        opened.revoke(tokens.access_token)
        assert refused(lambda: opened.current_user(tokens.access_token)) == ("invalid_token", 401)
    with Lingpai(server.url, client, "not the secret") as opened:
        assert refused(lambda: opened.password("alice", PASSWORD)) == ("invalid_client", 401)


def test_refresh(lingpai: Lingpai) -> None:
    """It narrows, never widens, and repeats its answer within the grace time."""
    first = hushed(lingpai.password("alice", PASSWORD))
    assert first.refresh_token is not None
    refresh_token = first.refresh_token
    assert refused(lambda: lingpai.refresh(refresh_token, scope="read admin")) == ("invalid_scope", 400)
    second = hushed(lingpai.refresh(refresh_token, scope=["read"]))
    assert second.scope == ("read",)
    again = lingpai.refresh(refresh_token)
    assert (again.access_token, again.refresh_token) == (second.access_token, second.refresh_token)
    assert refused(lambda: lingpai.refresh(NOWHERE)) == ("invalid_grant", 400)


def test_introspect_and_revoke(server: Server, lingpai: Lingpai) -> None:
    """What a token is good for; and that both of a pair end with either."""
    tokens = hushed(lingpai.password("alice", PASSWORD, scope="read lingpai:account"))
    assert tokens.refresh_token is not None
    found = lingpai.introspect(tokens.access_token)
    assert (found.active, found.client_id, found.scope, found.token_type, found.issuer) == (
        True,
        "standard-client",
        ("read", "lingpai:account"),
        "Bearer",
        server.url,
    )
    assert found.sub == str(lingpai.current_user(tokens.access_token).id)
    assert found.expires_at is not None
    assert abs(found.expires_at - tokens.expires_at) < timedelta(seconds=5)
    assert lingpai.introspect(tokens.refresh_token).token_type is None
    assert lingpai.introspect(NOWHERE) == Introspection(active=False)

    with Lingpai(server.url, "web-client", "web-secret") as other:
        assert refused(lambda: other.revoke(tokens.access_token)) == ("invalid_grant", 400)
    with Lingpai(server.url, "23") as public:
        assert refused(lambda: public.introspect(tokens.access_token)) == ("invalid_client", 401)
    assert lingpai.introspect(tokens.access_token).active
    lingpai.revoke(tokens.refresh_token)
    lingpai.revoke(tokens.refresh_token)
    assert lingpai.introspect(tokens.access_token) == lingpai.introspect(tokens.refresh_token)
    assert not lingpai.introspect(tokens.access_token).active


def test_client_credentials(server: Server, lingpai: Lingpai) -> None:
    with Lingpai(server.url, "machine-client", "machine-secret") as machine:
        tokens = hushed(machine.client_credentials(scope="lingpai:admin"))
        assert tokens.refresh_token is None
        assert machine.introspect(tokens.access_token).sub == "machine-client"
        assert refused(lambda: machine.current_user(tokens.access_token)) == ("access_denied", 403)
        assert refused(lambda: machine.password("alice", PASSWORD)) == ("unauthorized_client", 400)
    assert refused(lambda: lingpai.client_credentials(scope="no-such-scope")) == ("invalid_scope", 400)


def test_mobile_code(server: Server, lingpai: Lingpai) -> None:
    """Send, verify, log in, and not twice."""
    mobile = "13900139002"
    lingpai.send_code(mobile)
    with pytest.raises(Refused) as caught:
        lingpai.send_code(mobile)
    assert (caught.value.code, caught.value.status) == ("too_many_requests", 429)
    assert caught.value.retry_after is not None
    assert 0 < caught.value.retry_after <= 60
    code = code_sent(server, mobile)
    lingpai.verify_code(mobile, code)
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    assert refused(lambda: lingpai.verify_code(mobile, wrong)) == ("bad_request", 400)
    tokens = hushed(lingpai.mobile_code(mobile, code, scope="lingpai:account"))
    assert lingpai.current_user(tokens.access_token).username == mobile
    assert refused(lambda: lingpai.mobile_code(mobile, code)) == ("invalid_grant", 400)
    assert refused(lambda: lingpai.send_code("12")) == ("bad_request", 400)


def test_sign(lingpai: Lingpai) -> None:
    """The same word is the same account."""
    tokens = [hushed(lingpai.sign("openid-of-the-sdk", scope="lingpai:account")) for _ in range(2)]
    assert len({lingpai.current_user(pair.access_token).id for pair in tokens}) == 1


def test_metadata(server: Server, lingpai: Lingpai) -> None:
    found = lingpai.metadata()
    assert found.issuer == server.url
    assert found.token_endpoint == f"{server.url}/oauth/token"
    assert "urn:lingpai:grant:sign" in found.grant_types
    elsewhere = server.url.replace("127.0.0.1", "localhost")
    with Lingpai(elsewhere, "shop") as opened, pytest.raises(BadAnswer, match="the metadata is of the issuer"):
        opened.metadata()


def test_language(server: Server) -> None:
    """Chinese by default."""
    with Lingpai(server.url, "standard-client", "standard-secret") as opened, pytest.raises(Refused) as caught:
        opened.send_code("12")
    assert caught.value.description == "手机号无效"


def test_not_lingpai(server: Server) -> None:
    """An address that leads elsewhere is told by its status."""
    with Lingpai(f"{server.url}/somewhere", "standard-client", "standard-secret") as opened:
        assert refused(lambda: opened.password("alice", PASSWORD)) == ("not_found", 404)


def test_at_once(lingpai: Lingpai, center: UserCenter) -> None:
    """Threads share the objects, the connections and one refresh token."""
    tokens = hushed(lingpai.password("alice", PASSWORD, scope="lingpai:account"))
    assert tokens.refresh_token is not None
    refresh_token = tokens.refresh_token
    with ThreadPoolExecutor(8) as pool:
        names = pool.map(lambda _: lingpai.current_user(tokens.access_token).username, range(16))
        words = pool.map(lambda _: center.check_oauth_token(tokens.access_token), range(16))
        pairs = pool.map(lambda _: hushed(lingpai.refresh(refresh_token)), range(8))
        assert (set(names), set(words)) == ({"alice"}, {"success"})
        assert len({pair.refresh_token for pair in pairs}) == 1


def test_nothing_secret_is_logged(
    server: Server, lingpai: Lingpai, center: UserCenter, caplog: pytest.LogCaptureFixture
) -> None:
    """Not by the SDK, nor by httpx and its parts, at any level; nor by the server."""
    caplog.set_level(logging.DEBUG)
    first = center.create_access_token("alice", *digests(PASSWORD))
    second = lingpai.refresh(lingpai.password("alice", PASSWORD, scope="lingpai:account").refresh_token or "")
    user = lingpai.current_user(second.access_token)
    with pytest.raises(Refused):
        lingpai.password("alice", "not her password")
    assert "oauth/token" in caplog.text
    tokens = [token for pair in (first, second) for token in (pair.access_token, pair.refresh_token or "")]
    secrets = [*tokens, *digests(PASSWORD), PASSWORD, "not her password", "standard-secret"]
    shown = caplog.text + server.printed.partition("Ctrl-C stops it\n")[2] + repr((first, user))
    assert [secret for secret in secrets if secret in shown] == []


# --- challenge -------------------------------------------------------------------------------------------


def test_challenge(server: Server) -> None:
    """A code that was sent, wrong and right; a password; tokens that are bound to a key, and an API that takes them."""
    mobile, key = "13900139010", DPoPKey()
    with Lingpai(server.url, "mobile-app", language="en") as app:
        challenge = app.challenge("profile", dpop_key=key)
        assert challenge.send_code(mobile).next == ("code", "mobile")
        code = code_sent(server, mobile)
        with pytest.raises(Refused) as caught:
            challenge.enter_code(f"{(int(code) + 1) % 1_000_000:06d}")
        assert (caught.value.code, caught.value.status, caught.value.reason) == ("invalid_grant", 400, "bad_code")
        tokens = challenge.enter_code(code)
        assert isinstance(tokens, Tokens)
        hushed(tokens)
        with pytest.raises(InvalidSession):
            challenge.enter_code(code)
        assert tokens.refresh_token is not None
        tokens = hushed(app.refresh(tokens.refresh_token, dpop_key=key))
    _, told = server.post("/oauth/introspect", form={"token": tokens.access_token}, basic="notes-api:notes-api-secret")
    assert (told["active"], told["scope"], told["amr"], told["cnf"]) == (True, "profile", ["sms"], {"jkt": key.jkt})
    api, client = "https://orders.example.com", ("notes-api", "notes-api-secret")
    with Verifier(server.url, server.url, introspect=client, base_url=api) as verifier:
        proof = key.proof("GET", f"{api}/orders", tokens.access_token)
        authorization = f"DPoP {tokens.access_token}"
        found = verifier.verify_request(authorization, method="GET", path="/orders", proof=proof, scopes=["profile"])
        assert (found.client_id, found.jkt) == ("mobile-app", key.jkt)


def test_challenge_asynchronously(server: Server) -> None:
    """Several at once, by one client."""

    async def log_in(app: AsyncLingpai, password: str) -> Tokens | NextStep:
        return await app.challenge("profile", dpop_key=DPoPKey()).password("alice", password)

    async def run() -> list[Tokens | NextStep]:
        async with AsyncLingpai(server.url, "mobile-app") as app:
            with pytest.raises(Refused):
                await log_in(app, "not her password")
            return await asyncio.gather(*(log_in(app, PASSWORD) for _ in range(4)))

    found = [hushed(tokens) for tokens in asyncio.run(run()) if isinstance(tokens, Tokens)]
    assert len({tokens.access_token for tokens in found}) == 4


# --- resource --------------------------------------------------------------------------------------------


def test_verify_signed(server: Server) -> None:
    """A Passport token, by the published keys. It is for its client alone."""
    with Lingpai(server.url, "2", "passport-secret") as passport, Verifier(server.url, "2") as verifier:
        tokens = hushed(passport.password("alice", PASSWORD))
        found = verifier.verify(tokens.access_token)
        assert (found.client_id, found.audience, found.scopes) == ("2", ("2",), ())
        assert abs(found.expires_at - tokens.expires_at) < timedelta(seconds=5)
        with pytest.raises(InsufficientScope):
            verifier.verify(tokens.access_token, scopes=["read"])
        with pytest.raises(InvalidToken, match="invalid"):
            verifier.verify(tokens.access_token[:-6] + "AAAAAA")
    with Verifier(server.url, server.url) as elsewhere, pytest.raises(InvalidToken, match="not for this API"):
        elsewhere.verify(tokens.access_token)


def test_verify_opaque(server: Server, lingpai: Lingpai, center: UserCenter) -> None:
    """By introspection: no refresh token, though it is active for its own client; no temporary or revoked one."""
    client = ("standard-client", "standard-secret")
    with Verifier(server.url, server.url, introspect=client, cache_ttl=0) as verifier:
        tokens = hushed(lingpai.password("alice", PASSWORD, scope="read"))
        found = verifier.verify(tokens.access_token, scopes=["read"])
        assert (found.client_id, found.scopes, found.audience) == ("standard-client", ("read",), (server.url,))
        assert found.claims["sub_type"] == "user"
        assert lingpai.introspect(tokens.refresh_token or "").active
        with pytest.raises(InvalidToken, match="not an access token"):
            verifier.verify(tokens.refresh_token or "")

        parent = hushed(center.create_access_token("alice", *digests(PASSWORD))).access_token
        temporary = center.gen_token_by_access_token(parent)
        LOGS.hush("token", temporary)
        assert verifier.verify(parent).subject == found.subject
        with pytest.raises(InvalidToken, match="not an access token"):
            verifier.verify(temporary)

        lingpai.revoke(tokens.access_token)
        with pytest.raises(InvalidToken, match="expired"):
            verifier.verify(tokens.access_token)
    with Verifier(server.url, server.url, introspect=(client[0], "wrong")) as wrong, pytest.raises(Unavailable):
        wrong.verify(parent)


def test_verify_asynchronously(server: Server, lingpai: Lingpai) -> None:
    """Both kinds, many at once."""
    opaque = hushed(lingpai.password("alice", PASSWORD, scope="read")).access_token
    with Lingpai(server.url, "2", "passport-secret") as passport:
        signed = hushed(passport.password("alice", PASSWORD)).access_token

    async def run() -> list[AccessToken]:
        client = ("standard-client", "standard-secret")
        async with AsyncVerifier(server.url, ["2", server.url], introspect=client) as verifier:
            return await asyncio.gather(*(verifier.verify(token) for token in [opaque, signed] * 10))

    assert {found.client_id for found in asyncio.run(run())} == {"2", "standard-client"}


# --- faults on real sockets ------------------------------------------------------------------------------


@contextlib.contextmanager
def answering(*answers: bytes | None) -> Iterator[tuple[str, list[bytes]]]:
    """A server of raw bytes, one answer a connection; None says nothing until the client goes. Its requests, too."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            for answer in answers:
                connection, _ = listening.accept()
                with connection:
                    asked.append(whole(connection))
                    if answer is None:
                        connection.settimeout(10)
                        while connection.recv(65536):
                            pass
                    else:
                        connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}", asked
        finally:
            thread.join(timeout=20)
    assert not thread.is_alive()


def whole(connection: socket.socket) -> bytes:
    """The request, read to its end."""
    got = b""
    while b"\r\n\r\n" not in got:
        got += connection.recv(65536)
    head, _, body = got.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: *([0-9]+)", head)
    while length and len(body) < int(length[1]):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def http(status: str, body: bytes, *headers: str, length: int | None = None) -> bytes:
    """An answer as it goes over the wire."""
    length = len(body) if length is None else length
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {length}", "Connection: close", *headers])
    return head.encode() + b"\r\n\r\n" + body


GOOD = http("200 OK", b'{"access_token":"a","token_type":"Bearer","expires_in":60,"refresh_token":"b"}')


def test_connection_refused() -> None:
    """Nobody listens: every call may be repeated, and the error says so."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    start = time.monotonic()
    with Lingpai(url, "shop") as opened, pytest.raises(ConnectionFailed, match="refused") as caught:
        opened.mobile_code("13900139003", "123456")
    assert not caught.value.sent
    assert time.monotonic() - start > 0.3  # two pauses, of 0.1 and 0.2 s at least


def test_cut_connection() -> None:
    """A password is sent once; a refresh again, with the same token."""
    with answering(b"") as (url, asked), Lingpai(url, "shop") as opened:
        with pytest.raises(ConnectionFailed) as caught:
            opened.password("alice", PASSWORD)
        assert caught.value.sent
    assert len(asked) == 1
    cut = http("200 OK", b'{"access_token":"a', length=70)
    with answering(b"", cut, GOOD) as (url, asked), Lingpai(url, "shop") as opened:
        assert opened.refresh("the-same").access_token == "a"
    assert len(asked) == 3
    assert all(b"refresh_token=the-same" in request for request in asked)


def test_no_answer() -> None:
    """A server that says nothing is given up, once for a code."""
    with (
        answering(None) as (url, asked),
        Lingpai(url, "shop", timeout=0.3) as opened,
        pytest.raises(Timeout, match="no answer in time"),
    ):
        opened.mobile_code("13900139003", "123456")
    assert len(asked) == 1
    with answering(None, GOOD) as (url, asked), Lingpai(url, "shop", timeout=0.3) as opened:
        assert opened.refresh("the-same").refresh_token == "b"
    assert len(asked) == 2


def test_unavailable_for_a_while() -> None:
    """A 503 that says when to come back is waited for."""
    busy = http("503 Service Unavailable", b'{"error":"temporarily_unavailable"}', "Retry-After: 1")
    start = time.monotonic()
    with answering(busy, GOOD) as (url, asked), Lingpai(url, "shop") as opened:
        assert opened.password("alice", PASSWORD).access_token == "a"
    assert len(asked) == 2
    assert time.monotonic() - start >= 1


def test_redirect() -> None:
    """What is sent goes to one address alone."""
    away = http("307 Temporary Redirect", b"", "Location: https://elsewhere.example/")
    with answering(away) as (url, asked), Lingpai(url, "shop") as opened, pytest.raises(BadAnswer):
        opened.password("alice", PASSWORD)
    assert len(asked) == 1


# --- README ----------------------------------------------------------------------------------------------


def blocks() -> list[tuple[str, str]]:
    """The blocks of the section `Quick tour`, each with what it prints."""
    _, _, section = README.read_text("utf-8").partition("## Quick tour\n")
    found = _BLOCK.findall(section.partition("\n## ")[0])
    assert [kind for kind, _ in found] == ["python", "text"] * (len(found) // 2)
    texts = [text for _, text in found]
    return list(zip(texts[::2], texts[1::2], strict=True))


def test_readme(tmp_path: Path) -> None:
    """Each block of the tour runs as it stands, after those before it, and prints what stands below it."""
    tour = blocks()
    assert len(tour) >= 6
    with serving(tmp_path) as server, contextlib.ExitStack() as opened:
        names: dict[str, object] = {"__name__": "tour", "input": lambda _: code_sent(server, "13800138000")}
        for source, expected in tour:
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(source.replace("http://127.0.0.1:3000", server.url), str(README), "exec"), names)  # noqa: S102 (our own page)
            pattern = ".*".join(re.escape(part) for part in expected.split("…"))
            assert re.fullmatch(pattern, printed.getvalue()), f"{source}\n{printed.getvalue()}is not\n{expected}"
        for client in names.values():
            if isinstance(client, Lingpai | UserCenter):
                opened.callback(client.close)


def test_readme_names_everything() -> None:
    """Each method stands in its class's table and in that of repeats, each exception in that of errors."""
    page = README.read_text("utf-8")
    methods = {name for kind in (Lingpai, UserCenter) for name in vars(kind) if not name.startswith("_")}
    assert [name for name in methods if f"| `{name}(" not in page or f"`{name}`" not in page] == []
    steps = {name for name in vars(Challenge) if not name.startswith("_")}
    assert [name for name in steps if f"| `{name}(" not in page] == []
    assert steps == {name for name in vars(AsyncChallenge) if not name.startswith("_")}
    errors = {
        name for name, kind in vars(lingpai_sdk).items() if isinstance(kind, type) and issubclass(kind, Exception)
    }
    assert [name for name in errors if f"| `{name}` |" not in page] == []
