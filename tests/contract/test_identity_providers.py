"""Protocol IdentityProvider, as those have it who ask a third party: one suite, on real servers with every fault."""

import datetime
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from jwt.utils import base64url_decode, base64url_encode

from lingpai.bootstrap import identity_providers
from lingpai.clients.model import Client
from lingpai.identity_providers import https
from lingpai.identity_providers import service as third_parties
from lingpai.identity_providers.discovery import Discovery
from lingpai.identity_providers.model import Identity, ProviderCredential
from lingpai.identity_providers.provider import IdentityProvider
from lingpai.identity_providers.settings import OidcProvider
from lingpai.kernel.clock import Clock
from lingpai.kernel.errors import LingpaiError, SettingsError, invalid_grant
from lingpai.kernel.writes import Conflict
from tests.support import openid, wechat
from tests.support.deadlines import within
from tests.support.memory_store import MemoryStore
from tests.support.openid import AUDIENCE, DISCOVERY, KEYS, NONCE, OTHER_AUDIENCE, OpenId, private_key, public_jwk
from tests.support.samples import a_client
from tests.support.stores import settings
from tests.support.time import START, Time
from tests.support.vendor import FAULTS, Fault, Line, quickly, serving
from tests.support.wechat import MINI, SECOND, SECRETS, WeChat

UNAVAILABLE = (503, "temporarily_unavailable", "provider_unavailable")


@dataclass
class Scene:
    """A provider, the third party behind it, and a person who is known there."""

    provider: IdentityProvider
    line: Line
    client: Client
    known_as: Identity
    prove: Callable[[], ProviderCredential]
    time: Time
    store: MemoryStore = field(default_factory=MemoryStore)

    @property
    def wechat(self) -> WeChat:
        assert isinstance(self.line.vendor, WeChat)
        return self.line.vendor

    @property
    def openid(self) -> OpenId:
        assert isinstance(self.line.vendor, OpenId)
        return self.line.vendor

    def resolve(self, credential: ProviderCredential | str | None = None, client: Client | None = None) -> Identity:
        """Who it is, once the credential is used up, as whoever acts on it does."""
        given = ProviderCredential(credential) if isinstance(credential, str) else credential or self.prove()
        identity = self.provider.resolve(client or self.client, given)
        try:
            if proofs := third_parties.single_use(identity):
                self.store.commit(*proofs)
        except Conflict:
            raise invalid_grant("id_token_used") from None
        return identity

    def refusal(self, credential: ProviderCredential | str | None = None, client: Client | None = None) -> LingpaiError:
        """How it is refused; nothing of the credential stands in it, or behind it."""
        given = ProviderCredential(credential) if isinstance(credential, str) else credential or self.prove()
        with pytest.raises(LingpaiError) as refused:
            self.resolve(given, client)
        error: BaseException | None = refused.value
        while error is not None:
            told = f"{error!r} {error} {getattr(error, 'detail', '')} {getattr(error, 'values', '')}"
            assert not any(secret in told for secret in (given.sign, *SECRETS.values()))
            error = error.__cause__
        return refused.value

    def refused(
        self, credential: ProviderCredential | str | None = None, client: Client | None = None
    ) -> tuple[int, str, str]:
        """Status, code and reason of the refusal."""
        error = self.refusal(credential, client)
        return error.status, error.code, error.reason


@contextmanager
def at_wechat(**overrides: Any) -> Iterator[Scene]:
    vendor = WeChat()
    with serving(vendor) as line:
        chosen = settings(wechat_apps=wechat.APPS, wechat_url=line.url, **{**quickly(), **overrides})
        time, store = Time(), MemoryStore()
        provider = identity_providers(chosen, time.clock(), store)["wechat"]
        yield Scene(
            provider,
            line,
            a_client(sign_provider="wechat", sign_app=MINI),
            Identity("wechat", MINI, "openid-of-alice"),
            lambda: ProviderCredential(vendor.log_in("openid-of-alice")),
            time,
            store,
        )


@contextmanager
def at_openid(store: Any = None, entry: dict[str, Any] | None = None, **overrides: Any) -> Iterator[Scene]:
    vendor = OpenId()
    with serving(vendor) as line:
        vendor.issuer = line.url
        time, store = Time(), store or MemoryStore()
        providers = openid.setting(line.url, **(entry or {}))
        chosen = settings(oidc_providers=providers, **{**quickly(), **overrides})
        yield Scene(
            identity_providers(chosen, time.clock(), store)["google"],
            line,
            a_client(sign_provider="google", sign_app="default"),
            Identity("oidc", line.url, "subject-of-alice"),
            lambda: ProviderCredential(vendor.token(at=int(time()))),
            time,
            store,
        )


@pytest.fixture(params=["wechat", "openid"])
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    """Each provider in turn."""
    with at_wechat() if request.param == "wechat" else at_openid() as made:
        yield made


@pytest.fixture
def mini() -> Iterator[Scene]:
    with at_wechat() as made:
        yield made


@pytest.fixture
def google() -> Iterator[Scene]:
    with at_openid() as made:
        yield made


# --- every provider ---------------------------------------------------------------------------------------


def test_who_is_known_is_resolved_each_time_alike(scene: Scene) -> None:
    assert scene.resolve() == scene.known_as
    assert scene.resolve() == scene.known_as


@pytest.mark.security("ASVS-6.8.3")
def test_the_same_proof_works_once(scene: Scene) -> None:
    credential = scene.prove()
    scene.resolve(credential)
    status, code, reason = scene.refused(credential)
    assert (status, code) == (400, "invalid_grant")
    assert reason in ("sign_used", "id_token_used")


