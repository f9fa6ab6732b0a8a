"""Django: a middleware that verifies the access token of each request, and a decorator for the views that need one.

The setting `LINGPAI_RESOURCE` holds the arguments of `Verifier`, and optionally `resource_metadata`: the URL of the
API's metadata (RFC 9728).
"""

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse, JsonResponse

from lingpai_sdk.resource._errors import MissingToken, VerificationError
from lingpai_sdk.resource._tokens import PATH, AccessToken, words
from lingpai_sdk.resource._verifier import Verifier

View = Callable[..., Any]


@functools.cache
def verifier() -> Verifier:
    """The verifier with the arguments of the settings. It is made once, at the first use."""
    given = getattr(settings, "LINGPAI_RESOURCE", None)
    if not isinstance(given, dict):
        raise ImproperlyConfigured("LINGPAI_RESOURCE must be a dict: the arguments of lingpai_sdk.resource.Verifier")
    return Verifier(**{name: value for name, value in given.items() if name != "resource_metadata"})


def verify(request: Any) -> AccessToken:
    """The access token of the request, by the scheme Bearer or DPoP; VerificationError for none that is good."""
    return verifier().verify_request(
        request.headers.get("Authorization"),
        method=request.method,
        path=quote(request.path, safe=PATH),
        proof=request.headers.get("DPoP"),
    )


def resource_metadata() -> str | None:
    """The URL of the API's metadata in the settings; None without one."""
    found: str | None = settings.LINGPAI_RESOURCE.get("resource_metadata")
    return found


class AccessTokenMiddleware:
    """Sets `request.access_token`: the verified token, or None for a request that has none.

    It answers a request with an invalid token with 401, and a VerificationError from a view with the error's status.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """The view's answer, or the refusal of the token."""
        try:
            request.access_token = _verified(request)
        except VerificationError as error:
            return _answer(error)
        return self._get_response(request)

    def process_exception(self, _: HttpRequest, error: Exception) -> HttpResponse | None:
        """The answer to a VerificationError; None leaves other errors to Django."""
        return _answer(error) if isinstance(error, VerificationError) else None


def require(
    *, scopes: Iterable[str] = (), roles: Iterable[str] = (), acr: str | Iterable[str] = (), max_age: int | None = None
) -> Callable[[View], View]:
    """Return a decorator for a view, sync or async: it needs an access token that satisfies `AccessToken.require`.

    The view is exempt from the CSRF check: browsers do not send access tokens by themselves.
    """
    wanted, needed = words("scopes", scopes), words("roles", roles)

    def check(request: HttpRequest) -> None:
        if not hasattr(request, "access_token"):
            raise ImproperlyConfigured("MIDDLEWARE lacks lingpai_sdk.resource.django.AccessTokenMiddleware")
        token: AccessToken | None = request.access_token
        if token is None:
            raise MissingToken("The request has no bearer token", wanted)
        token.require(scopes=wanted, roles=needed, acr=acr, max_age=max_age)

    def decorate(view: View) -> View:
        if inspect.iscoroutinefunction(view):

            @functools.wraps(view)
            async def protected_async(request: HttpRequest, *args: Any, **arguments: Any) -> Any:
                check(request)
                return await view(request, *args, **arguments)

            return _without_csrf(protected_async)

        @functools.wraps(view)
        def protected(request: HttpRequest, *args: Any, **arguments: Any) -> Any:
            check(request)
            return view(request, *args, **arguments)

        return _without_csrf(protected)

    return decorate


def _without_csrf(view: Any) -> View:
    view.csrf_exempt = True
    found: View = view
    return found


def _verified(request: HttpRequest) -> AccessToken | None:
    try:
        return verify(request)
    except MissingToken:
        return None


def _answer(error: VerificationError) -> HttpResponse:
    return JsonResponse(error.body, status=error.status, headers=error.headers(resource_metadata()))
