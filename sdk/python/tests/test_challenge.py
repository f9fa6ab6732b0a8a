"""A login in the app's own forms: what each step sends, what it makes of each answer, what is sent again."""

import base64
import copy
import hashlib
import pickle
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from lingpai_sdk import (
    AsyncChallenge,
    AsyncLingpai,
    BadAnswer,
    Challenge,
    InvalidSession,
    Lingpai,
    LingpaiSDKError,
    NextStep,
    RedirectToWeb,
    Refused,
    Timeout,
    Tokens,
    TransportError,
)
from sdk_support import ACCESS, REFRESH, TOKENS, URL, Blocking, Server, form_of, status

BASIC = "Basic " + base64.b64encode(b"shop:shop-secret").decode()
SESSION, NEXT_SESSION = "auth-session-0001", "auth-session-0002"
CODE = "authorization-code-0001"
DONE = {"authorization_code": CODE}
OPTIONS = {"challenge": "Y2hhbGxlbmdl", "allowCredentials": []}
CAPTCHA = {"provider": "turnstile", "siteKey": "key-of-the-site"}
ANSWER = '{"id":"credential-0001"}'

# Each step, and the parameters that it sends.
STEPS: dict[str, tuple[Callable[[Any], Any], dict[str, str]]] = {
    "next_step": (lambda c: c.next_step(), {}),
    "send_code": (lambda c: c.send_code("13800138000"), {"mobile": "13800138000"}),
    "send_code with captcha": (
        lambda c: c.send_code("13800138000", captcha="the solution"),
        {"mobile": "13800138000", "captcha": "the solution"},
    ),
    "enter_code": (lambda c: c.enter_code("123456"), {"code": "123456"}),
    "password": (lambda c: c.password("mei", "plum-blossom"), {"username": "mei", "password": "plum-blossom"}),
    "wechat": (lambda c: c.wechat("the-js-code"), {"js_code": "the-js-code"}),
    "wechat with phone": (
        lambda c: c.wechat("the-js-code", phone_code="the-phone-code"),
        {"js_code": "the-js-code", "phone_code": "the-phone-code"},
    ),
    "id_token": (lambda c: c.id_token("the.id.token"), {"id_token": "the.id.token"}),
    "id_token with nonce": (
        lambda c: c.id_token("the.id.token", nonce="the-nonce"),
        {"id_token": "the.id.token", "id_token_nonce": "the-nonce"},
    ),
    "passkey_options": (lambda c: c.passkey_options(), {"passkey_options": "true"}),
    "passkey": (lambda c: c.passkey(ANSWER), {"passkey": ANSWER}),
    "passkey as an object": (lambda c: c.passkey({"id": "x"}), {"passkey": '{"id": "x"}'}),
    "totp": (lambda c: c.totp("654321"), {"totp": "654321"}),
    "recovery_code": (lambda c: c.recovery_code("recovery-0001"), {"recovery_code": "recovery-0001"}),
}
# Those that prove nothing, and so never give tokens.
ASKING = {"next_step", "send_code", "send_code with captcha", "passkey_options"}
SENT = tuple(value for _, fields in STEPS.values() for value in fields.values() if value not in {"mei", "true"})
SECRETS = (SESSION, NEXT_SESSION, CODE, ACCESS, REFRESH, "shop-secret", BASIC.removeprefix("Basic "), *SENT)

Client = Callable[..., Any]


@pytest.fixture(params=["blocking", "asyncio"])
def client(request: pytest.FixtureRequest, server: Server) -> Client:
    """Makes a client of either kind; the arguments are those of Lingpai."""

    def make(secret: str | None = "shop-secret", **options: Any) -> Any:
        if request.param == "blocking":
            return Lingpai(URL, "shop", secret, http_client=server.http, **options)
        return AsyncLingpai(URL, "shop", secret, http_client=server.async_http, **options)

    return make


@pytest.fixture
def begin(client: Client) -> Callable[..., Any]:
    """Begins a challenge; the arguments are those of `Lingpai.challenge`."""
    return lambda *arguments, **options: Blocking(client().challenge(*arguments, **options))


def insufficient(*following: str, **more: Any) -> httpx.Response:
    """The answer that asks for one of these parameters."""
    said = {"error": "insufficient_authorization", "error_description": "More is needed", "next": list(following)}
    return status(403, {**said, **more})


