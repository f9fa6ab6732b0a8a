"""The routes of the pages."""

from lingpai.pages import account, assets, authorize, errors, login, logout, register, reset
from lingpai.pages.errors import page_route

ROUTES = (
    page_route("/oauth/authorize", authorize.authorize, query_credentials=authorize.QUERY_CREDENTIALS),
    page_route("/oauth/logout", logout.log_out),
    page_route("/login", login.login),
    page_route("/register", register.register),
    page_route("/reset", reset.reset),
    page_route("/consent", authorize.consent),
    page_route("/account", account.account),
    page_route("/error", errors.show, methods=("GET",)),
    page_route(assets.STYLE.path, assets.style, methods=("GET",)),
    page_route(assets.SCRIPT.path, assets.script, methods=("GET",)),
)
