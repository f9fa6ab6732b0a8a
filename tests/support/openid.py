"""An OpenID provider: discovery, keys that it changes, ID tokens, right and wrong, and the code flow."""

import base64
import functools
import hashlib
import itertools
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html import escape
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

import jwt as pyjwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.utils import base64url_encode

from tests.support.logs import LOGS
from tests.support.time import START

DISCOVERY, KEYS = "/.well-known/openid-configuration", "/keys"
AUDIENCE, OTHER_AUDIENCE = "our-app.example", "our-web.example"
NONCE = "n-0S6_WzA2Mj-raw"
AUTHORIZE, TOKEN = "/authorize", "/token"
# A secret that RFC 6749 section 2.3.1 has to be followed for.
SECRET = "s:e+c%r&t /of-our-web"
_HEX = re.compile("[0-9a-f]{64}")
_BASE64URL = re.compile("[A-Za-z0-9_-]{43}")


def private_key(algorithm: str, number: int = 0) -> Any:
    """A key for the algorithm, the `number`th: made once, since RSA takes long."""
    return _made(algorithm, number)


@functools.cache
def _made(algorithm: str, number: int) -> Any:
    match algorithm:
        case "ES256":
            return ec.generate_private_key(ec.SECP256R1())
        case "ES384":
            return ec.generate_private_key(ec.SECP384R1())
        case "ES512":
            return ec.generate_private_key(ec.SECP521R1())
        case "EdDSA":
            return ed25519.Ed25519PrivateKey.generate()
        case "RSA-1024":
            return rsa.generate_private_key(65537, 1024)  # noqa: S505  too short, which is the point
        case _:
            return rsa.generate_private_key(65537, 2048)


def public_jwk(algorithm: str, kid: str | None, number: int = 0, **more: Any) -> dict[str, Any]:
    """The public half as the provider publishes it."""
    name = "RS256" if algorithm == "RSA-1024" else algorithm
    jwk = pyjwt.get_algorithm_by_name(name).to_jwk(private_key(algorithm, number).public_key(), as_dict=True)
    jwk.pop("key_ops", None)
    return {**jwk, "use": "sig", "alg": name} | ({"kid": kid} if kid is not None else {}) | more


@dataclass(frozen=True)
class Granted:
    """What a code stands for: who has logged in, and the request that it was asked for with."""

    subject: str
    asked: dict[str, str]