def with_session(*following: str, session: str = SESSION, **more: Any) -> httpx.Response:
    """The same, with an `auth_session`."""
    return insufficient(*following, auth_session=session, auth_session_expires_in=600, **more)


def refused(reason: str, **more: Any) -> httpx.Response:
    """The answer to a wrong factor."""
    return status(400, {"error": "invalid_grant", "error_description": "It is wrong", "reason": reason, **more})


# --- what is sent ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STEPS)
def test_first_request(server: Server, begin: Callable[..., Any], name: str) -> None:
    """It carries the authorization request, and the step."""
    call, fields = STEPS[name]
    challenge = begin()
    server.says(insufficient("mobile"))
    assert call(challenge) == NextStep(next=("mobile",))
    assert (server.last.method, str(server.last.url)) == ("POST", f"{URL}/oauth/challenge")
    assert server.last.headers["authorization"] == BASIC
    assert "dpop" not in server.last.headers
    form = server.form
    assert len(form.pop("code_challenge")) == 43
    assert form == {"response_type": "code", "code_challenge_method": "S256", **fields}


@pytest.mark.parametrize("name", STEPS)
def test_later_request(server: Server, begin: Callable[..., Any], name: str) -> None:
    """Of the context it carries the `auth_session` alone."""
    challenge = begin()
    server.says(with_session("totp"), with_session("totp", session=NEXT_SESSION))
    challenge.password("mei", "plum-blossom")
    STEPS[name][0](challenge)
    assert server.form == {"auth_session": SESSION, **STEPS[name][1]}


def test_authorization_request(server: Server, begin: Callable[..., Any]) -> None:
    """Everything that it can ask for; without a step it is sent again until there is an `auth_session`."""
    challenge = begin(
        ["openid", "read"],
        acr_values="2 1",
        max_age=0,
        resource="https://orders.example.com",
        redirect_uri="com.example.app:/back",
    )
    server.says(insufficient("mobile", "password"), insufficient("mobile"))
    challenge.next_step()
    first = server.form
    assert {name: value for name, value in first.items() if name != "code_challenge"} == {
        "response_type": "code",
        "code_challenge_method": "S256",
        "scope": "openid read",
        "acr_values": "2 1",
        "max_age": "0",
        "resource": "https://orders.example.com",
        "redirect_uri": "com.example.app:/back",
    }
    challenge.next_step()
    assert server.form == first


def test_several_resources(server: Server, begin: Callable[..., Any]) -> None:
    server.says(insufficient("mobile"))
    begin(resource=["https://a.example", "https://b.example"]).next_step()
    content = server.last.content.decode()
    assert content.endswith("&resource=https%3A%2F%2Fa.example&resource=https%3A%2F%2Fb.example")


def test_public_client(server: Server, client: Client) -> None:
    server.says(with_session("totp"), DONE, TOKENS)
    challenge = Blocking(client(secret=None).challenge())
    challenge.password("mei", "plum-blossom")
    assert challenge.totp("654321").access_token == ACCESS
    assert all("authorization" not in request.headers for request in server.requests)
    assert all(form_of(request)["client_id"] == "shop" for request in server.requests)


# --- what comes of it ------------------------------------------------------------------------------------


def test_tokens(server: Server, begin: Callable[..., Any]) -> None:
    """The code is redeemed at once, with the verifier that the first request had the challenge of."""
    server.says(DONE, {**TOKENS, "scope": "read"})
    tokens = begin("read").password("mei", "plum-blossom")
    assert isinstance(tokens, Tokens)
    assert (tokens.access_token, tokens.refresh_token, tokens.scope) == (ACCESS, REFRESH, ("read",))
    assert tokens.id_token is None
    first, second = server.requests
    assert (second.method, str(second.url)) == ("POST", f"{URL}/oauth/token")
    assert second.headers["authorization"] == BASIC
    form = form_of(second)
    digest = hashlib.sha256(form.pop("code_verifier").encode()).digest()
    assert base64.urlsafe_b64encode(digest).decode().rstrip("=") == form_of(first)["code_challenge"]
    assert form == {"grant_type": "authorization_code", "code": CODE}


def test_id_token(server: Server, begin: Callable[..., Any]) -> None:
    """It comes with the tokens, and is not shown."""
    server.says(DONE, {**TOKENS, "scope": "openid", "id_token": "header.claims.signature"})
    tokens = begin("openid").password("mei", "plum-blossom")
    assert tokens.id_token == "header.claims.signature"
    assert "signature" not in repr(tokens)


