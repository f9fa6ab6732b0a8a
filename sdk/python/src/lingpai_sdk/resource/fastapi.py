"""FastAPI: a dependency that verifies the access token of a route, and the answers to requests that it refuses."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer

from lingpai_sdk.resource._errors import VerificationError
from lingpai_sdk.resource._tokens import PATH, AccessToken, words
from lingpai_sdk.resource._verifier import AsyncVerifier

# Only for the OpenAPI document: it says that a bearer token is needed. The header is read by `require`.
_SCHEME = HTTPBearer(auto_error=False, scheme_name="lingpai")


def require(
    verifier: AsyncVerifier,
    *,
    scopes: Iterable[str] = (),
    roles: Iterable[str] = (),
    acr: str | Iterable[str] = (),
    max_age: int | None = None,
) -> Callable[..., Awaitable[AccessToken]]:
    """Return a dependency: it gives the request's access token, which satisfies `AccessToken.require`.

    Otherwise it raises VerificationError, which `install` makes the app answer.
    """
    wanted, needed = words("scopes", scopes), words("roles", roles)

    async def access_token(request: Request, _: Annotated[object, Depends(_SCHEME)]) -> AccessToken:
        raw_path: bytes = request.scope.get("raw_path") or quote(request.scope["path"], safe=PATH).encode()
        return await verifier.verify_request(
            _header(request, "authorization"),
            method=request.method,
            path=raw_path.partition(b"?")[0].decode("latin-1"),
            proof=_header(request, "dpop"),
            scopes=wanted,
            roles=needed,
            acr=acr,
            max_age=max_age,
        )

    return access_token


def _header(request: Request, name: str) -> str | None:
    """The value of the header; several are joined by a comma, None without one."""
    values = request.headers.getlist(name)
    return ",".join(values) if values else None


def install(app: FastAPI, *, resource_metadata: str | None = None) -> None:
    """Make the app answer a VerificationError with 401, 403 or 503, the headers of RFC 6750 or RFC 9449 and JSON.

    `resource_metadata` is the URL of the API's metadata (RFC 9728 section 5.1).
    """

    async def answer(_: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, VerificationError):
            raise error
        return JSONResponse(error.body, error.status, error.headers(resource_metadata))

    app.add_exception_handler(VerificationError, answer)
