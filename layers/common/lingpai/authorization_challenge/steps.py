"""The steps that a request may take, each named by its parameter. One that proves something is one transaction."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from lingpai.accounts.model import User
from lingpai.authentication import federated, password, sms_code
from lingpai.authorization_challenge.completion import finish, issue, redirect, second_factors_of
from lingpai.authorization_challenge.model import Attempt, Insufficient, Outcome
from lingpai.http.request import require
from lingpai.identity_providers import service as identity_providers
from lingpai.identity_providers import wechat_api
from lingpai.identity_providers.model import Identity, ProviderCredential
from lingpai.identity_providers.provider import IdentityProvider
from lingpai.kernel import phone_numbers
from lingpai.kernel.errors import LingpaiError, invalid_request, invalid_session, unauthorized_client
from lingpai.passkeys import service as passkeys
from lingpai.pending_logins import service as pending_logins
from lingpai.pending_logins.model import FirstFactor
from lingpai.second_factors import service as second_factors
from lingpai.second_factors.model import ProvenFactor
from lingpai.services import Services
from lingpai.sms_codes import service as sms_codes

type Step = Callable[[Services, Attempt], Outcome]


def _send_code(services: Services, attempt: Attempt) -> Outcome:
    """Send a code to `mobile`; `captcha` is the solution of the captcha that was asked for.

    The new session is there before the message is sent, and the old one until then: no message is sent for a request
    that gets no session.
    """
    number = phone_numbers.parse_mobile(attempt.given["mobile"], services.settings)
    asked = sms_codes.SendRequest(number, attempt.client.id, attempt.language, "login", attempt.given.get("captcha"))
    app, secret = replace(attempt.app, number=number), services.clock.new_secret()
    try:
        sms_codes.send(services, asked, attempt.address, lambda: pending_logins.begin_with_code(services, app, secret))
    except LingpaiError as error:
        if error.code == "captcha_required":
            return Insufficient(("captcha",), reason=error.reason, more={"captcha": error.values["captcha"]})
        # Whoever has got it may type it in.
        if error.reason != "maybe_sent":
            raise
    if attempt.login is not None:
        pending_logins.forget(services, attempt.login)
    return Insufficient(("code", "mobile"), secret, more={"resend_in": services.settings.code_resend})


def _by_code(services: Services, attempt: Attempt) -> Outcome:
    number = attempt.app.number
    if number is None:
        raise invalid_request("missing_parameter", name="auth_session")
    return finish(
        services,
        attempt,
        sms_code.authenticate(services, attempt.client, number, attempt.given["code"], attempt.presenter),
    )


def _by_password(services: Services, attempt: Attempt) -> Outcome:
    require(attempt.given, "username", "password")
    name, typed = attempt.given["username"], attempt.given["password"]
    return finish(services, attempt, password.authenticate(services, name, typed, attempt.address))


def _by_wechat(services: Services, attempt: Attempt) -> Outcome:
    """WeChat proves the user by `js_code`, and with `phone_code` their number as well."""
    client, phone_code = attempt.client, attempt.given.get("phone_code")
    if phone_code is not None:
        # Before the code of the login is used up.
        identity_providers.check_phone_code(_provider(services, attempt), phone_code)
    identity = _identify(services, attempt, ProviderCredential(attempt.given["js_code"]))
    number = None
    if phone_code is not None:
        provider, address = _provider(services, attempt), attempt.presenter.address
        number = identity_providers.phone_number(services, provider, client, phone_code, address, identity.openid)
    return finish(services, attempt, federated.authenticate(services, client, identity, number))


def _by_id_token(services: Services, attempt: Attempt) -> Outcome:
    credential = ProviderCredential(attempt.given["id_token"], attempt.given.get("id_token_nonce"))
    identity = _identify(services, attempt, credential)
    return finish(services, attempt, federated.authenticate(services, attempt.client, identity))


def _identify(services: Services, attempt: Attempt, credential: ProviderCredential) -> Identity:
    provider = _provider(services, attempt)
    return identity_providers.identify(services, provider, attempt.client, credential, attempt.presenter.address)


def _provider(services: Services, attempt: Attempt) -> IdentityProvider:
    """The client's provider, which `take` has checked."""
    return services.identity_providers[attempt.client.sign_provider or ""]


