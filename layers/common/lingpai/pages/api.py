"""What the pages answer (docs/openapi.yaml). Their forms are theirs alone: no program sends them."""

from collections.abc import Mapping

from lingpai.http.api import Html, Operation
from lingpai.http.example import Example
from lingpai.http.router import Endpoint
from lingpai.pages import account, assets, authorize, errors, login, logout, register, reset

_REFUSALS = dict.fromkeys((303, 400, 403, 405, 413, 429, 503), Html)

OPERATIONS: Mapping[Endpoint, Operation] = {
    authorize.authorize: Operation("Ask for an authorization code (RFC 6749, OpenID Connect)", Html, _REFUSALS),
    logout.log_out: Operation("Log out (OpenID Connect RP-Initiated Logout)", Html, _REFUSALS),
    login.login: Operation("Log in by a code or a password", Html, _REFUSALS),
    register.register: Operation("Make an account", Html, _REFUSALS),
    reset.reset: Operation("Set a new password by a code", Html, _REFUSALS),
    authorize.consent: Operation("Let an app in", Html, _REFUSALS),
    account.account: Operation("Look after one's own account", Html, _REFUSALS),
    errors.show: Operation("Say that something went wrong", Html, _REFUSALS),
    assets.style: Operation("The stylesheet of the pages", Html, _REFUSALS),
    assets.script: Operation("The script of the pages", Html, _REFUSALS),
}

EXAMPLES: Mapping[str, Example] = {
    "pages-logout": Example("/oauth/logout", method="GET"),
    "pages-login": Example("/login", method="GET"),
    "pages-register": Example("/register", method="GET"),
    "pages-reset": Example("/reset", method="GET"),
    "pages-authorize": Example("/oauth/authorize", method="GET", status=400),
    "pages-consent": Example("/consent", method="GET", status=403),
    "pages-account": Example("/account", method="GET", status=303),
    "pages-error": Example("/error", method="GET"),
    "pages-style": Example(assets.STYLE.path, method="GET"),
    "pages-script": Example(assets.SCRIPT.path, method="GET"),
}