def test_redirect_uri_is_in_both(server: Server, begin: Callable[..., Any]) -> None:
    """RFC 6749 section 4.1.3."""
    server.says(DONE, TOKENS)
    begin(redirect_uri="com.example.app:/back").password("mei", "plum-blossom")
    assert server.form["redirect_uri"] == "com.example.app:/back"


def test_each_has_a_verifier_of_its_own(server: Server, client: Client) -> None:
    opened = client()
    server.says(*[insufficient("mobile")] * 2)
    for _ in range(2):
        Blocking(opened.challenge()).next_step()
    assert len({form_of(request)["code_challenge"] for request in server.requests}) == 2


@pytest.mark.parametrize(
    ("answer", "step"),
    [
        (insufficient("mobile", "password"), NextStep(next=("mobile", "password"))),
        (with_session("code", "mobile", resend_in=60), NextStep(next=("code", "mobile"), resend_in=60)),
        (with_session("totp", "recovery_code"), NextStep(next=("totp", "recovery_code"))),
        (with_session("passkey", passkey_options=OPTIONS), NextStep(next=("passkey",), passkey_options=OPTIONS)),
        (
            insufficient("captcha", reason="bad_captcha", captcha=CAPTCHA),
            NextStep(next=("captcha",), reason="bad_captcha", captcha=CAPTCHA),
        ),
        (insufficient(), NextStep(next=())),
    ],
)
def test_next_step(server: Server, begin: Callable[..., Any], answer: httpx.Response, step: NextStep) -> None:
    server.says(answer)
    found = begin().next_step()
    assert found == step
    with pytest.raises(AttributeError):
        found.next = ()
    assert "challenge" not in repr(found)
    assert "key-of-the-site" not in repr(found)
    assert hash(found) == hash(step)


def test_whole_login(server: Server, begin: Callable[..., Any]) -> None:
    """A captcha, a code, a second factor; each answer's `auth_session` replaces the one before."""
    challenge = begin()
    server.says(insufficient("captcha", reason="captcha_required", captcha=CAPTCHA))
    assert challenge.send_code("13800138000").reason == "captcha_required"
    server.says(with_session("code", "mobile", resend_in=60))
    challenge.send_code("13800138000", captcha="the solution")
    assert "auth_session" not in server.form
    server.says(refused("bad_code"))
    with pytest.raises(Refused):
        challenge.enter_code("000000")
    assert server.form == {"auth_session": SESSION, "code": "000000"}
    server.says(with_session("totp", session=NEXT_SESSION))
    assert challenge.enter_code("123456") == NextStep(next=("totp",))
    assert server.form["auth_session"] == SESSION
    server.says(DONE, TOKENS)
    assert challenge.totp("654321").refresh_token == REFRESH
    assert form_of(server.requests[-2]) == {"auth_session": NEXT_SESSION, "totp": "654321"}


@pytest.mark.parametrize("answer", [refused("bad_code", auth_session=NEXT_SESSION), insufficient("totp")])
def test_the_session_of_any_answer_counts(server: Server, begin: Callable[..., Any], answer: httpx.Response) -> None:
    """A refusal may bring a new one; an answer without one leaves the one before."""
    challenge = begin()
    server.says(with_session("code"), answer, insufficient("code"))
    challenge.send_code("13800138000")
    expected = NEXT_SESSION if answer.status_code == 400 else SESSION
    if answer.status_code == 400:
        with pytest.raises(Refused):
            challenge.enter_code("000000")
    else:
        challenge.next_step()
    challenge.next_step()
    assert server.form == {"auth_session": expected}


@pytest.mark.parametrize(
    "reason", ["bad_code", "bad_credentials", "bad_second_factor", "bad_passkey", "sign_unknown", "bad_phone_code"]
)
@pytest.mark.parametrize("name", STEPS)
def test_wrong_factor(server: Server, begin: Callable[..., Any], name: str, reason: str) -> None:
    """It is refused with the reason, and may be tried again."""
    challenge = begin()
    server.says(with_session("totp"), refused(reason), DONE, TOKENS)
    challenge.password("mei", "plum-blossom")
    with pytest.raises(Refused) as caught:
        STEPS[name][0](challenge)
    assert type(caught.value) is Refused
    assert (caught.value.code, caught.value.description, caught.value.status, caught.value.reason) == (
        "invalid_grant",
        "It is wrong",
        400,
        reason,
    )
    if name in ASKING:
        with pytest.raises(BadAnswer, match="is an authorization code"):
            STEPS[name][0](challenge)
    else:
        assert STEPS[name][0](challenge).access_token == ACCESS