def test_it_proves_who_somebody_is(scene: Scene) -> None:
    assert scene.provider.proves


def test_its_identities_can_be_named_by_an_admin(scene: Scene) -> None:
    identity = scene.provider.identity(scene.client, scene.known_as.openid)
    assert identity == scene.known_as
    app = scene.provider.app(identity.issuer)
    assert app == scene.known_as.app
    for other in ("trusted:default", "wechat:unionid", "wechat:wx0000000000000000", "oidc:https%3A//elsewhere"):
        assert scene.provider.app(other) is None


@pytest.mark.parametrize(
    "sign", ["x", "a b c d e f g", "爱丽丝爱丽丝爱丽丝", "x" * 60_000, "a.b.c", "../../../etc"], ids=len
)
def test_what_can_be_no_proof_is_refused_without_a_call(scene: Scene, sign: str) -> None:
    assert scene.refused(sign)[:2] == (400, "invalid_grant")
    assert scene.line.asked == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_third_party_that_does_not_answer_is_503_in_time(scene: Scene, fault: Fault) -> None:
    """Whatever is wrong with it, nobody is let in, nobody waits for long, and it is asked once."""
    scene.line.fault = fault
    begun = time.monotonic()
    error = scene.refusal()
    assert (error.status, error.code, error.reason) == UNAVAILABLE
    assert error.retry_after is not None
    assert error.detail
    assert error.detail.startswith((f"wechat {MINI}: ", "oidc google: "))
    assert time.monotonic() - begun < 2
    assert len(scene.line.asked) == 1


def test_what_is_late_is_late_however_busily_it_drips(scene: Scene) -> None:
    scene.line.fault = "drip"
    error = scene.refusal()
    assert error.detail
    assert error.detail.endswith("TimeoutError")


def test_a_third_party_that_is_not_there_is_503(scene: Scene) -> None:
    with serving(WeChat()) as gone:
        url = gone.url
    clock = scene.time.clock()
    chosen = settings(wechat_apps=wechat.APPS, wechat_url=url, oidc_providers=openid.setting(url), **quickly())
    other = identity_providers(chosen, clock, scene.store)[scene.client.sign_provider or ""]
    scene.provider = other
    assert scene.refused() == UNAVAILABLE


def test_after_the_fault_all_is_well(scene: Scene) -> None:
    scene.line.fault = "500"
    scene.refused()
    scene.line.fault = None
    scene.time.advance(31)
    assert scene.resolve() == scene.known_as