@dataclass
class OpenId:
    """A vendor (see `tests.support.vendor`). `keys` are what it publishes; its issuer is the address it is at.

    `redirect_uris` are those of its client OTHER_AUDIENCE, whose secret is `secret` (None: it has none). A code is
    redeemed for an ID token that has `claims` besides. `person` is who logs in by the link on its page.
    """

    issuer: str = ""
    keys: list[dict[str, Any]] = field(default_factory=lambda: [public_jwk("ES256", "one"), public_jwk("RS256", "rsa")])
    metadata: dict[str, Any] = field(default_factory=dict)
    redirect_uris: tuple[str, ...] = ()
    secret: str | None = SECRET
    auth_method: str = "client_secret_basic"
    claims: dict[str, Any] = field(default_factory=dict)
    person: str = "subject-of-alice"
    clock: Callable[[], float] = lambda: START
    codes: dict[str, Granted] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    _made: Iterator[int] = field(default_factory=itertools.count)

    def answer(self, path: str, query: str) -> tuple[int, bytes]:
        """See `vendor.Vendor`."""
        if path == DISCOVERY:
            document = {
                "issuer": self.issuer,
                "jwks_uri": f"{self.issuer}{KEYS}",
                "authorization_endpoint": f"{self.issuer}{AUTHORIZE}",
                "token_endpoint": f"{self.issuer}{TOKEN}",
                "token_endpoint_auth_methods_supported": [self.auth_method],
                "authorization_response_iss_parameter_supported": True,
                **self.metadata,
            }
            return 200, json.dumps({name: value for name, value in document.items() if value is not None}).encode()
        if path == KEYS:
            return 200, json.dumps({"keys": self.keys}).encode()
        if path == AUTHORIZE:
            return self._page(query)
        return 404, b"{}"

    def answer_form(self, path: str, form: str, authorization: str) -> tuple[int, bytes]:
        """See `vendor.Vendor`: the token endpoint (OpenID Connect Core 1.0 section 3.1.3)."""
        if path != TOKEN:
            return 404, b"{}"
        asked = _once_each(form)
        status, said = self._redeem(asked, authorization)
        if status != 200:
            self.refused.append(said["error"])
        return status, json.dumps(said).encode()

    def log_in(self, address: str, subject: str = "subject-of-alice") -> str:
        """Where the browser is sent back to, after somebody has logged in at this address."""
        asked = self._asked(urlsplit(address).query)
        assert address.startswith(f"{self.issuer}{AUTHORIZE}?")
        code = f"4/{next(self._made)}-{'code' * 8}"
        self.codes[code] = Granted(subject, asked)
        LOGS.hush("code", code)
        LOGS.hush("state", asked["state"])
        return self._back(asked, code=code)

    def decline(self, address: str, error: str = "access_denied") -> str:
        """Where the browser is sent back to, after somebody has said no at this address."""
        return self._back(self._asked(urlsplit(address).query), error=error)

    def _asked(self, query: str) -> dict[str, str]:
        """The authentication request, each parameter of which must be right."""
        asked = _once_each(query)
        mode = asked.pop("response_mode", "query")
        assert asked.keys() == {
            "response_type", "client_id", "redirect_uri", "scope", "state", "nonce",
            "code_challenge", "code_challenge_method",
        }  # fmt: skip
        assert (asked["response_type"], asked["client_id"]) == ("code", OTHER_AUDIENCE)
        assert asked["redirect_uri"] in self.redirect_uris
        assert "openid" in asked["scope"].split()
        assert asked["code_challenge_method"] == "S256"
        assert _BASE64URL.fullmatch(asked["code_challenge"])
        assert _HEX.fullmatch(asked["state"])
        assert len(asked["nonce"]) >= 43
        assert mode in ("query", "form_post")
        return asked

    def _back(self, asked: dict[str, str], **said: str) -> str:
        fields = {"state": asked["state"], **said, "iss": self.issuer}
        return f"{asked['redirect_uri']}?{urlencode(fields)}"

    def _page(self, query: str) -> tuple[int, bytes]:
        """The page for a browser, or the provider's own error page."""
        address = f"{self.issuer}{AUTHORIZE}?{query}"
        try:
            links = {"Log in": self.log_in(address, self.person), "Decline": self.decline(address)}
        except (AssertionError, KeyError) as error:
            self.refused.append(repr(error))
            return 400, b"<!doctype html><h1>Error 400: invalid_request</h1>"
        listed = "".join(f'<p><a href="{escape(link)}">{text}</a></p>' for text, link in links.items())
        return 200, f"<!doctype html><title>Provider</title><h1>Provider</h1>{listed}".encode()

    def _redeem(self, asked: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        if not self._is_client(asked, authorization):
            return 401, {"error": "invalid_client"}
        if asked.get("grant_type") != "authorization_code":
            return 400, {"error": "unsupported_grant_type"}
        granted = self.codes.pop(asked.get("code", ""), None)
        challenge = base64url_encode(hashlib.sha256(asked.get("code_verifier", "").encode()).digest()).decode()
        if (
            granted is None
            or granted.asked["redirect_uri"] != asked.get("redirect_uri")
            or granted.asked["code_challenge"] != challenge
        ):
            return 400, {"error": "invalid_grant", "error_description": "Bad code."}
        claims = {"aud": OTHER_AUDIENCE, "nonce": granted.asked["nonce"], **self.claims}
        subject = claims.pop("sub", granted.subject)
        token = self.token(subject, at=int(self.clock()), **claims)
        return 200, {"access_token": "ya29.of-no-use", "token_type": "Bearer", "expires_in": 3599, "id_token": token}

    def _is_client(self, asked: dict[str, str], authorization: str) -> bool:
        if self.secret is None:
            return not authorization and "client_secret" not in asked and asked.get("client_id") == OTHER_AUDIENCE
        if self.auth_method == "client_secret_post":
            given = (asked.get("client_id"), asked.get("client_secret"))
            return not authorization and given == (OTHER_AUDIENCE, self.secret)
        if "client_secret" in asked or not authorization.startswith("Basic "):
            return False
        pair = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        return (unquote_plus(pair[0]), unquote_plus(pair[2])) == (OTHER_AUDIENCE, self.secret)

    def token(
        self,
        subject: str = "subject-of-alice",
        *,
        algorithm: str = "ES256",
        kid: str | None = "one",
        number: int = 0,
        key: Any = None,
        headers: dict[str, Any] | None = None,
        at: int = START,
        **claims: Any,
    ) -> str:
        """An ID token; of `claims` those that are `...` are left out."""
        said = {"iss": self.issuer, "aud": AUDIENCE, "sub": subject, "iat": at - 5, "exp": at + 3600}
        said |= {"jti": str(next(self._made)), **claims}
        payload = {name: value for name, value in said.items() if value is not ...}
        named = {**({"kid": kid} if kid is not None else {}), **(headers or {})}
        signing = pyjwt.PyJWS()
        if algorithm == "Ed25519":
            signing.register_algorithm(algorithm, pyjwt.get_algorithm_by_name("EdDSA"))
        text = signing.encode(
            json.dumps(payload).encode(), key or private_key(algorithm, number), algorithm, headers=named
        )
        LOGS.hush("sign", text)
        LOGS.hush("subject", subject)
        return text


def unsigned(header: dict[str, Any], payload: dict[str, Any], signature: bytes = b"") -> str:
    """A token put together by hand."""
    parts = (json.dumps(header).encode(), json.dumps(payload).encode(), signature)
    return ".".join(base64url_encode(part).decode() for part in parts)


def _once_each(text: str) -> dict[str, str]:
    """The fields of a form, none of which may be there twice."""
    pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs), "a parameter is there twice"
    return dict(pairs)


def setting(issuer: str, **more: Any) -> str:
    """OIDC_PROVIDERS with this provider as `google`."""
    return json.dumps({"google": {"issuer": issuer, "audiences": [AUDIENCE, OTHER_AUDIENCE], **more}})


LOGS.hush("client secret", SECRET)