@pytest.mark.parametrize(
    ("answer", "code", "retry_after"),
    [
        (status(400, {"error": "invalid_request", "error_description": "d"}), "invalid_request", None),
        (status(400, {"error": "unauthorized_client", "reason": "grant_not_allowed"}), "unauthorized_client", None),
        (status(401, {"error": "invalid_client", "error_description": "d"}), "invalid_client", None),
        (status(400, {"error": "invalid_dpop_proof", "error_description": "d"}), "invalid_dpop_proof", None),
        (status(429, {"error": "too_many_requests"}, Retry_After="60"), "too_many_requests", 60.0),
        (status(503, {"error": "temporarily_unavailable"}, Retry_After="1"), "temporarily_unavailable", 1.0),
        (status(500, {"message": "Internal Server Error"}), "server_error", None),
    ],
)
def test_refused(
    server: Server, begin: Callable[..., Any], answer: httpx.Response, code: str, retry_after: float | None
) -> None:
    challenge = begin()
    server.says(answer, insufficient("mobile"))
    with pytest.raises(Refused) as caught:
        challenge.send_code("13800138000")
    assert (caught.value.code, caught.value.status, caught.value.retry_after) == (
        code,
        answer.status_code,
        retry_after,
    )
    assert challenge.next_step() == NextStep(next=("mobile",))


def test_invalid_session(server: Server, begin: Callable[..., Any]) -> None:
    challenge = begin()
    server.says(
        with_session("totp"), status(400, {"error": "invalid_session", "error_description": "The session has ended"})
    )
    challenge.password("mei", "plum-blossom")
    with pytest.raises(InvalidSession) as caught:
        challenge.totp("654321")
    assert (caught.value.code, caught.value.description, caught.value.status) == (
        "invalid_session",
        "The session has ended",
        400,
    )


@pytest.mark.parametrize("request_uri", ["urn:ietf:params:oauth:request_uri:0001", None])
def test_redirect_to_web(server: Server, begin: Callable[..., Any], request_uri: str | None) -> None:
    """It has what to send the user with, and the code that they come back with is redeemed by the same verifier."""
    more = {} if request_uri is None else {"request_uri": request_uri, "expires_in": 600}
    server.says(status(403, {"error": "redirect_to_web", "error_description": "Go there", **more}))
    challenge = begin(redirect_uri="com.example.app:/back")
    with pytest.raises(RedirectToWeb) as caught:
        challenge.password("mei", "plum-blossom")
    for error in (caught.value, copy.copy(caught.value), pickle.loads(pickle.dumps(caught.value))):  # noqa: S301 (our own)
        assert (error.code, error.description, error.status) == ("redirect_to_web", "Go there", 403)
        assert (error.request_uri, error.expires_in) == (request_uri, 600 if request_uri else None)
        assert "urn:" not in repr(error) + str(error)
    sent = server.form["code_challenge"]
    server.says(TOKENS)
    assert challenge.redeem(CODE).access_token == ACCESS
    form = server.form
    digest = hashlib.sha256(form.pop("code_verifier").encode()).digest()
    assert base64.urlsafe_b64encode(digest).decode().rstrip("=") == sent
    assert form == {"grant_type": "authorization_code", "code": CODE, "redirect_uri": "com.example.app:/back"}


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, html="<h1>Welcome</h1>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={}),
        httpx.Response(200, json={"authorization_code": ""}),
        httpx.Response(200, json={"authorization_code": 7}),
        httpx.Response(302, headers={"Location": "https://elsewhere.example"}),
        status(403, {"error": "insufficient_authorization"}),
        insufficient("totp", auth_session=7),
        insufficient("totp", captcha="x"),
        insufficient("totp", passkey_options=[]),
        insufficient("code", resend_in="soon"),
        status(403, {"error": "insufficient_authorization", "next": "totp"}),
        status(403, {"error": "insufficient_authorization", "next": [7]}),
        status(403, {"error": "redirect_to_web", "request_uri": 7}),
    ],
)
def test_bad_answer(server: Server, begin: Callable[..., Any], answer: httpx.Response) -> None:
    server.says(answer)
    with pytest.raises(BadAnswer, match=rf"\(HTTP {answer.status_code}\)$"):
        begin().password("mei", "plum-blossom")
    assert len(server.requests) == 1