def test_nothing_is_told(scene: Scene, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    """Neither a log, at any level, nor the terminal hears of what is asked. (The suite searches all that it logged.)"""
    with caplog.at_level(1):
        scene.resolve()
        scene.line.fault = "500"
        scene.refused("0" * 32)
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")


# --- HTTPS ------------------------------------------------------------------------------------------------


def test_a_certificate_of_nobody_is_refused(tmp_path: Path) -> None:
    """By HTTPS the third party must prove itself; what it is asked never leaves before."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "server.pem"
    form, none = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    text = key.private_bytes(serialization.Encoding.PEM, form, none)
    pem.write_bytes(text + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with serving(WeChat()) as line, _behind_tls(line.url, context) as secure:
        with pytest.raises(https.NotAnswered, match="SSLCertVerificationError"):
            https.get(settings(**quickly()), f"{secure}/?secret=5ecret", 100)
        assert line.asked == []


@contextmanager
def _behind_tls(url: str, context: ssl.SSLContext) -> Iterator[str]:
    """A port that speaks TLS with whoever comes, once."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def shake_hands() -> None:
            connection, _ = listener.accept()
            try:
                context.wrap_socket(connection, server_side=True).close()
            except OSError:
                connection.close()

        thread = threading.Thread(target=shake_hands)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(5)


@pytest.mark.parametrize("url", ["http://example.com/", "ftp://127.0.0.1/", "https://a@example.com/", "https:///x"])
def test_only_https_is_spoken(url: str) -> None:
    with pytest.raises(https.NotAnswered, match="no address to ask"):
        https.get(settings(), url, 100)


# --- WeChat -----------------------------------------------------------------------------------------------


def test_what_wechat_is_asked(mini: Scene) -> None:
    """To the letter of its documentation, and with no header that would tell more."""
    credential = mini.prove()
    mini.resolve(credential)
    assert mini.line.asked == [
        f"{wechat.PATH}?appid={MINI}&secret={SECRETS[MINI]}&js_code={credential.sign}&grant_type=authorization_code"
    ]
    assert set(mini.line.headers[0]) == {"Host", "Accept-Encoding", "Accept", "User-Agent", "Connection"}


def test_a_code_of_another_app_is_refused(mini: Scene) -> None:
    code = mini.wechat.log_in("openid-of-bob", app=SECOND)
    assert mini.refused(code) == (400, "invalid_grant", "sign_unknown")
    other = a_client(sign_provider="wechat", sign_app=SECOND)
    assert mini.resolve(code, other) == Identity("wechat", SECOND, "openid-of-bob")


def test_the_unionid_comes_along(mini: Scene) -> None:
    code = mini.wechat.log_in("openid-of-alice", unionid="unionid-of-alice")
    assert mini.resolve(code) == Identity("wechat", MINI, "openid-of-alice", "unionid-of-alice")


@pytest.mark.parametrize(
    ("errcode", "refusal", "retry_after"),
    [
        (-1, UNAVAILABLE, 1),
        (40029, (400, "invalid_grant", "sign_unknown"), None),
        (40163, (400, "invalid_grant", "sign_used"), None),
        (40226, (400, "invalid_grant", "sign_blocked"), None),
        (50002, (400, "invalid_grant", "sign_blocked"), None),
        (41008, (400, "invalid_grant", "sign_unknown"), None),
        (45011, (429, "too_many_requests", "provider_busy"), 60),
        (40001, UNAVAILABLE, 1),
        (40002, UNAVAILABLE, 1),
        (40013, UNAVAILABLE, 1),
        (40125, UNAVAILABLE, 1),
        (40164, UNAVAILABLE, 1),
        (41002, UNAVAILABLE, 1),
        (41004, UNAVAILABLE, 1),
        (45009, UNAVAILABLE, 1),
        (48001, UNAVAILABLE, 1),
        (48004, UNAVAILABLE, 1),
        (99999, UNAVAILABLE, 1),
    ],
)
def test_each_error_code_is_a_clear_refusal(
    mini: Scene, errcode: int, refusal: tuple[int, str, str], retry_after: int | None
) -> None:
    mini.wechat.says = {"errcode": errcode, "errmsg": f"secret {SECRETS[MINI]} rid: 1"}
    error = mini.refusal()
    assert ((error.status, error.code, error.reason), error.retry_after) == (refusal, retry_after)
    # What the operator has to see to says where: the app and the code, and nothing that WeChat said besides.
    to_see_to = refusal[0] != 400 and errcode != -1
    assert error.detail == (f"wechat {MINI}: errcode {errcode}" if to_see_to else None)


@pytest.mark.parametrize(
    "says",
    [
        {},
        {"openid": ""},
        {"openid": None},
        {"openid": 5},
        {"openid": "x" * 129},
        {"openid": "a:b c"},
        {"openid": "openid-of-alice", "unionid": 5},
        {"openid": "openid-of-alice", "unionid": "u:1"},
        {"openid": "openid-of-alice", "errcode": "0"},
        {"openid": "openid-of-alice", "errcode": None},
    ],
    ids=json.dumps,
)
def test_an_answer_that_names_nobody_lets_nobody_in(mini: Scene, says: dict[str, Any]) -> None:
    mini.wechat.says = says
    error = mini.refusal()
    assert (error.status, error.reason, error.detail) == (
        503,
        "provider_unavailable",
        f"wechat {MINI}: an answer without an openid",
    )


@pytest.mark.parametrize("says", [{"errcode": 0}, {"unionid": ""}, {"unionid": None}], ids=json.dumps)
def test_an_answer_may_say_that_nothing_is_wrong(mini: Scene, says: dict[str, Any]) -> None:
    mini.wechat.says = {"openid": "openid-of-alice", "session_key": "c2Vzc2lvbiBrZXk=", "errmsg": "ok", **says}
    assert mini.resolve() == mini.known_as


def test_an_app_whose_secret_is_not_here(mini: Scene) -> None:
    for app in ("wx0000000000000000", "default", "unionid"):
        error = mini.refusal(client=a_client(sign_provider="wechat", sign_app=app))
        assert (error.status, error.reason) == (503, "provider_unavailable")
        assert error.detail == f"wechat {app}: WECHAT_APPS has no such app"
    assert mini.line.asked == []


def test_a_wrong_secret_is_told_without_it(mini: Scene) -> None:
    mini.wechat.secrets[MINI] = "0therSecret"
    error = mini.refusal()
    assert (error.status, error.detail) == (503, f"wechat {MINI}: errcode 40125")


def test_the_session_key_is_nowhere(mini: Scene) -> None:
    identity = mini.resolve()
    (key,) = mini.wechat.session_keys
    assert key not in repr(identity) + repr(mini.provider) + repr(vars(mini.provider))
    assert mini.store == MemoryStore(lock=mini.store.lock)


# --- OpenID: who signed it --------------------------------------------------------------------------------

BAD = (400, "invalid_grant", "bad_id_token")
FOREIGN = (400, "invalid_grant", "id_token_foreign")
EXPIRED = (400, "invalid_grant", "id_token_expired")
WRONG_NONCE = (400, "invalid_grant", "bad_nonce")
USED = (400, "invalid_grant", "id_token_used")


@pytest.mark.parametrize(
    "algorithm", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
)
def test_every_asymmetric_algorithm(google: Scene, algorithm: str) -> None:
    google.openid.keys = [public_jwk("ES256", "one"), public_jwk(algorithm, "asked-for")]
    assert google.resolve(google.openid.token(algorithm=algorithm, kid="asked-for")) == google.known_as


@pytest.mark.security("F34")
@pytest.mark.parametrize("named", ["EdDSA", "Ed25519", None])
@pytest.mark.parametrize("algorithm", ["EdDSA", "Ed25519"])
def test_ed25519_by_its_old_name_and_by_that_of_rfc_9864(google: Scene, algorithm: str, named: str | None) -> None:
    published = {name: value for name, value in public_jwk("EdDSA", "ed").items() if name != "alg"}
    google.openid.keys = [published | ({"alg": named} if named else {})]
    token = google.openid.token(algorithm=algorithm, kid="ed", key=private_key("EdDSA"))
    assert google.resolve(token) == google.known_as
    other = google.openid.token(algorithm=algorithm, kid="ed", key=private_key("EdDSA", 1))
    assert google.refused(other) == BAD


UNKNOWN_KEYS: list[Any] = [
    {"kty": "AKP", "alg": "ML-DSA-44", "kid": "pq", "pub": "AAAA"},
    {"kty": "OKP", "crv": "Ed448", "alg": "Ed448", "kid": "ed448", "x": "A" * 76},
    {"kty": "OKP", "crv": "X25519", "kid": "agreement", "x": "A" * 43},
    {"kty": "OKP", "crv": "Ed25519", "kid": "short", "x": "AA"},
    {"kty": "EC", "crv": "secp256k1", "kid": "k", "x": "A" * 43, "y": "A" * 43},
    {"kty": "EC", "crv": "P-256", "kid": "no-point", "x": "A" * 43, "y": "A" * 43},
    {"kty": "EC", "crv": "P-256", "kid": "numbers", "x": 1, "y": None},
    {"kty": "EC", "crv": ["P-256"], "kid": "list"},
    {"kty": "RSA", "kid": "even", "n": "AAAA", "e": "AAAA"},
    {"kty": "RSA", "kid": "empty", "n": "", "e": ""},
    {"kty": "RSA", "kid": "huge", "n": "_" * 50000, "e": "AQAB"},
    {"kty": "RSA", "kid": "é", "n": "é", "e": "\ud800"},
    {"kty": "oct", "kid": "secret", "k": "AAAA"},
    {"kty": "RSA", "kid": {"a": 1}},
    {"kty": {}, "use": ["sig"]},
    {"use": "enc"},
    {},
    None,
    [],
    "key",
    5,
]


@pytest.mark.security("F34")
@pytest.mark.parametrize("unknown", UNKNOWN_KEYS, ids=range(len(UNKNOWN_KEYS)))
def test_one_unknown_key_spoils_no_other(google: Scene, unknown: Any) -> None:
    google.openid.keys = [unknown, public_jwk("ES256", "one"), unknown]
    assert google.resolve() == google.known_as


@pytest.mark.security("F34")
def test_any_number_of_unknown_keys_spoils_no_other(google: Scene) -> None:
    google.openid.keys = [*UNKNOWN_KEYS[:1] * 300, public_jwk("ES256", "one")]
    assert google.resolve() == google.known_as


@pytest.mark.security("F34")
@pytest.mark.parametrize("typ", [None, "JWT", "jwt", "Jwt", "application/jwt", "application/JWT"])
def test_the_type_of_an_id_token(google: Scene, typ: str | None) -> None:
    assert google.resolve(google.openid.token(headers={"typ": typ})) == google.known_as


@pytest.mark.security("F34")
@pytest.mark.parametrize(
    "typ",
    [
        *(
            "at+jwt",
            "application/at+jwt",
            "logout+jwt",
            "secevent+jwt",
            "dpop+jwt",
            "oauth-authz-req+jwt",
            "JOSE",
            "JWE",
        ),
        *(" JWT", "id_token", 5, True, ["JWT"], {"typ": "JWT"}),
    ],
    ids=repr,
)
def test_a_token_of_another_type_is_refused(google: Scene, typ: Any) -> None:
    assert google.refused(google.openid.token(headers={"typ": typ})) == BAD


@pytest.mark.security("F34")
@pytest.mark.parametrize(
    "claims",
    [
        {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}},
        {"events": {}},
        {"events": None},
        {"typ": "Bearer"},
        {"typ": "Logout"},
        {"typ": "Refresh"},
        {"typ": None},
        {"token_use": "access"},
    ],
    ids=json.dumps,
)
def test_a_token_that_says_it_is_another_kind_is_refused(google: Scene, claims: dict[str, Any]) -> None:
    """Logout tokens (RFC 8417), and the access tokens of providers that call all their tokens JWT."""
    assert google.refused(google.openid.token(**claims)) == BAD


