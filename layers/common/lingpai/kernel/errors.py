"""Every refusal of a request is a `LingpaiError`; a dialect turns it into a response.

`code` is an error code (RFC 6749 section 5.2 if it has one), `status` the HTTP status, `reason` a key of
`messages.TEXTS`, and `values` the values in its text. `values` are shown, so they may not contain secrets.
"""

from collections.abc import Mapping
from typing import Any

# A `detail`: a used refresh token was presented again, so it may have been stolen.
REUSED = "refresh_token_reused"
# A `detail`: a used authorization code was presented again, too late for a retry.
CODE_REUSED = "authorization_code_reused"


class SettingsError(Exception):
    """A setting is invalid. The text, for the operator, has its name and the reason."""


class LingpaiError(Exception):
    """A refusal that is shown to the caller.

    `retry_after` is in seconds; `allow` are the methods of the path; `detail` is only logged; `dialect` is that of the
    refused client, if it has a record. `dpop_nonce` is the nonce for the client's next proof (RFC 9449 section 8).
    `client_id` is set later, once the client has authenticated.
    """

    def __init__(
        self,
        code: str,
        status: int,
        reason: str,
        *,
        retry_after: int | None = None,
        allow: tuple[str, ...] = (),
        detail: str | None = None,
        dialect: str | None = None,
        dpop_nonce: str | None = None,
        **values: Any,
    ) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.status = status
        self.reason = reason
        self.retry_after = retry_after
        self.allow = allow
        self.detail = detail
        self.dialect = dialect
        self.dpop_nonce = dpop_nonce
        self.values = values
        self.client_id: str | None = None


def invalid_request(reason: str, **values: Any) -> LingpaiError:
    """A parameter is missing, repeated or malformed."""
    return LingpaiError("invalid_request", 400, reason, **values)


def invalid_client(reason: str = "bad_client", dialect: str | None = None) -> LingpaiError:
    """Client unknown, or not authenticated: one code and one reason for both."""
    return LingpaiError("invalid_client", 401, reason, dialect=dialect)


def invalid_grant(reason: str, detail: str | None = None) -> LingpaiError:
    """The password, code or refresh token is wrong, expired, used up or another client's."""
    return LingpaiError("invalid_grant", 400, reason, detail=detail)


def account_closing(day: str) -> LingpaiError:
    """The account is closed at its owner's wish, and deleted on this day; told only after a proof of it."""
    return LingpaiError("invalid_grant", 400, "account_closing", day=day)


def second_factor_required(login: str) -> LingpaiError:
    """The login has one factor, and the account needs a second one; `login` is the address of the login page."""
    return LingpaiError("invalid_grant", 400, "second_factor_required", login=login)


def password_expired(login: str) -> LingpaiError:
    """The password is right and too old; `login` is the address of the login page, where a new one is chosen."""
    return LingpaiError("invalid_grant", 400, "password_expired", login=login)


def invalid_session() -> LingpaiError:
    """An `auth_session` that is unknown, used, expired, or another client's or key's.

    draft-ietf-oauth-first-party-apps section 5.2.2.1.
    """
    return LingpaiError("invalid_session", 400, "invalid_session")


def unauthorized_client(grant: str) -> LingpaiError:
    """The client has authenticated, but may not use this grant."""
    return LingpaiError("unauthorized_client", 400, "grant_not_allowed", grant=grant)


def unsupported_grant_type(grant: str) -> LingpaiError:
    """A grant that the server does not know."""
    return LingpaiError("unsupported_grant_type", 400, "unknown_grant", grant=grant)


def invalid_scope() -> LingpaiError:
    """A scope that is unknown, malformed or wider than what was granted."""
    return LingpaiError("invalid_scope", 400, "bad_scope")


def unsupported_response_type() -> LingpaiError:
    """Another response type than `code` (RFC 6749 section 4.1.2.1)."""
    return LingpaiError("unsupported_response_type", 400, "response_type_not_supported")


def invalid_target() -> LingpaiError:
    """A `resource` that is malformed, or that the client may not have tokens for (RFC 8707 section 2)."""
    return LingpaiError("invalid_target", 400, "bad_resource")


def invalid_request_uri() -> LingpaiError:
    """A pushed request that is unknown, used, expired or another client's (OpenID Connect Core section 3.1.2.6)."""
    return LingpaiError("invalid_request_uri", 400, "bad_request_uri")


def parameter_not_supported(code: str) -> LingpaiError:
    """`request`, `request_uri` or `registration` (OpenID Connect Core section 3.1.2.6); the code says which."""
    return LingpaiError(code, 400, code)


