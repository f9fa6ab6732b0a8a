"""What the pages answer (docs/openapi.yaml). Their forms are theirs alone: no program sends them."""

from collections.abc import Mapping
from typing import Any

from lingpai.html import assets
from lingpai.http.api import Answer, Body, Css, Html, JavaScript, Operation, Redirect
from lingpai.http.example import Example
from lingpai.http.router import Endpoint
from lingpai.pages import (
    account,
    agreement,
    authorize,
    deletion,
    errors,
    login,
    logout,
    passkey_forms,
    provider_callback,
    register,
    reset,
    second_step,
)


class PasskeyPurpose(Body):
    """What a passkey is asked for; beside it the token that binds the form to the browser."""

    purpose: str
    csrf: str


class PasskeyOptions(Answer):
    """`PublicKeyCredentialCreationOptionsJSON` or `PublicKeyCredentialRequestOptionsJSON` (WebAuthn level 3)."""

    challenge: str
    timeout: int
    rpId: str | None = None
    allowCredentials: list[dict[str, Any]] | None = None
    userVerification: str | None = None
    rp: dict[str, str] | None = None
    user: dict[str, str] | None = None
    pubKeyCredParams: list[dict[str, Any]] | None = None
    excludeCredentials: list[dict[str, Any]] | None = None
    authenticatorSelection: dict[str, Any] | None = None
    attestation: str | None = None


_ERRORS = dict.fromkeys((400, 403, 405, 413, 429, 503), Html)
_REFUSALS = {303: Redirect, **_ERRORS}

OPERATIONS: Mapping[Endpoint, Operation] = {
    authorize.authorize: Operation("Ask for an authorization code (RFC 6749, OpenID Connect)", Html, _REFUSALS),
    logout.log_out: Operation("Log out (OpenID Connect RP-Initiated Logout)", Html, _REFUSALS),
    login.login: Operation("Log in by a code, a password, a passkey or a provider", Html, _REFUSALS),
    second_step.second_step: Operation("Prove the second factor of a login", Html, _REFUSALS),
    deletion.deletion: Operation("Keep an account that is to be deleted", Html, _REFUSALS),
    provider_callback.callback: Operation("Come back from a provider", Html, _REFUSALS),
    passkey_forms.options: Operation(
        "Begin to create or present a passkey (WebAuthn)", PasskeyOptions, _REFUSALS, body=PasskeyPurpose, form=True
    ),
    register.register: Operation("Make an account", Html, _REFUSALS),
    reset.reset: Operation("Set a new password by a code", Html, _REFUSALS),
    agreement.agreement: Operation("Accept the terms and the privacy policy", Html, _REFUSALS),
    authorize.consent: Operation("Let an app in", Html, _REFUSALS),
    account.account: Operation("Look after one's own account", Html, _REFUSALS),
    errors.show: Operation("Say that something went wrong", Html, _REFUSALS),
    assets.style: Operation("The stylesheet of the pages", Css, _ERRORS),
    assets.script: Operation("The script of the pages", JavaScript, _ERRORS),
    assets.passkeys: Operation("The script of the pages that ask for passkeys", JavaScript, _ERRORS),
}

EXAMPLES: Mapping[str, Example] = {
    "pages-logout": Example("/oauth/logout", method="GET"),
    "pages-login": Example("/login", method="GET"),
    "pages-login-second-factor": Example(login.SECOND_STEP, method="GET", status=303),
    "pages-login-deletion": Example(login.DELETION, method="GET", status=303),
    "pages-login-callback": Example("/login/callback/google", method="GET", status=403),
    "pages-register": Example("/register", method="GET"),
    "pages-reset": Example("/reset", method="GET"),
    "pages-authorize": Example("/oauth/authorize", method="GET", status=400),
    "pages-agreement": Example(agreement.AGREEMENT, method="GET", status=303),
    "pages-consent": Example("/consent", method="GET", status=403),
    "pages-account": Example("/account", method="GET", status=303),
    "pages-error": Example("/error", method="GET"),
    "pages-style": Example(assets.STYLE.path, method="GET"),
    "pages-script": Example(assets.SCRIPT.path, method="GET"),
    "pages-passkey-options": Example(
        "/passkeys/options", form={"purpose": "login", "csrf": "of another browser"}, status=403
    ),
    "pages-passkey-script": Example(assets.PASSKEYS.path, method="GET"),
}