@pytest.mark.security("F34")
@pytest.mark.parametrize("claims", [{"typ": "ID"}, {"token_use": "id"}], ids=json.dumps)
def test_a_token_that_says_it_is_an_id_token(google: Scene, claims: dict[str, Any]) -> None:
    assert google.resolve(google.openid.token(**claims)) == google.known_as


def test_the_keys_are_read_once(google: Scene) -> None:
    for _ in range(5):
        google.resolve()
    assert google.line.asked == [DISCOVERY, KEYS]


def test_the_keys_may_be_where_the_setting_says() -> None:
    with at_openid() as elsewhere, at_openid(entry={"jwks_uri": f"{elsewhere.line.url}{KEYS}"}) as google:
        assert google.resolve() == google.known_as
        assert (google.line.asked, elsewhere.line.asked) == ([], [KEYS])


@pytest.mark.security("ASVS-6.8.2")
def test_the_keys_may_stand_in_the_setting() -> None:
    """Then nothing is asked, whatever is presented, and however old the keys are."""
    with at_openid(entry={"jwks": {"keys": [openid.public_jwk("ES256", "one")]}}) as google:
        google.line.fault = "500"
        assert google.resolve() == google.known_as
        google.time.advance(10 * 86400)
        assert google.resolve() == google.known_as
        now = int(google.time())
        assert google.refused(google.openid.token(number=1, at=now)) == BAD
        assert google.refused(google.openid.token(kid="two", at=now)) == BAD
        assert google.refused(google.openid.token(algorithm="RS256", kid="rsa", at=now)) == BAD
        assert google.line.asked == []


@pytest.mark.parametrize(
    "key",
    [
        {},
        {"kty": "oct", "k": "c2VjcmV0"},
        {"kty": "OKP", "crv": "Ed25519", "x": "eA"},
        {**openid.public_jwk("ES256", "one"), "use": "enc"},
        openid.public_jwk("RSA-1024", "short"),
    ],
    ids=["empty", "shared secret", "short point", "for encryption", "short RSA"],
)
def test_a_key_in_the_setting_that_can_be_none_is_named_at_the_start(key: dict[str, Any]) -> None:
    entry = {"jwks": {"keys": [openid.public_jwk("ES256", "one"), key]}}
    told = "^OIDC_PROVIDERS: google.jwks: key 2 is no public key that verifies ID tokens$"
    with pytest.raises(SettingsError, match=told), at_openid(entry=entry):
        pass


