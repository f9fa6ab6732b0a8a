"""Flask: a decorator that verifies the access token of a view, and the answers to requests that it refuses."""

import functools
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast
from urllib.parse import quote

from flask import Flask, Response, current_app, g, jsonify, request

from lingpai_sdk.resource._errors import VerificationError
from lingpai_sdk.resource._tokens import PATH, words
from lingpai_sdk.resource._verifier import Verifier

_View = TypeVar("_View", bound=Callable[..., Any])


def require(
    verifier: Verifier,
    *,
    scopes: Iterable[str] = (),
    roles: Iterable[str] = (),
    acr: str | Iterable[str] = (),
    max_age: int | None = None,
) -> Callable[[_View], _View]:
    """Return a decorator for a view: it needs an access token that satisfies `AccessToken.require`.

    The token is `flask.g.access_token`. Otherwise it raises VerificationError, which `install` makes the app answer.
    """
    wanted, needed = words("scopes", scopes), words("roles", roles)

    def decorate(view: _View) -> _View:
        @functools.wraps(view)
        def protected(*args: Any, **arguments: Any) -> Any:
            g.access_token = verifier.verify_request(
                request.headers.get("Authorization"),
                method=request.method,
                path=quote(request.root_path + request.path, safe=PATH),
                proof=request.headers.get("DPoP"),
                scopes=wanted,
                roles=needed,
                acr=acr,
                max_age=max_age,
            )
            return current_app.ensure_sync(view)(*args, **arguments)

        return cast("_View", protected)

    return decorate


def install(app: Flask, *, resource_metadata: str | None = None) -> None:
    """Make the app answer a VerificationError with 401, 403 or 503, the headers of RFC 6750 or RFC 9449 and JSON.

    `resource_metadata` is the URL of the API's metadata (RFC 9728 section 5.1).
    """

    def answer(error: VerificationError) -> tuple[Response, int, dict[str, str]]:
        return jsonify(error.body), error.status, error.headers(resource_metadata)

    app.register_error_handler(VerificationError, answer)
