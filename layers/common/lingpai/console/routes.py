"""The routes of the console."""

from lingpai.console import assets, audit, clients, health, keys, login, overview, roles, session, sms, users
from lingpai.console.view import console_route

_FORM = ("GET", "POST")

ROUTES = (
    console_route(session.HOME, overview.overview),
    console_route(login.LOGIN, login.log_in),
    console_route(login.CALLBACK, login.callback, query_credentials=login.QUERY_CREDENTIALS),
    console_route(login.LOGOUT, login.log_out, ("POST",)),
    console_route(users.PATH, users.users, _FORM),
    console_route(users.ONE, users.user),
    console_route(users.CHANGE, users.change, _FORM),
    console_route(clients.PATH, clients.clients),
    console_route(clients.ONE, clients.client),
    console_route(clients.EDIT, clients.edit, _FORM),
    console_route(clients.CHANGE, clients.change, _FORM),
    console_route(roles.PATH, roles.roles),
    console_route(roles.CHANGE, roles.change, _FORM),
    console_route(keys.PATH, keys.keys),
    console_route(keys.ROTATE, keys.rotate, _FORM),
    console_route(sms.PATH, sms.sms, _FORM),
    console_route(sms.LIFT, sms.lift, _FORM),
    console_route(audit.PATH, audit.audit),
    console_route(audit.EXPORT, audit.export),
    console_route(health.PATH, health.health),
    console_route(assets.STYLE.path, assets.style),
    console_route(assets.SCRIPT.path, assets.script),
    console_route(assets.HTMX.path, assets.htmx),
)