@pytest.mark.security("ASVS-6.8.2")
def test_a_signature_by_another_key_is_refused(google: Scene) -> None:
    assert google.refused(google.openid.token(number=1)) == BAD
    assert google.refused(google.openid.token(algorithm="RS256", kid="rsa", number=1)) == BAD


@pytest.mark.security("ASVS-6.8.2")
def test_another_payload_under_a_good_signature_is_refused(google: Scene) -> None:
    header, _, signature = google.openid.token().split(".")
    payload = base64url_encode(json.dumps({"iss": google.line.url, "sub": "bob"}).encode()).decode()
    assert google.refused(f"{header}.{payload}.{signature}") == BAD


@pytest.mark.parametrize(
    "algorithm", ["none", "None", "NONE", "", "HS256", "HS512", "RS1", "ES256K", 5, None, ["ES256"]], ids=repr
)
def test_no_other_algorithm_will_do(google: Scene, algorithm: Any) -> None:
    claims = {"iss": google.line.url, "aud": AUDIENCE, "sub": "alice", "iat": START, "exp": START + 60}
    for signature in (b"", b"signature"):
        assert google.refused(openid.unsigned({"alg": algorithm, "kid": "one"}, claims, signature)) == BAD


def test_a_public_key_is_no_secret(google: Scene) -> None:
    """HS256 with the text of the provider's public key as the secret: everybody has that."""
    for kid, algorithm in (("one", "ES256"), ("rsa", "RS256")):
        public = private_key(algorithm).public_key()
        info = serialization.PublicFormat.SubjectPublicKeyInfo
        pem = public.public_bytes(serialization.Encoding.PEM, info)
        for secret in (pem, pem.strip(), json.dumps(public_jwk(algorithm, kid)).encode()):
            import hmac

            head = openid.unsigned(
                {"alg": "HS256", "kid": kid},
                {"iss": google.line.url, "aud": AUDIENCE, "sub": "alice", "iat": START, "exp": START + 60},
            ).rpartition(".")[0]
            signature = base64url_encode(hmac.digest(secret, head.encode(), "sha256")).decode()
            assert google.refused(f"{head}.{signature}") == BAD


def test_a_key_of_another_kind_than_the_algorithm_is_refused(google: Scene) -> None:
    assert google.refused(google.openid.token(algorithm="ES256", kid="rsa")) == BAD
    assert google.refused(google.openid.token(algorithm="RS256", kid="one")) == BAD
    # The key is published for RS256 alone.
    assert google.refused(google.openid.token(algorithm="PS256", kid="rsa", key=private_key("RS256"))) == BAD


@pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "x5c"])
def test_a_key_that_the_token_brings_along_is_not_looked_at(google: Scene, name: str) -> None:
    mine = public_jwk("ES256", "one", 1)
    value = {"jwk": mine, "x5c": ["MIIB"]}.get(name, f"{google.line.url}/mine")
    assert google.refused(google.openid.token(number=1, headers={name: value})) == BAD
    assert set(google.line.asked) <= {DISCOVERY, KEYS}


def test_an_extension_that_must_be_understood_is_refused(google: Scene) -> None:
    assert google.refused(google.openid.token(headers={"crit": ["exp"], "exp": START + 60})) == BAD


def test_a_token_without_a_kid_needs_a_provider_with_one_key(google: Scene) -> None:
    google.openid.keys = [public_jwk("ES256", "one"), public_jwk("ES256", "two", 1)]
    assert google.refused(google.openid.token(kid=None)) == BAD
    google.time.advance(3600)
    google.openid.keys = [public_jwk("ES256", None), public_jwk("RS256", "rsa")]
    assert google.resolve(google.openid.token(kid=None, at=START + 3600)) == google.known_as


@pytest.mark.parametrize(
    "jwk",
    [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "one", "alg": "HS256"},
        {"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA", "kid": "one"},
        {"kty": "EC", "kid": "one"},
        {"kty": ["EC"], "crv": {}, "kid": "one"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "one"},
        {"kty": "RSA", "n": "!", "e": 5, "kid": "one"},
        public_jwk("RSA-1024", "one"),
        public_jwk("ES256", "one", use="enc"),
        public_jwk("ES256", "one", alg="ES384"),
        {**public_jwk("ES256", "one"), "kid": 5},
        "one",
        None,
    ],
    ids=(
        "a secret",
        "no point",
        "no curve",
        "nonsense",
        "tiny",
        "no numbers",
        "too short",
        "to encrypt with",
        "of another curve",
        "a number for a name",
        "a text",
        "nothing",
    ),
)
def test_a_key_that_cannot_be_used_is_passed_over(google: Scene, jwk: Any) -> None:
    google.openid.keys = [jwk, public_jwk("ES256", "two", 1)]
    assert google.refused() == BAD
    assert google.resolve(google.openid.token(kid="two", number=1)) == google.known_as


def test_a_signature_by_a_key_that_is_too_short_is_refused(google: Scene) -> None:
    """RFC 7518 section 3.3: 2048 bits. The provider publishes it all the same, and the signature is right."""
    google.openid.keys = [public_jwk("RSA-1024", "short"), public_jwk("RS256", "long")]
    claims = {"iss": google.line.url, "aud": AUDIENCE, "sub": "subject-of-alice", "iat": START, "exp": START + 60}
    for kid, key, good in (("short", private_key("RSA-1024"), False), ("long", private_key("RS256"), True)):
        signed = openid.unsigned({"alg": "RS256", "kid": kid}, claims).rpartition(".")[0]
        signature = key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        token = f"{signed}.{base64url_encode(signature).decode()}"
        if good:
            assert google.resolve(token) == google.known_as
        else:
            assert google.refused(token) == BAD


