"""The routes of the pages."""

from lingpai.html import assets
from lingpai.http.router import ANY_NAME
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
from lingpai.pages.errors import page_route
from lingpai.pages.providers import CALLBACK

ROUTES = (
    page_route("/oauth/authorize", authorize.authorize, query_credentials=authorize.QUERY_CREDENTIALS),
    page_route("/oauth/logout", logout.log_out),
    page_route("/login", login.login),
    page_route(login.SECOND_STEP, second_step.second_step),
    page_route(login.DELETION, deletion.deletion),
    page_route(
        f"{CALLBACK}{ANY_NAME}", provider_callback.callback, query_credentials=provider_callback.QUERY_CREDENTIALS
    ),
    page_route("/passkeys/options", passkey_forms.options, methods=("POST",)),
    page_route("/register", register.register),
    page_route("/reset", reset.reset),
    page_route(agreement.AGREEMENT, agreement.agreement),
    page_route("/consent", authorize.consent),
    page_route("/account", account.account),
    page_route("/error", errors.show, methods=("GET",)),
    page_route(assets.STYLE.path, assets.style, methods=("GET",)),
    page_route(assets.SCRIPT.path, assets.script, methods=("GET",)),
    page_route(assets.PASSKEYS.path, assets.passkeys, methods=("GET",)),
)
