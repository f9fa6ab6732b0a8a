"""What the user has to do before a client gets its code (OpenID Connect Core section 3.1.2.3)."""

from collections.abc import Collection
from typing import Literal

from lingpai.authorization.model import AuthorizationError, AuthorizationRequest, Login
from lingpai.authorization.request import refusal
from lingpai.kernel.errors import consent_required, login_required, user_refused

Step = Literal["login", "select_account", "consent"]


def next_step(
    request: AuthorizationRequest,
    login: Login | None,
    missing: Collection[str],
    now: int,
    *,
    done: Collection[Step] = (),
) -> Step | None:
    """What comes next: to log in, to choose an account or to consent; None where the code can be issued.

    `login` is that of the browser, None where there is none; `missing` are the scopes that the user has not consented
    to; `done` are the steps that the user has taken for this very request. AuthorizationError where something is to be
    done and `prompt=none` forbids to ask.
    """
    step = _wanted(request, login, missing, now, done)
    if step is not None and "none" in request.prompt:
        raise refusal(request, consent_required() if step == "consent" else login_required())
    return step


def denied(request: AuthorizationRequest) -> AuthorizationError:
    """The refusal of a user who does not let the client in (RFC 6749 section 4.1.2.1)."""
    return refusal(request, user_refused())


def _wanted(
    request: AuthorizationRequest, login: Login | None, missing: Collection[str], now: int, done: Collection[Step]
) -> Step | None:
    if login is None or _is_another_user(request, login):
        return "login"
    if "login" not in done:
        if "login" in request.prompt or _is_too_old(request, login, now):
            return "login"
        if "select_account" in request.prompt and "select_account" not in done:
            return "select_account"
    if "consent" not in done and (missing or "consent" in request.prompt):
        return "consent"
    return None


def _is_another_user(request: AuthorizationRequest, login: Login) -> bool:
    """Section 3.1.2.2: the answer is to be about the user of `id_token_hint`, or a refusal."""
    return request.subject is not None and request.subject != login.user_id


def _is_too_old(request: AuthorizationRequest, login: Login, now: int) -> bool:
    return request.max_age is not None and now - login.auth_time > request.max_age