@pytest.mark.parametrize("keys", [[], [None], [{"kty": "oct", "k": "c2VjcmV0"}], {}, None, "keys"], ids=str)
def test_a_provider_without_a_key_that_can_be_used(google: Scene, keys: Any) -> None:
    google.openid.keys = keys
    assert google.refused() == UNAVAILABLE


@pytest.mark.security("ASVS-10.5.3")
@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://accounts.google.com"},
        {"issuer": None},
        {"jwks_uri": None},
        {"jwks_uri": 5},
        {"jwks_uri": "http://example.com/keys"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": ""},
    ],
    ids=str,
)
def test_metadata_that_is_not_the_providers_own(google: Scene, metadata: dict[str, Any]) -> None:
    google.openid.metadata = metadata
    assert google.refused() == UNAVAILABLE
    assert google.line.asked == [DISCOVERY]


@pytest.mark.parametrize("name", ["jwks_uri", "authorization_endpoint", "token_endpoint"])
def test_a_provider_out_there_leads_to_nothing_in_here(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    issuer = "https://accounts.google.com"
    provider = OidcProvider(name="google", issuer=issuer, audiences=("ours.example",))
    for uri, good in (
        (f"{issuer}/keys", True),
        ("https://www.googleapis.com/keys", True),
        ("http://127.0.0.1:9001/", False),
    ):
        document = json.dumps({"issuer": issuer, name: uri}).encode()
        monkeypatch.setattr("lingpai.identity_providers.https.get", lambda *_, document=document: document)
        found = Discovery(settings(), provider, Clock())
        if good:
            assert found.endpoint(name) == uri
        else:
            with pytest.raises(ValueError, match="less secure"):
                found.endpoint(name)


# --- OpenID: for whom, when, with what --------------------------------------------------------------------


@pytest.mark.security("ASVS-10.5.4")
@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://accounts.google.com"},
        {"iss": ...},
        {"iss": None},
        {"iss": ["https://accounts.google.com"]},
        {"aud": "another-app.example"},
        {"aud": AUDIENCE.upper()},
        {"aud": ""},
        {"aud": []},
        {"aud": [AUDIENCE, "another-app.example"]},
        {"aud": [AUDIENCE, "another-app.example"], "azp": AUDIENCE},
        {"aud": [AUDIENCE, OTHER_AUDIENCE]},
        {"azp": "another-app.example"},
        {"azp": ""},
        {"azp": 5},
        {"azp": [AUDIENCE]},
    ],
    ids=str,
)
def test_a_token_by_or_for_others_is_refused(google: Scene, claims: dict[str, Any]) -> None:
    assert google.refused(google.openid.token(**claims)) == FOREIGN


@pytest.mark.parametrize("claims", [{"aud": ...}, {"aud": None}, {"aud": 5}, {"aud": [5]}, {"aud": {}}], ids=str)
def test_a_token_for_nobody_is_refused(google: Scene, claims: dict[str, Any]) -> None:
    assert google.refused(google.openid.token(**claims)) == BAD


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": [AUDIENCE]},
        {"aud": OTHER_AUDIENCE},
        {"azp": AUDIENCE},
        {"azp": OTHER_AUDIENCE},
        {"aud": [AUDIENCE, OTHER_AUDIENCE], "azp": AUDIENCE},
    ],
    ids=str,
)
def test_each_of_our_apps_there_is_the_same_provider(google: Scene, claims: dict[str, Any]) -> None:
    assert google.resolve(google.openid.token(**claims)) == google.known_as


def test_a_client_may_be_bound_to_one_of_them(google: Scene) -> None:
    bound = a_client(sign_provider="google", sign_app=OTHER_AUDIENCE)
    assert google.refused(google.openid.token(), bound) == FOREIGN
    assert google.resolve(google.openid.token(aud=OTHER_AUDIENCE), bound) == google.known_as
    error = google.refusal(google.openid.token(), a_client(sign_provider="google", sign_app="not-ours"))
    assert (error.status, error.detail) == (503, "oidc google: 'not-ours' is none of its audiences")


def test_a_party_that_is_authorized_besides() -> None:
    """Google's tokens for Android: `aud` is the back end's client id, `azp` the app's."""
    with at_openid(entry={"authorized_parties": ["android.example"]}) as google:
        assert google.resolve(google.openid.token(azp="android.example")) == google.known_as
        assert google.refused(google.openid.token(aud="android.example")) == FOREIGN


@pytest.mark.security("ASVS-10.5.2")
def test_another_name_of_the_issuer_is_the_same_issuer() -> None:
    with at_openid(entry={"issuer_aliases": ["accounts.google.com"]}) as google:
        assert google.resolve(google.openid.token(iss="accounts.google.com")) == google.known_as


@pytest.mark.security("F25")
@pytest.mark.parametrize(
    "claims",
    [
        {"exp": START - 30},
        {"exp": START - 3600, "iat": START - 7200},
        {"exp": -1},
        {"iat": START + 31},
        {"nbf": START + 31},
        {"exp": START + 32 * 86400},
        {"exp": 10**400},
    ],
    ids=lambda claims: str(claims)[:40],
)
def test_a_token_that_is_not_good_now_is_refused(google: Scene, claims: dict[str, Any]) -> None:
    assert google.refused(google.openid.token(**claims)) == EXPIRED


