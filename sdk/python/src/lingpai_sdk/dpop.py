"""DPoP (RFC 9449) as a client: a key, the proofs by it, and requests that carry them.

This module needs PyJWT: install `lingpai-sdk[dpop]`.
"""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Generator
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from lingpai_sdk import _arguments

_ALGORITHM = "ES256"
# The members of the public key that its thumbprint covers, in order (RFC 7638 section 3.2).
_MEMBERS = ("crv", "kty", "x", "y")


class DPoPKey:
    """A key that tokens are bound to. It keeps the last nonce of each server, and may be shared among threads.

    `private_key`: a key on the curve P-256 that is kept somewhere; without it a new one is made. The refresh token of
    a public client is good with the same key alone. ValueError for a key on another curve.
    """

    def __init__(self, private_key: ec.EllipticCurvePrivateKey | None = None) -> None:
        if private_key is None:
            private_key = ec.generate_private_key(ec.SECP256R1())
        if private_key.curve.name != ec.SECP256R1.name:
            raise ValueError("private_key: must be on the curve P-256")
        self._private_key = private_key
        public = ECAlgorithm.to_jwk(private_key.public_key(), as_dict=True)
        self._jwk = {name: public[name] for name in _MEMBERS}
        self._nonces: dict[str, str] = {}

    @property
    def private_key(self) -> ec.EllipticCurvePrivateKey:
        """The private key, to be kept by `cryptography`'s means."""
        return self._private_key

    @property
    def jkt(self) -> str:
        """The thumbprint of the public key (RFC 7638), as `dpop_jkt` and `cnf` have it."""
        return _hash(json.dumps(self._jwk, separators=(",", ":")))

    def proof(self, method: str, url: str, access_token: str | None = None) -> str:
        """A proof for one request, the value of its header `DPoP` (RFC 9449 section 4.2).

        `url` is the request's; query and fragment are left out. `access_token` is the token that the request presents.
        """
        at = httpx.URL(url)
        claims: dict[str, Any] = {
            "jti": secrets.token_urlsafe(16),
            "htm": method,
            "htu": str(at.copy_with(query=None, fragment=None)),
            "iat": int(time.time()),
        }
        if access_token is not None:
            claims["ath"] = _hash(_arguments.token("access_token", access_token))
        if nonce := self._nonces.get(_origin(at)):
            claims["nonce"] = nonce
        headers = {"typ": "dpop+jwt", "jwk": self._jwk}
        return jwt.encode(claims, self._private_key, algorithm=_ALGORITHM, headers=headers)

    def auth(self, access_token: str | None = None) -> httpx.Auth:
        """What gives a request of httpx its proof and, by the scheme DPoP, this access token: its argument `auth`.

        A request that is refused for the lack of the server's nonce is sent once more, with it.
        """
        return _Auth(self, None if access_token is None else _arguments.token("access_token", access_token))

    def keep_nonce(self, url: str, nonce: str | None) -> None:
        """Use this nonce for the next proofs for the server of the address: the header `DPoP-Nonce` of its answer."""
        if nonce:
            self._nonces[_origin(httpx.URL(url))] = nonce

    def __repr__(self) -> str:
        return f"{type(self).__name__}(jkt={self.jkt!r})"


class _Auth(httpx.Auth):
    def __init__(self, key: DPoPKey, access_token: str | None) -> None:
        self._key = key
        self._access_token = access_token
        # The token endpoint says in the body that it wants a nonce, an API in a header (RFC 9449 sections 8 and 9).
        self.requires_response_body = access_token is None

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """See httpx."""
        response = yield self._signed(request)
        self._keep_nonce(response)
        if "DPoP-Nonce" in response.headers and self._is_refused_for_it(response):
            self._keep_nonce((yield self._signed(request)))

    def _signed(self, request: httpx.Request) -> httpx.Request:
        request.headers["DPoP"] = self._key.proof(request.method, str(request.url), self._access_token)
        if self._access_token is not None:
            request.headers["Authorization"] = f"DPoP {self._access_token}"
        return request

    def _keep_nonce(self, response: httpx.Response) -> None:
        self._key.keep_nonce(str(response.request.url), response.headers.get("DPoP-Nonce"))

    def _is_refused_for_it(self, response: httpx.Response) -> bool:
        if self._access_token is not None:
            return response.status_code == 401 and "use_dpop_nonce" in response.headers.get("WWW-Authenticate", "")
        if response.status_code not in {400, 401}:
            return False
        try:
            content = json.loads(response.content)
        except (ValueError, RecursionError):
            return False
        return isinstance(content, dict) and content.get("error") == "use_dpop_nonce"


def _origin(url: httpx.URL) -> str:
    return f"{url.scheme}://{url.netloc.decode('ascii')}"


def _hash(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