def test_code_is_not_taken(server: Server, begin: Callable[..., Any]) -> None:
    """The refusal of the token endpoint is told as that."""
    server.says(DONE, refused("bad_authorization_code"))
    with pytest.raises(Refused) as caught:
        begin().password("mei", "plum-blossom")
    assert (caught.value.code, caught.value.reason) == ("invalid_grant", "bad_authorization_code")


# --- what is sent again ----------------------------------------------------------------------------------

NOT_SENT = [httpx.ConnectError("x"), httpx.ConnectTimeout(""), httpx.PoolTimeout("")]
LOST = [httpx.ReadTimeout(""), httpx.WriteTimeout(""), httpx.ReadError(""), httpx.RemoteProtocolError("cut")]


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("fault", NOT_SENT, ids=lambda fault: type(fault).__name__)
def test_never_sent(server: Server, begin: Callable[..., Any], name: str, fault: Exception) -> None:
    server.says(fault, fault, insufficient("mobile"))
    STEPS[name][0](begin())
    assert len(server.requests) == 3
    assert len({request.content for request in server.requests}) == 1
    assert 0.1 <= server.pauses[0] <= 0.2 <= server.pauses[1] <= 0.4


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("fault", LOST, ids=lambda fault: type(fault).__name__)
def test_lost(server: Server, begin: Callable[..., Any], name: str, fault: Exception) -> None:
    """A step that was sent may have used something up."""
    server.says(fault)
    with pytest.raises(TransportError) as caught:
        STEPS[name][0](begin())
    assert caught.value.sent
    assert (len(server.requests), server.pauses) == (1, [])


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize(
    "answer", [status(503, Retry_After="1"), status(502), status(504), status(429, Retry_After="1")], ids=repr
)
def test_not_repeated(server: Server, begin: Callable[..., Any], name: str, answer: httpx.Response) -> None:
    server.says(answer)
    with pytest.raises(Refused):
        STEPS[name][0](begin())
    assert (len(server.requests), server.pauses) == (1, [])


@pytest.mark.parametrize("fault", [*NOT_SENT, *LOST, status(503, Retry_After="1"), status(502), status(504)], ids=repr)
def test_redeemed_again(server: Server, begin: Callable[..., Any], fault: Any) -> None:
    """The code is, with the same verifier; the step before it is not."""
    server.says(DONE, fault, fault, TOKENS)
    assert begin().password("mei", "plum-blossom").access_token == ACCESS
    assert [request.url.path for request in server.requests] == ["/oauth/challenge", *["/oauth/token"] * 3]
    assert len({request.content for request in server.requests[1:]}) == 1


@pytest.mark.parametrize(("takes", "attempts"), [(1.0, 3), (9.0, 3), (12.0, 2), (19.9, 1), (25.0, 1)])
def test_redeemed_in_time(server: Server, begin: Callable[..., Any], takes: float, attempts: int) -> None:
    """Within two thirds of the 30 seconds in which the server gives the same tokens: later it would end the session."""
    server.takes = takes
    server.says(DONE, *[httpx.ReadTimeout("")] * 3)
    with pytest.raises(Timeout) as caught:
        begin().password("mei", "plum-blossom")
    assert caught.value.sent
    assert len(server.requests) == 1 + attempts


@pytest.mark.parametrize(("takes", "attempts"), [(1.0, 3), (12.0, 2)])
def test_refresh(server: Server, client: Client, takes: float, attempts: int) -> None:
    """As ever."""
    opened = Blocking(client())
    server.says(TOKENS)
    assert opened.refresh(REFRESH, scope="read").access_token == ACCESS
    assert server.form == {"grant_type": "refresh_token", "refresh_token": REFRESH, "scope": "read"}
    server.takes = takes
    server.says(*[httpx.ReadTimeout("")] * 3)
    with pytest.raises(Timeout):
        opened.refresh(REFRESH)
    assert len(server.requests) == 1 + attempts


def test_how_often(server: Server, client: Client) -> None:
    server.says(httpx.ConnectError("x"))
    with pytest.raises(TransportError):
        Blocking(client(retries=0).challenge()).next_step()
    assert len(server.requests) == 1