def test_how_long_a_token_may_live_is_a_setting() -> None:
    with at_openid(entry={"token_life_max": 600}) as google:
        assert google.resolve(google.openid.token(exp=START + 600)) == google.known_as
        assert google.refused(google.openid.token(exp=START + 601)) == EXPIRED


@pytest.mark.security("F25")
@pytest.mark.parametrize(
    "claims", [{"exp": START - 29}, {"iat": START + 30}, {"nbf": START + 30}, {"exp": START + 0.5}, {"iat": 0}], ids=str
)
def test_clocks_may_differ_by_half_a_minute(google: Scene, claims: dict[str, Any]) -> None:
    """Either way: the provider's may be ahead of ours, or behind."""
    assert google.resolve(google.openid.token(**claims)) == google.known_as


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": ...},
        {"iat": ...},
        {"exp": str(START + 60)},
        {"exp": None},
        {"exp": True},
        {"exp": float("inf")},
        {"iat": float("nan")},
        {"nbf": "now"},
        {"sub": ...},
        {"sub": ""},
        {"sub": 5},
        {"sub": "x" * 256},
        {"sub": "爱丽丝"},
        {"sub": "a\nb"},
        {"sub": "\ud800"},
    ],
    ids=lambda claims: ascii(claims)[:40],
)
def test_a_token_that_lacks_what_it_needs_is_refused(google: Scene, claims: dict[str, Any]) -> None:
    assert google.refused(google.openid.token(**claims)) == BAD


@pytest.mark.parametrize("payload", [b"", b"null", b"[]", b'"x"', b"{", b"\xff", b"[" * 5000], ids=lambda p: str(p[:9]))
def test_a_payload_that_is_no_object_is_refused(google: Scene, payload: bytes) -> None:
    import jwt as pyjwt

    text = pyjwt.PyJWS().encode(payload, private_key("ES256"), "ES256", headers={"kid": "one"})
    assert google.refused(text) == BAD


@pytest.mark.security("ASVS-10.1.2", "ASVS-10.5.1")
def test_a_nonce_is_needed_where_the_token_has_one(google: Scene) -> None:
    import hashlib

    hashed = hashlib.sha256(NONCE.encode()).hexdigest()
    for kept in (NONCE, hashed):
        token = google.openid.token(nonce=kept)
        error = google.refusal(token)
        assert (error.code, error.reason, error.values) == ("invalid_request", "missing_parameter", {"name": "nonce"})
        for wrong in ("x", NONCE + "x", NONCE.upper(), hashed[:-1], hashlib.sha256(hashed.encode()).hexdigest()):
            assert google.refused(ProviderCredential(token, wrong)) == WRONG_NONCE
        # None of that has used it up.
        assert google.resolve(ProviderCredential(token, NONCE)) == google.known_as
        assert google.refused(ProviderCredential(token, NONCE)) == USED


@pytest.mark.parametrize("nonce", [5, ["x"], True, {}, ""], ids=str)
def test_a_nonce_that_is_no_text_matches_nothing(google: Scene, nonce: Any) -> None:
    assert google.refusal(google.openid.token(nonce=nonce)).reason == "missing_parameter"
    for given in ("5", "x", "True", "[]"):
        assert google.refused(ProviderCredential(google.openid.token(nonce=nonce), given)) == WRONG_NONCE


def test_a_nonce_without_one_in_the_token_is_refused(google: Scene) -> None:
    assert google.refused(ProviderCredential(google.openid.token(), NONCE)) == WRONG_NONCE
    assert google.refused(ProviderCredential(google.openid.token(nonce="\ud800"), NONCE)) == WRONG_NONCE


def test_a_provider_may_be_taken_with_a_nonce_only() -> None:
    with at_openid(entry={"nonce": "required"}) as google:
        assert google.refusal(google.openid.token()).reason == "missing_parameter"
        assert google.refused(ProviderCredential(google.openid.token(), NONCE)) == WRONG_NONCE
        assert google.resolve(ProviderCredential(google.openid.token(nonce=NONCE), NONCE)) == google.known_as


@pytest.mark.security("ASVS-10.5.1")
def test_a_provider_may_be_taken_with_a_hashed_nonce_only() -> None:
    """What stands in the token is then no help to who has stolen it."""
    import hashlib

    hashed = hashlib.sha256(NONCE.encode()).hexdigest()
    with at_openid(entry={"nonce": "hashed"}) as google:
        token = google.openid.token(nonce=hashed)
        assert google.refused(ProviderCredential(token, hashed)) == WRONG_NONCE
        assert google.refused(ProviderCredential(google.openid.token(nonce=NONCE), NONCE)) == WRONG_NONCE
        assert google.resolve(ProviderCredential(token, NONCE)) == google.known_as


# --- OpenID: once ------------------------------------------------------------------------------------------


@pytest.mark.security("ASVS-6.8.3")
def test_a_token_in_another_spelling_is_the_same_token(google: Scene) -> None:
    """An ECDSA signature has a twin that is as good; bits that count for nothing may not be set in base64url."""
    token = google.openid.token()
    google.resolve(token)
    signed, _, signature = token.rpartition(".")
    raw = base64url_decode(signature)
    r, s = int.from_bytes(raw[:32]), int.from_bytes(raw[32:])
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    twin = base64url_encode(r.to_bytes(32) + (order - s).to_bytes(32)).decode()
    assert twin != signature
    assert google.refused(f"{signed}.{twin}") == USED
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = digits[digits.index(signature[-1]) ^ 1]
    assert google.refused(f"{signed}.{signature[:-1]}{last}") == BAD


