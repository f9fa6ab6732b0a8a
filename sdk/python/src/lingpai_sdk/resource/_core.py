"""The part that both verifiers share. It does no I/O.

A method that needs the issuer is a generator: it yields each request and receives the answer. `Verifier` sends the
requests with httpx.Client, `AsyncVerifier` with httpx.AsyncClient.
"""

import json
import logging
import re
import time
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx

from lingpai_sdk import _arguments
from lingpai_sdk.resource import _introspected, _proofs, _signed
from lingpai_sdk.resource._errors import InvalidToken, Unavailable, VerificationError
from lingpai_sdk.resource._introspected import Cache
from lingpai_sdk.resource._keys import Keys
from lingpai_sdk.resource._proofs import Presented, Proof
from lingpai_sdk.resource._signed import Policy
from lingpai_sdk.resource._tokens import AccessToken

ALGORITHMS = ("RS256", "ES256")
# Seconds by which the clocks of the issuer and of the API may differ.
LEEWAY = 30.0
# Seconds: the age at which keys are fetched again, and how long the result of an introspection is cached.
KEYS_TTL = 600.0
CACHE_TTL = 60.0
# Seconds for which a refusal is cached, and the greatest number of cached refusals and of cached tokens.
REFUSED_TTL = 10.0
CACHE_SIZE = 4096
# Seconds. They are shorter than the SDK's other timeouts, since the caller of the API is waiting.
TIMEOUT = httpx.Timeout(5.0, connect=3.0)

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{1,16384}=*")
_HEADERS = {"Accept": "application/json", "User-Agent": "lingpai-sdk (python)"}
_log = logging.getLogger("lingpai_sdk")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Request:
    """A request to the issuer: POST with a form, else GET. `basic` is the client's id and secret for HTTP Basic."""

    url: str
    form: Mapping[str, str] | None = field(default=None, repr=False)
    basic: tuple[str, str] | None = field(default=None, repr=False)

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of `httpx.Client.request`. Redirects are not followed: tokens go to the issuer only."""
        return {
            "method": "GET" if self.form is None else "POST",
            "url": self.url,
            "data": self.form,
            "auth": None if self.basic is None else httpx.BasicAuth(*self.basic),
            "headers": _HEADERS,
            "follow_redirects": False,
        }


# Yields requests, receives each answer (None if there was none), and returns the result.
Steps = Generator[Request, httpx.Response | None, _Result]


class Core:
    """The settings, keys and cached answers of a verifier. The arguments are those of `Verifier`."""

    def __init__(
        self,
        issuer: str,
        audience: str | Iterable[str],
        *,
        algorithms: Iterable[str],
        introspect: tuple[str, str] | None,
        leeway: float,
        keys_ttl: float,
        cache_ttl: float,
        allow_http: bool,
        base_url: str | None,
    ) -> None:
        audiences = frozenset([audience] if isinstance(audience, str) else audience)
        if not audiences:
            raise ValueError("audience: must name this API")
        for each in audiences:
            _arguments.text("audience", each)
        allowed = frozenset(algorithms)
        if not allowed or not allowed <= _signed.ASYMMETRIC:
            raise ValueError(f"algorithms: must be of {', '.join(sorted(_signed.ASYMMETRIC))}")
        if min(leeway, keys_ttl, cache_ttl) < 0:
            raise ValueError("leeway, keys_ttl, cache_ttl: must not be negative")
        self.issuer = _arguments.base_address(issuer, allow_http=allow_http)
        self.base_url = None if base_url is None else _arguments.base_address(base_url, allow_http=True)
        self.policy = Policy(self.issuer, audiences, allowed, leeway)
        self.keys = Keys(keys_ttl)
        self._cache_ttl = cache_ttl
        self._basic = None
        if introspect is not None:
            _arguments.texts(client_id=introspect[0], client_secret=introspect[1])
            self._basic = introspect
        self._metadata: Mapping[str, Any] | None = None
        self._accepted: Cache[AccessToken] = Cache(CACHE_SIZE)
        self._refused: Cache[str] = Cache(CACHE_SIZE)

    def present(self, authorization: str | None, scopes: Iterable[str]) -> Presented:
        """The access token in the header `Authorization`; MissingToken or InvalidToken."""
        return _proofs.presented(authorization, scopes, dpop=self.base_url is not None)

    def refuse_bound(self, found: AccessToken) -> None:
        """InvalidToken if the token is bound to a key, for a request that presents it as a bearer token.

        RFC 9449 section 7.2.
        """
        if found.jkt is not None:
            raise InvalidToken("The access token is bound to a key: it needs the scheme DPoP and a proof")

    def check_proof(self, found: AccessToken, token: str, proof: str | None, method: str, path: str) -> Proof:
        """The proof of a request that presents the token with the scheme DPoP (RFC 9449 section 7.1).

        InvalidToken if the token is bound to no key or to another one, InvalidProof for the proof.
        """
        if found.jkt is None:
            raise InvalidToken("The access token is bound to no key: it needs the scheme Bearer")
        checked = _proofs.check(proof, method, f"{self.base_url}{path}", token, time.time(), self.policy.leeway)
        if checked.jkt != found.jkt:
            raise InvalidToken("The access token is bound to another key than that of the DPoP proof")
        return checked

    def proof_expiry(self) -> float:
        """Until when a proof that is used now has to be remembered (seconds since 1970)."""
        return time.time() + _proofs.LIFETIME + self.policy.leeway

    def challenged(self, error: VerificationError, scheme: str) -> VerificationError:
        """The error, for a request that used this scheme."""
        error.scheme = scheme
        error.dpop_algorithms = () if self.base_url is None else _proofs.ALGORITHMS
        return error

    def check_form(self, token: str) -> None:
        """InvalidToken for a text that cannot be a token; the issuer is not asked."""
        if not _TOKEN.fullmatch(token):
            raise InvalidToken("The access token is malformed")

    def fetch_keys(self) -> Steps[None]:
        """Fetch the keys of the issuer. A failure is logged, and the present keys stay."""
        try:
            uri = yield from self._endpoint("jwks_uri")
            document = _json((yield Request(uri)))
            try:
                found = _signed.keys(document)
            except ValueError:
                raise Unavailable("The issuer's keys cannot be read") from None
        except Unavailable as error:
            self._metadata = None  # Read again next time: the endpoint may have moved.
            self.keys.fail(time.time())
            _log.warning("keys of %s: %s", self.issuer, error.description)
        except GeneratorExit:
            self.keys.fail(time.time())  # The task that fetched was cancelled.
            raise
        else:
            self.keys.replace(found, time.time())

    def introspect(self, token: str) -> Steps[AccessToken]:
        """The opaque token, as the issuer or a cached answer describes it; InvalidToken or Unavailable."""
        if self._basic is None:
            raise InvalidToken("This API accepts signed access tokens only")
        digest, now = _introspected.digest(token), time.time()
        known = self._accepted.get(digest, now)
        if known is not None:
            return known
        refusal = self._refused.get(digest, now)
        if refusal is not None:
            raise InvalidToken(refusal)
        uri = yield from self._endpoint("introspection_endpoint")
        answer = _json((yield self._question(uri, token)))
        try:
            found = _introspected.read(self.policy, answer)
        except InvalidToken as error:
            self._refused.put(digest, error.description, now, now + REFUSED_TTL)
            raise
        self._accepted.put(digest, found, now, min(now + self._cache_ttl, found.expires_at.timestamp()))
        return found

    def _question(self, uri: str, token: str) -> Request:
        client_id, secret = self._basic or ("", "")
        form = {"token": token, "token_type_hint": "access_token"}
        if ":" in client_id:
            # HTTP Basic allows no colon in the id (RFC 7617 section 2).
            return Request(uri, {**form, "client_id": client_id, "client_secret": secret})
        return Request(uri, form, (client_id, secret))

    def _endpoint(self, name: str) -> Steps[str]:
        """The address in the issuer's metadata (OpenID Connect Discovery 1.0 section 4), which are cached."""
        if self._metadata is None:
            found = _json((yield Request(f"{self.issuer}/.well-known/openid-configuration")))
            if found.get("issuer") != self.issuer:
                # RFC 8414 section 3.3: they must not be used.
                raise Unavailable("The metadata are not those of the issuer")
            self._metadata = found
        uri = self._metadata.get(name)
        if not isinstance(uri, str) or not self._is_safe(uri):
            raise Unavailable(f"The issuer's metadata have no usable {name}")
        return uri

    def _is_safe(self, uri: str) -> bool:
        """Whether secrets may be sent to this address: it is https, or the issuer itself."""
        try:
            parts, issuer = urlsplit(uri), urlsplit(self.issuer)
        except ValueError:
            return False
        return parts.scheme == "https" or (parts.scheme, parts.netloc) == (issuer.scheme, issuer.netloc)


def _json(answer: httpx.Response | None) -> Mapping[str, Any]:
    """The JSON object of an answer with status 200; Unavailable for any other answer."""
    if answer is None:
        raise Unavailable("The issuer does not answer")
    if answer.status_code != 200:
        raise Unavailable(f"The issuer answers with HTTP status {answer.status_code}", _retry_after(answer))
    try:
        content = json.loads(answer.content)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise Unavailable("The issuer's answer is no JSON object")
    return content


def _retry_after(answer: httpx.Response) -> float:
    said = answer.headers.get("retry-after", "")
    return float(said[:9]) if said.isascii() and said.isdigit() else Unavailable("").retry_after