def login_required() -> LingpaiError:
    """The user has to log in, and `prompt=none` forbids to ask (OpenID Connect Core section 3.1.2.6)."""
    return LingpaiError("login_required", 400, "login_required")


def consent_required() -> LingpaiError:
    """The user has to consent, and `prompt=none` forbids to ask (OpenID Connect Core section 3.1.2.6)."""
    return LingpaiError("consent_required", 400, "consent_required")


def unmet_authentication_requirements() -> LingpaiError:
    """The request needs two factors, and the deployment asks nobody for a second one (RFC 9470 section 5)."""
    return LingpaiError("unmet_authentication_requirements", 400, "unmet_authentication_requirements")


def user_refused() -> LingpaiError:
    """The user has denied the client access (RFC 6749 section 4.1.2.1)."""
    return LingpaiError("access_denied", 403, "user_refused")


def unauthorized() -> LingpaiError:
    """No bearer token was presented (RFC 6750 section 3.1)."""
    return LingpaiError("unauthorized", 401, "no_token")


def invalid_token(reason: str = "bad_token") -> LingpaiError:
    """The access token is malformed, unknown, expired or revoked, or is not presented as it has to be."""
    return LingpaiError("invalid_token", 401, reason)


def invalid_dpop_proof(reason: str, status: int = 400, **values: Any) -> LingpaiError:
    """The DPoP proof is missing or not acceptable; 401 where it comes with an access token (RFC 9449 section 7.1)."""
    return LingpaiError("invalid_dpop_proof", status, reason, **values)


def use_dpop_nonce(nonce: str, status: int = 400) -> LingpaiError:
    """The DPoP proof needs this nonce (RFC 9449 section 8); 401 where it comes with an access token (section 9)."""
    return LingpaiError("use_dpop_nonce", status, "use_dpop_nonce", dpop_nonce=nonce)


def forbidden(reason: str = "admin_only") -> LingpaiError:
    """The caller is known, but may not do this."""
    return LingpaiError("access_denied", 403, reason)


def insufficient_scope(needed: str) -> LingpaiError:
    """The access token is valid, but lacks the right for this route (RFC 6750 section 3.1)."""
    return LingpaiError("insufficient_scope", 403, "insufficient_scope", needed=needed)


def insufficient_user_authentication(acr: str) -> LingpaiError:
    """The login of the access token has too few factors; `acr` is what the request needs (RFC 9470 section 3)."""
    return LingpaiError("insufficient_user_authentication", 401, "insufficient_user_authentication", acr=acr)


def unsupported_token_type() -> LingpaiError:
    """A token of a kind that cannot be revoked (RFC 7009 section 2.2.1)."""
    return LingpaiError("unsupported_token_type", 400, "temporary_token")


def recent_login_required(reason: str = "recent_login_required") -> LingpaiError:
    """The account has to be proven before it is changed: by a recent login, or in the same request."""
    return LingpaiError("recent_login_required", 403, reason)


def captcha_required(captcha: Mapping[str, Any], reason: str) -> LingpaiError:
    """A captcha has to be solved first; `captcha` is what its client shows."""
    return LingpaiError("captcha_required", 403, reason, captcha=captcha)


def not_found(reason: str) -> LingpaiError:
    """The account or other object in the request does not exist."""
    return LingpaiError("not_found", 404, reason)


def conflict(reason: str, **values: Any) -> LingpaiError:
    """The name, number or openid belongs to another account, or the thing changed meanwhile."""
    return LingpaiError("conflict", 409, reason, **values)


def too_large(limit: int) -> LingpaiError:
    """A body over `limit` bytes."""
    return LingpaiError("invalid_request", 413, "body_too_large", limit=limit)


def method_not_allowed(allow: tuple[str, ...]) -> LingpaiError:
    """The path does not support the method."""
    return LingpaiError("invalid_request", 405, "wrong_method", allow=allow, methods=", ".join(allow))


def too_many_requests(reason: str, retry_after: int, detail: str | None = None) -> LingpaiError:
    """A limit is reached; the caller may retry after `retry_after` seconds."""
    return LingpaiError("too_many_requests", 429, reason, retry_after=retry_after, detail=detail)


def unavailable(reason: str = "store_unavailable", retry_after: int = 1, detail: str | None = None) -> LingpaiError:
    """The store, or another service that is needed, did not answer; it may after `retry_after` seconds."""
    return LingpaiError("temporarily_unavailable", 503, reason, retry_after=retry_after, detail=detail)