# --- arguments, secrets, lives ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("mobile", lambda c, value: c.send_code(value)),
        ("captcha", lambda c, value: c.send_code("13800138000", captcha=value)),
        ("code", lambda c, value: c.enter_code(value)),
        ("username", lambda c, value: c.password(value, "x")),
        ("password", lambda c, value: c.password("mei", value)),
        ("js_code", lambda c, value: c.wechat(value)),
        ("phone_code", lambda c, value: c.wechat("x", phone_code=value)),
        ("id_token", lambda c, value: c.id_token(value)),
        ("id_token_nonce", lambda c, value: c.id_token("x", nonce=value)),
        ("passkey", lambda c, value: c.passkey(value)),
        ("totp", lambda c, value: c.totp(value)),
        ("recovery_code", lambda c, value: c.recovery_code(value)),
    ],
)
@pytest.mark.parametrize(("value", "kind"), [("", ValueError), (7, TypeError), ("\ud800", ValueError)])
def test_arguments(
    server: Server, begin: Callable[..., Any], name: str, call: Callable[..., Any], value: Any, kind: type[Exception]
) -> None:
    with pytest.raises(kind, match=rf"^{name}: "):
        call(begin(), value)
    assert server.requests == []


def test_a_code_that_could_not_be_one(server: Server, begin: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match=r"^code: holds a character that no token has$"):
        begin().redeem("se cret")
    assert server.requests == []


@pytest.mark.parametrize(
    "wrong",
    [{"scope": 'a"b'}, {"acr_values": "2\n"}, {"max_age": -1}, {"resource": ""}, {"redirect_uri": ""}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_wrong_request(begin: Callable[..., Any], wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=rf"^{next(iter(wrong))}: "):
        begin(**wrong)


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize(
    "answer",
    [
        httpx.ReadError(" ".join(SECRETS)),
        refused("bad_code", error_description="no: " + " ".join(SENT)),
        status(400, {"error": "invalid_session", "error_description": " ".join(SENT)}),
        status(403, {"error": "redirect_to_web", "error_description": "d", "request_uri": SESSION}),
        httpx.Response(200, text=" ".join(SECRETS)),
        httpx.Response(200, json={"authorization_code": [CODE]}),
        httpx.Response(403, json={"error": "insufficient_authorization", "next": SESSION}),
    ],
    ids=["cut", "refusal", "ended", "redirect", "no JSON", "no code", "no step"],
)
def test_no_secret_is_shown(
    server: Server, begin: Callable[..., Any], caplog: pytest.LogCaptureFixture, name: str, answer: Any
) -> None:
    """Not by the object, an error or the log; what the server says back is masked where it was sent."""
    caplog.set_level("DEBUG")
    challenge = begin()
    server.says(with_session("totp"), answer)
    challenge.password("mei", "plum-blossom")
    call, fields = STEPS[name]
    with pytest.raises(LingpaiSDKError) as caught:
        call(challenge)
    sent = {SESSION, CODE, "shop-secret", *(value for value in fields.values() if value != "true")}
    shown = f"{caught.value} {caught.value!r} {challenge.wrapped!r} {caplog.text}"
    assert [secret for secret in sent if secret in shown] == []
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def test_repr(server: Server, client: Client) -> None:
    opened = client()
    challenge = opened.challenge()
    server.says(with_session("totp"), DONE, TOKENS)
    Blocking(challenge).password("mei", "plum-blossom")
    assert repr(Blocking(challenge).totp("654321")).startswith("Tokens(expires_in=3600, ")
    assert repr(challenge) == f"{type(challenge).__name__}('shop')"
    assert type(challenge) is (Challenge if isinstance(opened, Lingpai) else AsyncChallenge)
    assert repr(opened) == f"{type(opened).__name__}({URL!r}, 'shop')"


def test_async_closing(server: Server) -> None:
    """What it opened is closed; what it was given is not."""
    given = server.async_http

    async def run() -> AsyncLingpai:
        async with AsyncLingpai(URL, "shop", http_client=given):
            pass
        assert not given.is_closed
        async with AsyncLingpai(URL, "shop") as own:
            return own

    own = Blocking(run)
    closed = own.__call__()
    with pytest.raises(RuntimeError, match="closed"):
        Blocking(closed.challenge()).next_step()
