"""What the user has to do before a client gets its code (OpenID Connect Core section 3.1.2.3)."""

from collections.abc import Collection
from typing import Literal

from lingpai.authentication.model import Authenticated
from lingpai.authorization.model import AuthorizationError, AuthorizationRequest, Login
from lingpai.authorization.request import refusal
from lingpai.clients.model import Client
from lingpai.kernel.errors import (
    consent_required,
    login_required,
    unmet_authentication_requirements,
    user_refused,
)
from lingpai.services import Services
from lingpai.sessions import factor_policy, login_methods

Step = Literal["login", "select_account", "second_factor", "agreement", "consent"]


def next_step(
    request: AuthorizationRequest,
    login: Login | None,
    missing: Collection[str],
    now: int,
    *,
    done: Collection[Step] = (),
    lacks_factor: bool = False,
    lacks_agreement: bool = False,
) -> Step | None:
    """What comes next: to log in, to choose an account, to prove a second factor, to accept the terms or to consent.

    None where the code can be issued. `login` is that of the browser, None where there is none; `missing` are the
    scopes that the user has not consented to; `done` are the steps that the user has taken for this very request. A
    login `lacks_factor` if it has one factor and needs two; its user `lacks_agreement` if a version of the terms is to
    be accepted. AuthorizationError where something is to be done and
    `prompt=none` forbids to ask.
    """
    step = _wanted(request, login, missing, now, done, lacks_factor=lacks_factor)
    if lacks_agreement and step in (None, "consent"):
        step = "agreement"
    if step is not None and "none" in request.prompt:
        raise refusal(request, consent_required() if step in ("agreement", "consent") else login_required())
    return step


def denied(request: AuthorizationRequest) -> AuthorizationError:
    """The refusal of a user who does not let the client in (RFC 6749 section 4.1.2.1)."""
    return refusal(request, user_refused())


def asks_for_two(request: AuthorizationRequest, *, are_there: bool) -> bool:
    """Whether the request wants a login with two factors (RFC 9470 section 4), by a user who has or has not a second.

    `acr_values` are in order of preference (OpenID Connect Core section 3.1.2.1), and values that are not ours say
    nothing. A user who has no second factor is not asked for one by a request that takes one factor as well.
    """
    known = [value for value in request.acr_values if value in (login_methods.ACR_ONE, login_methods.ACR_TWO)]
    return known[:1] == [login_methods.ACR_TWO] and (are_there or login_methods.ACR_ONE not in known)


def needs_two(
    services: Services, request: AuthorizationRequest | None, authenticated: Authenticated, client: Client | None = None
) -> bool:
    """Whether a login needs a second factor even if its account has none: by the client's wish, or the policy.

    `request` is what the login is for, None for nothing but the pages. `client` is that of a login without a browser:
    where its record ignores the policy, `acr_values` alone ask for a second factor. One call at most.
    """
    settings = services.settings
    if not factor_policy.has_one(settings, authenticated.methods):
        return False
    if request is not None and asks_for_two(request, are_there=False):
        return True
    if not factor_policy.is_ignored(settings, client):
        return factor_policy.is_demanded(services, authenticated.user_id)
    if request is None or not asks_for_two(request, are_there=True):
        return False
    user = services.store.get_user(authenticated.user_id)
    return user is not None and bool(user.second_factors)


def unmet(request: AuthorizationRequest) -> AuthorizationError:
    """The refusal of a request for two factors where there are none (RFC 9470 section 5)."""
    return refusal(request, unmet_authentication_requirements())


def _wanted(
    request: AuthorizationRequest,
    login: Login | None,
    missing: Collection[str],
    now: int,
    done: Collection[Step],
    *,
    lacks_factor: bool,
) -> Step | None:
    if login is None or _is_another_user(request, login):
        return "login"
    if "login" not in done:
        if "login" in request.prompt or _is_too_old(request, login, now):
            return "login"
        if "select_account" in request.prompt and "select_account" not in done:
            return "select_account"
    if lacks_factor:
        return "second_factor"
    if "consent" not in done and (missing or "consent" in request.prompt):
        return "consent"
    return None


def _is_another_user(request: AuthorizationRequest, login: Login) -> bool:
    """Section 3.1.2.2: the answer is to be about the user of `id_token_hint`, or a refusal."""
    return request.subject is not None and request.subject != login.user_id


def _is_too_old(request: AuthorizationRequest, login: Login, now: int) -> bool:
    return request.max_age is not None and now - login.auth_time > request.max_age