def _passkey_options(services: Services, attempt: Attempt) -> Outcome:
    """Ask for a passkey: any one that logs in, or those of the account whose second factor is awaited."""
    first = attempt.login.first if attempt.login else None
    if first is None:
        options = passkeys.begin_login(services)
    else:
        kinds = _awaited(services, first).second_factors
        if passkeys.KIND not in kinds:
            return Insufficient(second_factors_of(kinds))
        options = passkeys.begin_second_factor(services, first.user_id)
    return Insufficient(("passkey",), more={"passkey_options": options})


def _by_passkey(services: Services, attempt: Attempt) -> Outcome:
    return finish(services, attempt, passkeys.authenticate(services, attempt.given["passkey"]))


def _awaited(services: Services, first: FirstFactor) -> User:
    """The account whose second factor is awaited; LingpaiError `invalid_session` if it is gone, disabled or closed."""
    user = services.store.get_user(first.user_id)
    if user is None or not user.is_active:
        raise invalid_session()
    return user


def _second_factor(name: str, verify: Callable[[Services, int, str], ProvenFactor]) -> Step:
    """The step that proves a second factor by the parameter `name`."""

    def step(services: Services, attempt: Attempt) -> Outcome:
        login = attempt.login
        if login is None or login.first is None:
            raise invalid_session()
        user = _awaited(services, login.first)
        proven = verify(services, user.id, attempt.given[name])
        try:
            both = pending_logins.completed(services, login, user, proven.methods, proven.writes)
            return issue(services, attempt, both)
        except LingpaiError as error:
            if name == "passkey" and error.reason == "bad_second_factor":
                raise passkeys.not_issued() from None
            if error.reason == "login_expired":
                # It was used meanwhile, or its first factor is no longer good.
                raise invalid_session() from None
            raise

    return step


# The steps by each parameter that names one: as the first factor, and after it.
FIRST: Mapping[str, Step] = {
    "mobile": _send_code,
    "code": _by_code,
    "username": _by_password,
    "password": _by_password,
    "js_code": _by_wechat,
    "id_token": _by_id_token,
    "passkey_options": _passkey_options,
    "passkey": _by_passkey,
}
SECOND: Mapping[str, Step] = {
    "totp": _second_factor("totp", second_factors.verify_totp),
    "recovery_code": _second_factor("recovery_code", second_factors.verify_recovery_code),
    "passkey_options": _passkey_options,
    "passkey": _second_factor("passkey", passkeys.verify_second_factor),
}
# What stands beside one of them.
BESIDE = frozenset({"captcha", "phone_code", "id_token_nonce"})
PARAMETERS = BESIDE.union(FIRST, SECOND)


def take(services: Services, attempt: Attempt) -> Outcome:
    """Take the step that the request names; without one, tell what may come next.

    LingpaiError for two at once, for a first factor that the client has not, and as each step raises it. A new password
    is chosen in a browser alone.
    """
    first = attempt.login.first if attempt.login else None
    steps = FIRST if first is None else SECOND
    named = {steps[name]: name for name in attempt.given if name in steps}
    if len(named) > 1:
        raise invalid_request("one_step_at_a_time", steps=", ".join(sorted(named.values())))
    if not named:
        return Insufficient(_next(services, attempt, first))
    step, name = named.popitem()
    if name in ("js_code", "id_token") and name not in first_factors(services, attempt):
        raise unauthorized_client(name)
    try:
        return step(services, attempt)
    except LingpaiError as error:
        if error.reason != "password_expired":
            raise
        return redirect(services, attempt, "new_password_needed")


def _next(services: Services, attempt: Attempt, first: FirstFactor | None) -> tuple[str, ...]:
    if first is not None:
        return second_factors_of(_awaited(services, first).second_factors)
    return ("code", "mobile") if attempt.app.number else first_factors(services, attempt)


def first_factors(services: Services, attempt: Attempt) -> tuple[str, ...]:
    """The parameters by which the client's users can log in here."""
    names = ["mobile", "password"]
    provider = attempt.client.sign_provider
    if provider == wechat_api.NAME and provider in services.identity_providers:
        names.append("js_code")
    if any(provider == openid.name for openid in services.settings.oidc_providers):
        names.append("id_token")
    if passkeys.domain(services):
        names.append("passkey")
    return tuple(names)