def test_it_is_remembered_for_as_long_as_it_is_good(store: Any) -> None:
    with at_openid(store) as google:
        token = google.openid.token(exp=START + 600)
        google.resolve(token)
        google.time.advance(629)
        assert google.refused(token) == USED
        google.time.advance(1)
        assert google.refused(token) == EXPIRED


def test_of_32_at_once_one_gets_in(reference: Any) -> None:
    with at_openid(reference) as google:
        token = google.openid.token()
        google.resolve()

        def attempt(_: int) -> str:
            try:
                return google.resolve(token).openid
            except LingpaiError as error:
                return error.reason

        with ThreadPoolExecutor(32) as pool:
            outcomes = list(pool.map(attempt, range(32)))
    assert sorted(outcomes) == ["id_token_used"] * 31 + [google.known_as.openid]


def test_where_it_cannot_be_remembered_nobody_gets_in() -> None:
    class Broken(MemoryStore):
        def increment(self, key: str, limits: Any, ttl: int, amount: int = 1) -> Any:
            raise LingpaiError("temporarily_unavailable", 503, "store_unavailable")

    with at_openid(Broken()) as google:
        assert google.refused() == (503, "temporarily_unavailable", "store_unavailable")


# --- OpenID: keys that come and go ------------------------------------------------------------------------


def test_a_provider_is_not_put_off_that_a_request_had_no_time_for(google: Scene) -> None:
    """It was not asked, or not waited for: that tells nothing of it, and the next request has time."""
    with within(0):
        assert google.refused() == UNAVAILABLE
    assert google.line.asked == []
    assert google.resolve() == google.known_as
    assert google.line.asked == [DISCOVERY, KEYS]


def test_a_new_key_is_found_at_once(google: Scene) -> None:
    google.resolve()
    google.time.advance(1)
    google.openid.keys.append(public_jwk("ES256", "two", 1))
    assert google.resolve(google.openid.token(kid="two", number=1)) == google.known_as
    assert google.line.asked == [DISCOVERY, KEYS, KEYS]


def test_keys_that_were_read_for_a_token_are_not_read_again_for_it(google: Scene) -> None:
    """Each of the readings may take as long as is waited for one, and a function ends after ten seconds."""
    assert google.refused(google.openid.token(kid="unknown", number=1)) == BAD
    assert google.line.asked == [DISCOVERY, KEYS]
    # The next one is not put off for it.
    google.openid.keys.append(public_jwk("ES256", "two", 1))
    assert google.resolve(google.openid.token(kid="two", number=1)) == google.known_as
    assert google.line.asked == [DISCOVERY, KEYS, KEYS]


def test_a_flood_of_names_of_keys_makes_no_flood_of_calls(google: Scene) -> None:
    google.resolve()
    for number in range(200):
        assert google.refused(google.openid.token(kid=f"made-up-{number}", number=1)) == BAD
        google.time.advance(0.25)
    # Two windows of 30 seconds have begun in these 50.
    assert google.line.asked == [DISCOVERY, KEYS, KEYS, KEYS]
    assert google.resolve() == google.known_as


def test_a_flood_at_once_makes_one_call(google: Scene) -> None:
    google.resolve()
    tokens = [google.openid.token(kid=f"made-up-{number}", number=1) for number in range(16)]
    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(partial(Scene.refused, google), tokens)) == {BAD}
    assert google.line.asked == [DISCOVERY, KEYS, KEYS]


def test_a_key_that_is_withdrawn_is_refused_when_the_keys_are_read_again(google: Scene) -> None:
    google.resolve()
    google.openid.keys = [public_jwk("ES256", "two", 1)]
    google.time.advance(3599)
    assert google.resolve() == google.known_as
    google.time.advance(1)
    assert google.refused() == BAD
    assert google.resolve(google.openid.token(kid="two", number=1, at=START + 3600)) == google.known_as


@pytest.mark.security("F25")
@pytest.mark.parametrize(("wall", "monotonic"), [(3600, 0), (0, 3600), (-3600, 3600)])
def test_keys_are_read_again_once_either_clock_says_so(google: Scene, wall: int, monotonic: int) -> None:
    google.resolve()
    google.openid.keys = [public_jwk("ES256", "two", 1)]
    google.time.at += wall
    google.time.ran += monotonic
    assert google.refused(google.openid.token(at=START)) == BAD


@pytest.mark.parametrize("path", [DISCOVERY, KEYS])
@pytest.mark.parametrize("fault", FAULTS)
def test_keys_at_hand_outlive_a_provider_that_does_not_answer(google: Scene, fault: Fault, path: str) -> None:
    google.resolve()
    google.line.fault, google.line.faulty = fault, path
    google.time.advance(3600)
    assert google.resolve() == google.known_as
    asked = len(google.line.asked)
    assert google.resolve() == google.known_as
    assert len(google.line.asked) == asked, "asked again within the pause"


def test_but_not_for_longer_than_a_day(google: Scene) -> None:
    google.resolve()
    google.line.fault = "500"
    google.time.advance(86399)
    assert google.resolve() == google.known_as
    google.time.advance(31)
    assert google.refused() == UNAVAILABLE
    error = google.refusal()
    assert (error.retry_after, error.detail) == (30, None), "the provider is not asked again before that"
    assert google.line.asked == [DISCOVERY, KEYS, DISCOVERY, DISCOVERY]


def test_an_unknown_key_and_a_provider_that_does_not_answer(google: Scene) -> None:
    """Nobody can tell whether it is good: 503; those whose key is at hand get in."""
    google.resolve()
    google.line.fault = "500"
    assert google.refused(google.openid.token(kid="two", number=1)) == UNAVAILABLE
    assert google.resolve() == google.known_as
