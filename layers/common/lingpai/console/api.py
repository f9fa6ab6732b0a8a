"""What the console answers (docs/openapi.yaml). Its forms are its own: no program sends them."""

from collections.abc import Mapping

from lingpai.console import assets, audit, clients, health, keys, login, overview, roles, sms, users
from lingpai.console.session import HOME
from lingpai.http.api import Body, Css, Csv, Html, JavaScript, Operation, Redirect
from lingpai.http.example import Example
from lingpai.http.router import Endpoint


class ConsoleForm(Body):
    """A form of the console: beside its fields, the token that binds it to the session."""

    csrf: str


_ERRORS = dict.fromkeys((400, 403, 404, 405, 409, 413, 429, 503), Html)
_REFUSALS = {303: Redirect, **_ERRORS}
_OF_FILES = dict.fromkeys((400, 405, 413, 429, 503), Html)


def _page(summary: str) -> Operation:
    return Operation(summary, Html, _REFUSALS)


OPERATIONS: Mapping[Endpoint, Operation] = {
    overview.overview: _page("The console's first page: figures of the last days"),
    login.log_in: _page("Log in to the console"),
    login.callback: _page("Come back to the console from the login"),
    login.log_out: Operation("Log out of the console", Html, _REFUSALS, body=ConsoleForm, form=True),
    users.users: _page("Find accounts"),
    users.user: _page("Show an account"),
    users.change: _page("Ask about a change of an account, or make it"),
    clients.clients: _page("List clients"),
    clients.client: _page("Show a client"),
    clients.edit: _page("Create or edit a client"),
    clients.change: _page("Ask about a change of a client's state, or make it"),
    roles.roles: _page("List roles"),
    roles.change: _page("Ask about a change of a role, or make it"),
    keys.keys: _page("List the keys that sign tokens"),
    keys.rotate: _page("Make the next key early"),
    sms.sms: _page("The messages of today, by prefix"),
    sms.lift: _page("Lift the stop of a prefix"),
    audit.audit: _page("Look through the audit trail"),
    audit.export: Operation("The audit trail as CSV", Csv, _REFUSALS),
    health.health: _page("What a function can see of the deployment's health"),
    assets.style: Operation("The stylesheet of the console", Css, _OF_FILES),
    assets.script: Operation("The script of the console", JavaScript, _OF_FILES),
    assets.htmx: Operation("The script by which the console asks for parts of pages", JavaScript, _OF_FILES),
}


def _get(path: str, status: int = 303) -> Example:
    """A request for a page by a browser that has no session at the console: it is sent to log in."""
    return Example(path, method="GET", status=status)


EXAMPLES: Mapping[str, Example] = {
    "console": _get(HOME),
    "console-login": _get(login.LOGIN),
    "console-callback": _get(login.CALLBACK, 403),
    "console-logout": Example(login.LOGOUT, form={"csrf": "of another browser"}, status=303),
    "console-users": _get(users.PATH),
    "console-user": _get(users.ONE),
    "console-user-change": _get(users.CHANGE),
    "console-clients": _get(clients.PATH),
    "console-client": _get(clients.ONE),
    "console-client-edit": _get(clients.EDIT),
    "console-client-change": _get(clients.CHANGE),
    "console-roles": _get(roles.PATH),
    "console-role-change": _get(roles.CHANGE),
    "console-keys": _get(keys.PATH),
    "console-keys-rotate": _get(keys.ROTATE),
    "console-sms": _get(sms.PATH),
    "console-sms-lift": _get(sms.LIFT),
    "console-audit": _get(audit.PATH),
    "console-audit-export": _get(audit.EXPORT),
    "console-health": _get(health.PATH),
    "console-style": _get(assets.STYLE.path, 200),
    "console-script": _get(assets.SCRIPT.path, 200),
    "console-htmx": _get(assets.HTMX.path, 200),
}
