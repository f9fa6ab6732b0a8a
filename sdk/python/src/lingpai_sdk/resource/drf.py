"""Django REST framework: an authentication class, and permission classes for scopes and roles.

The settings are those of `lingpai_sdk.resource.django`, whose middleware is not needed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rest_framework.exceptions import APIException

from lingpai_sdk.resource._errors import MissingToken, Unavailable, VerificationError
from lingpai_sdk.resource._tokens import AccessToken, words
from lingpai_sdk.resource.django import resource_metadata, verify


@dataclass(frozen=True)
class TokenUser:
    """`request.user` for a request with an access token. It is not in the database: `pk` is the token's subject."""

    pk: str
    username: str
    is_authenticated: bool = True
    is_anonymous: bool = False
    is_active: bool = True


class AccessTokenAuthentication:
    """Authenticates by the access token: `request.auth` is the AccessToken, `request.user` a TokenUser.

    Without one the next authentication class is tried. An invalid token is answered with 401.
    """

    def authenticate(self, request: Any) -> tuple[TokenUser, AccessToken] | None:
        """The user and the token; None without a token."""
        try:
            token = verify(request)
        except MissingToken:
            return None
        except VerificationError as error:
            raise _refusal(error) from None
        return TokenUser(token.subject, token.username or ""), token

    def authenticate_header(self, _: Any) -> str | None:
        """The challenge for a request without credentials."""
        return MissingToken("").www_authenticate(resource_metadata())


def requires(
    *, scopes: Iterable[str] = (), roles: Iterable[str] = (), acr: str | Iterable[str] = (), max_age: int | None = None
) -> type:
    """Return a permission class for views that need an access token which satisfies `AccessToken.require`."""
    wanted, needed = words("scopes", scopes), words("roles", roles)

    class Requires:
        def has_permission(self, request: Any, _: Any) -> bool:
            try:
                if not isinstance(request.auth, AccessToken):
                    raise MissingToken("The request has no bearer token", wanted)
                request.auth.require(scopes=wanted, roles=needed, acr=acr, max_age=max_age)
            except VerificationError as error:
                raise _refusal(error) from None
            return True

        def has_object_permission(self, _request: Any, _view: Any, _object: Any) -> bool:
            return True

    return Requires


def _refusal(error: VerificationError) -> APIException:
    """The same error as an APIException; the framework makes headers from its `auth_header` and `wait`."""
    refusal = APIException(error.body)
    refusal.status_code = error.status
    refusal.auth_header = error.www_authenticate(resource_metadata())
    refusal.wait = error.retry_after if isinstance(error, Unavailable) else None
    return refusal
