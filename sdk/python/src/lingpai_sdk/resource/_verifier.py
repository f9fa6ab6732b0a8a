"""The verifiers. They send the requests of the core, and run only one fetch of keys at a time."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Generic, TypeVar

import httpx

from lingpai_sdk.resource import _signed
from lingpai_sdk.resource._core import ALGORITHMS, CACHE_TTL, KEYS_TTL, LEEWAY, TIMEOUT, Core, Request, Steps
from lingpai_sdk.resource._errors import InvalidProof, VerificationError
from lingpai_sdk.resource._replay import AsyncReplayCache, MemoryReplayCache, ReplayCache
from lingpai_sdk.resource._tokens import AccessToken

if TYPE_CHECKING:
    import jwt
    from typing_extensions import Self

_Result = TypeVar("_Result")
_Http = TypeVar("_Http")
_Lock = TypeVar("_Lock")
_Replay = TypeVar("_Replay", bound="ReplayCache | AsyncReplayCache")
# Errors after which a request is sent once more; all requests here are safe to repeat. Timeouts are not repeated.
_ONCE_MORE = (httpx.NetworkError, httpx.ProtocolError)


class _Verifier(Generic[_Http, _Lock, _Replay]):
    """What `Verifier` and `AsyncVerifier` have in common. `Verifier` explains the arguments."""

    _new_http: Callable[..., _Http]
    _new_lock: Callable[[], _Lock]

    def __init__(
        self,
        issuer: str,
        audience: str | Iterable[str],
        *,
        algorithms: Iterable[str] = ALGORITHMS,
        introspect: tuple[str, str] | None = None,
        leeway: float = LEEWAY,
        http: _Http | None = None,
        keys_ttl: float = KEYS_TTL,
        cache_ttl: float = CACHE_TTL,
        allow_http: bool = False,
        base_url: str | None = None,
        replay_cache: _Replay | None = None,
    ) -> None:
        self._core = Core(
            issuer,
            audience,
            algorithms=algorithms,
            introspect=introspect,
            leeway=leeway,
            keys_ttl=keys_ttl,
            cache_ttl=cache_ttl,
            allow_http=allow_http,
            base_url=base_url,
        )
        self._replay: _Replay | MemoryReplayCache = MemoryReplayCache() if replay_cache is None else replay_cache
        self._owned = http is None
        self._http = self._new_http(timeout=TIMEOUT) if http is None else http
        self._lock = self._new_lock()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._core.issuer!r}, {sorted(self._core.policy.audiences)!r})"


class Verifier(_Verifier[httpx.Client, threading.Lock, ReplayCache]):
    """Verifies access tokens for an API. Share one among all threads: it caches keys, answers and connections.

    `issuer`: the address of Lingpai, exactly as in `iss` and in its metadata.
    `audience`: the name of this API in `aud`, or several names. Tokens requested without `resource` have the issuer
    there, or the deployment's `AUDIENCE`; those of `passport` clients have the client's id.
    `algorithms`: the signature algorithms to accept. The key must be for the same algorithm.
    `introspect`: id and secret of a client whose record has `introspect`, for opaque tokens; None refuses them.
    `leeway`: the allowed difference of the clocks, in seconds.
    `http`: your own httpx client. Its timeouts are used, and `close` does not close it.
    `keys_ttl`, `cache_ttl`: seconds after which keys are fetched again, and a token is introspected again.
    `allow_http`: accept an issuer with plain http that is not on this machine.
    `base_url`: the public address of this API, such as `https://orders.example.com`: DPoP proofs are for addresses
    below it, whatever the header `Host` says. None refuses tokens that are bound to a key.
    `replay_cache`: where used proofs are kept; by default in the memory of this process.
    """

    _new_http, _new_lock = httpx.Client, threading.Lock

    def verify(
        self,
        token: str,
        *,
        scopes: Iterable[str] = (),
        roles: Iterable[str] = (),
        acr: str | Iterable[str] = (),
        max_age: int | None = None,
    ) -> AccessToken:
        """Verify a bearer token; return it if it satisfies `AccessToken.require`.

        Errors: InvalidToken, InsufficientScope, InsufficientAuthentication, or Unavailable if the issuer has to be
        asked and gives no answer. A token that is bound to a key is refused: `verify_request` takes it.
        """
        found = self._read(token)
        self._core.refuse_bound(found)
        found.require(scopes=scopes, roles=roles, acr=acr, max_age=max_age)
        return found

    def verify_request(
        self,
        authorization: str | None,
        *,
        method: str,
        path: str,
        proof: str | None = None,
        scopes: Iterable[str] = (),
        roles: Iterable[str] = (),
        acr: str | Iterable[str] = (),
        max_age: int | None = None,
    ) -> AccessToken:
        """Verify the access token of a request, by the scheme Bearer or, with `base_url`, DPoP (RFC 9449 section 7).

        `authorization` and `proof` are the values of the headers `Authorization` and `DPoP`, None without one; several
        values of one header are joined by a comma. `path` is as the request has it, percent-encoded, without the query.
        Errors: as of `verify`, MissingToken without a token, and InvalidProof.
        """
        scheme = "Bearer"
        try:
            presented = self._core.present(authorization, scopes)
            scheme = presented.scheme
            found = self._read(presented.token)
            if scheme == "Bearer":
                self._core.refuse_bound(found)
            else:
                checked = self._core.check_proof(found, presented.token, proof, method, path)
                if not self._replay.add(checked.use, self._core.proof_expiry()):
                    raise InvalidProof("The DPoP proof was used before")
            found.require(scopes=scopes, roles=roles, acr=acr, max_age=max_age)
        except VerificationError as error:
            raise self._core.challenged(error, scheme) from None
        return found

    def _read(self, token: str) -> AccessToken:
        self._core.check_form(token)
        if _signed.is_signed(token):
            return _signed.read(self._core.policy, token, self._key(_signed.key_id(self._core.policy, token)))
        return self._run(self._core.introspect(token))

    def close(self) -> None:
        """Close the connections. A client that was given stays open."""
        if self._owned:
            self._http.close()

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _key(self, kid: str) -> "jwt.PyJWK":
        keys, now = self._core.keys, time.time()
        # If the key is known, do not wait for another thread that is fetching newer ones.
        if keys.are_due(kid, now) and self._lock.acquire(blocking=not keys.has(kid, now)):
            try:
                if keys.are_due(kid, time.time()):
                    self._run(self._core.fetch_keys())
            finally:
                self._lock.release()
        return keys.get(kid, time.time())

    def _run(self, steps: Steps[_Result]) -> _Result:
        with contextlib.closing(steps):
            try:
                request = next(steps)
                while True:
                    request = steps.send(self._send(request))
            except StopIteration as done:
                result: _Result = done.value
                return result

    def _send(self, request: Request) -> httpx.Response | None:
        with contextlib.suppress(httpx.RequestError, httpx.InvalidURL):
            try:
                return self._http.request(**request.arguments)
            except _ONCE_MORE:
                return self._http.request(**request.arguments)
        return None


class AsyncVerifier(_Verifier[httpx.AsyncClient, asyncio.Lock, "ReplayCache | AsyncReplayCache"]):
    """As `Verifier`, for asyncio: `http` is an httpx.AsyncClient. Use it in one event loop."""

    _new_http, _new_lock = httpx.AsyncClient, asyncio.Lock

    async def verify(
        self,
        token: str,
        *,
        scopes: Iterable[str] = (),
        roles: Iterable[str] = (),
        acr: str | Iterable[str] = (),
        max_age: int | None = None,
    ) -> AccessToken:
        """As `Verifier.verify`."""
        found = await self._read(token)
        self._core.refuse_bound(found)
        found.require(scopes=scopes, roles=roles, acr=acr, max_age=max_age)
        return found

    async def verify_request(
        self,
        authorization: str | None,
        *,
        method: str,
        path: str,
        proof: str | None = None,
        scopes: Iterable[str] = (),
        roles: Iterable[str] = (),
        acr: str | Iterable[str] = (),
        max_age: int | None = None,
    ) -> AccessToken:
        """As `Verifier.verify_request`."""
        scheme = "Bearer"
        try:
            presented = self._core.present(authorization, scopes)
            scheme = presented.scheme
            found = await self._read(presented.token)
            if scheme == "Bearer":
                self._core.refuse_bound(found)
            else:
                checked = self._core.check_proof(found, presented.token, proof, method, path)
                added = self._replay.add(checked.use, self._core.proof_expiry())
                if not (added if isinstance(added, bool) else await added):
                    raise InvalidProof("The DPoP proof was used before")
            found.require(scopes=scopes, roles=roles, acr=acr, max_age=max_age)
        except VerificationError as error:
            raise self._core.challenged(error, scheme) from None
        return found

    async def _read(self, token: str) -> AccessToken:
        self._core.check_form(token)
        if _signed.is_signed(token):
            return _signed.read(self._core.policy, token, await self._key(_signed.key_id(self._core.policy, token)))
        return await self._run(self._core.introspect(token))

    async def close(self) -> None:
        """Close the connections. A client that was given stays open."""
        if self._owned:
            await self._http.aclose()

    async def __aenter__(self) -> "Self":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _key(self, kid: str) -> "jwt.PyJWK":
        keys, now = self._core.keys, time.time()
        # If the key is known, do not wait for another task that is fetching newer ones.
        if keys.are_due(kid, now) and not (keys.has(kid, now) and self._lock.locked()):
            async with self._lock:
                if keys.are_due(kid, time.time()):
                    await self._run(self._core.fetch_keys())
        return keys.get(kid, time.time())

    async def _run(self, steps: Steps[_Result]) -> _Result:
        with contextlib.closing(steps):
            try:
                request = next(steps)
                while True:
                    request = steps.send(await self._send(request))
            except StopIteration as done:
                result: _Result = done.value
                return result

    async def _send(self, request: Request) -> httpx.Response | None:
        with contextlib.suppress(httpx.RequestError, httpx.InvalidURL):
            try:
                return await self._http.request(**request.arguments)
            except _ONCE_MORE:
                return await self._http.request(**request.arguments)
        return None
