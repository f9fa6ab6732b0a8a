"""`/account`: one's own account. What logs in to it changes only after a recent login (`recent_login`)."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import orjson

from lingpai.accounts import agreements, closing, ended_accounts, last_admin
from lingpai.accounts import service as accounts
from lingpai.accounts.model import User
from lingpai.accounts.profile_names import LIMITS
from lingpai.authentication import factors, password_change, recent_login
from lingpai.authentication.factors import Owner
from lingpai.browser_sessions import service as browser_sessions
from lingpai.browser_sessions.model import BrowserSession
from lingpai.browser_sessions.service import Browser
from lingpai.consents import service as consents
from lingpai.html import cookies, forms
from lingpai.http.request import Request
from lingpai.http.response import Reply
from lingpai.kernel import phone_numbers
from lingpai.kernel.errors import LingpaiError, invalid_request
from lingpai.kernel.writes import Write
from lingpai.pages import codes, login, onward, passkey_forms, providers, second_factors, view
from lingpai.pages.agreement import AGREEMENT
from lingpai.pages.client import CLIENT
from lingpai.pages.providers import Way
from lingpai.pages.view import View
from lingpai.passkeys import service as passkeys
from lingpai.services import Services
from lingpai.sessions import factor_policy, session_id
from lingpai.sessions.model import Session
from lingpai.sms.notices import Notice

_FIELDS = (
    "action",
    "captcha",
    "name",
    "gender",
    "birthdate",
    "address",
    "oldPassword",
    "newPassword",
    "mobile",
    "code",
    "provider",
    "app",
    "passkey",
    "answer",
    "session",
    "client",
    "confirm",
)
# The forms of their own, by their name in the address: the action, and the title.
_EDITS = {
    "profile": ("profile", "edit_profile"),
    "password": ("password", "change_password"),
    "phone": ("phone-send", "change_phone"),
    "totp": ("totp-begin", "totp_title"),
    "passkey": ("add-passkey", "add_passkey"),
    "rename": ("rename-passkey", "rename_passkey"),
    "delete": ("delete", "delete"),
}
# Those that need a recent login. The password's own form asks for the old one.
_NEEDS_LOGIN = {
    "phone-send": "phone",
    "phone": "phone",
    "delete": "delete",
    "link": "",
    "unlink": "",
    "totp-begin": "totp",
    "totp-confirm": "totp",
    "totp-remove": "",
    "recovery-codes": "",
    "add-passkey": "passkey",
    "remove-passkey": "",
}
# How many sessions are read beside those that may be alive: what is over stays in the table for a while.
_READ = 1000
_NOTES = {
    "saved",
    "password_saved",
    "phone_saved",
    "linked",
    "link_declined",
    "unlinked",
    "totp_saved",
    "totp_removed",
    "passkey_added",
    "passkey_removed",
    "ended",
    "revoked",
}


def account(services: Services, request: Request) -> Reply:
    """The page, one of its forms, the user's data, or what a form asks for."""
    browser = cookies.browser(services, request)
    edit = view.parameter(request, "edit")
    lacking = _lacking_factor(services, browser, edit if edit in _EDITS else "") if browser else None
    if lacking is not None:
        return lacking
    if request.method == "POST":
        given = forms.read(services, request, browser, _FIELDS)
        if browser is None:
            return _log_in("")
        if given.get("action") != "delete" and agreements.missing(services.settings, browser.user):
            return _accept(onward.ACCOUNT)
        return _change(view.of(services, request, browser), browser, given)
    if browser is None or not browser_sessions.note_use(services, browser.session):
        return _log_in(edit if edit in _EDITS else "")
    page = view.of(services, request, browser)
    if view.parameter(request, "download") == "json":
        return _download(page, browser)
    if edit != "delete" and agreements.missing(services.settings, browser.user):
        return _accept(onward.ACCOUNT + (f"?edit={edit}" if edit in _EDITS else ""))
    if edit not in _EDITS:
        return _overview(page, browser)
    if _EDITS[edit][0] in _NEEDS_LOGIN and not recent_login.is_recent(services, browser.session):
        return _log_in(edit)
    if edit == "rename":
        return passkey_forms.rename_form(page, browser.user) or _overview(page, browser)
    return _form(page, browser.user, edit)


def _lacking_factor(services: Services, browser: Browser, edit: str) -> Reply | None:
    """Where a browser goes whose login has one factor, and needs two; None for any other."""
    if not factor_policy.has_one(services.settings, browser.session.methods):
        return None
    if browser.user.second_factors:
        return _go(login.SECOND_STEP, edit)
    return _log_in(edit) if factor_policy.is_demanded(services, browser.user.id) else None


def _accept(going: str) -> Reply:
    """To what the user has not accepted yet, and on to `going`."""
    return onward.see_other(f"{AGREEMENT}{onward.tail(going)}")


def _log_in(edit: str) -> Reply:
    """To the login page, and back to this page or to one of its forms."""
    return _go("/login", edit)


def _go(page: str, edit: str) -> Reply:
    return onward.see_other(f"{page}{onward.tail(onward.ACCOUNT + (f'?edit={edit}' if edit else ''))}")


def _change(page: View, browser: Browser, given: dict[str, str]) -> Reply:
    """Do what a form asks for, and show the page again; the form with a text where it is refused."""
    action = given.get("action", "")
    if action in _NEEDS_LOGIN and not recent_login.is_recent(page.services, browser.session):
        return _log_in(_NEEDS_LOGIN[action])
    match action:
        case "profile":
            return _attempt(page, browser, given, "profile", _save_profile)
        case "password":
            return _attempt(page, browser, given, "password", _save_password)
        case "phone-send" | "phone":
            return _change_phone(page, browser, given)
        case "delete":
            return _delete(page, browser, given)
        case "link":
            return _link(page, browser, given)
        case "unlink":
            return _attempt(page, browser, given, "", _unlink)
        case "totp-begin" | "totp-confirm":
            return _set_up_totp(page, browser, given)
        case "totp-remove":
            return _attempt(page, browser, given, "", second_factors.remove)
        case "recovery-codes":
            return _new_codes(page, browser)
        case "add-passkey":
            return _attempt(page, browser, given, "passkey", passkey_forms.add)
        case "rename-passkey":
            return _attempt(page, browser, given, "", passkey_forms.rename)
        case "remove-passkey":
            return _attempt(page, browser, given, "", passkey_forms.remove)
        case "end":
            return _end(page, browser, given.get("session", ""))
        case "end-others":
            ended_accounts.end_all(page.services, browser.user.id, keep=browser.session.key)
            return _noted("ended")
        case "revoke":
            consents.revoke(page.services, browser.user.id, given.get("client", ""))
            return _noted("revoked")
        case _:
            return _overview(page, browser)


def _attempt(
    page: View,
    browser: Browser,
    given: dict[str, str],
    edit: str,
    change: Callable[[View, Browser, Mapping[str, str]], str],
) -> Reply:
    """Show the note that `change` returns; the form `edit`, or the page for an empty one, where it is refused."""
    try:
        return _noted(change(page, browser, given))
    except LingpaiError as error:
        if not edit:
            return _overview(page, browser, page.errors_of(error), error)
        return _form(page, browser.user, edit, given, page.errors_of(error, *_FIELDS), error)


def _noted(note: str) -> Reply:
    return onward.see_other(f"{onward.ACCOUNT}?note={note}")


def _save_profile(page: View, browser: Browser, given: Mapping[str, str]) -> str:
    for name in ("name", "gender", "address"):
        if len(given.get(name, "")) > LIMITS[name]:
            raise invalid_request("too_long", name=name, limit=LIMITS[name])
    birthdate = given.get("birthdate", "").strip()
    try:
        birthdate = date.fromisoformat(birthdate).isoformat() if birthdate else ""
    except ValueError:
        raise invalid_request("bad_date", name="birthdate", format="yyyy-MM-dd") from None

    def edit(user: User) -> User:
        profile = replace(
            user.profile,
            name=given.get("name") or None,
            gender=given.get("gender") or None,
            address=given.get("address") or None,
            birthdate=birthdate or None,
        )
        return replace(user, profile=profile)

    accounts.change(page.services, browser.user.id, edit)
    return "saved"


def _save_password(page: View, browser: Browser, given: Mapping[str, str]) -> str:
    for name in ("oldPassword", "newPassword"):
        if name not in given:
            raise invalid_request("missing_parameter", name=name)
    password_change.change_password(
        page.services, browser.user.id, given["oldPassword"], given["newPassword"], browser.session.key
    )
    return "password_saved"


def _change_phone(page: View, browser: Browser, given: dict[str, str]) -> Reply:
    """Send a code to the new number, or take it back; the old number gets a message then."""
    services = page.services
    if given["action"] == "phone-send" or "mobile" not in given:
        try:
            return codes.send(page, given, "link")
        except LingpaiError as error:
            return _form(page, browser.user, "phone", given, page.errors_of(error, "mobile"), error)
    try:
        codes.require(given)
        number = phone_numbers.parse_mobile(given["mobile"], services.settings)
        notice = Notice(CLIENT.id, page.language)
        presenter = codes.presenter(page.request)
        owner = Owner(browser.session.key)
        factors.link(services, browser.user.id, number, given["code"], None, presenter, owner, notice)
    except LingpaiError as error:
        return codes.form(page, given, "link", page.errors_of(error, "code"), error)
    return _noted("phone_saved")


def _link(page: View, browser: Browser, given: Mapping[str, str]) -> Reply:
    """Send the browser to a provider. When it is back, what that says is linked (`provider_callback`)."""
    try:
        return providers.start(page, given.get("provider", ""), session_id.of(browser.session.key))
    except LingpaiError as error:
        return _overview(page, browser, page.errors_of(error), error)


def _unlink(page: View, browser: Browser, given: Mapping[str, str]) -> str:
    owner = Owner(browser.session.key)
    provider, app = given.get("provider", ""), given.get("app")
    factors.unlink_identity(page.services, browser.user.id, provider, app, owner)
    return "unlinked"


def _set_up_totp(page: View, browser: Browser, given: dict[str, str]) -> Reply:
    """Show the secret of a new app, or confirm it; the first form where it has to begin anew."""
    try:
        if given["action"] == "totp-begin":
            return second_factors.begin(page, browser)
        return second_factors.confirm(page, browser, given)
    except LingpaiError as error:
        return _form(page, browser.user, "totp", given, page.errors_of(error), error)


def _new_codes(page: View, browser: Browser) -> Reply:
    try:
        return second_factors.new_codes(page, browser)
    except LingpaiError as error:
        return _overview(page, browser, page.errors_of(error), error)


def _end(page: View, browser: Browser, named: str) -> Reply:
    """End one of the account's own sessions; that of another is left alone."""
    key = session_id.parse(named)
    if key is not None and key.owner == browser.user.id:
        page.services.store.end_sessions((key,))
        if key == browser.session.key:
            return onward.see_other("/login", cookies.log_out(page.request))
    return _noted("ended")


def _delete(page: View, browser: Browser, given: dict[str, str]) -> Reply:
    if given.get("confirm") != "yes":
        return _form(page, browser.user, "delete", given, {"confirm": page.texts("missing_confirm")}, status=400)
    services, user, key = page.services, browser.user, browser.session.key
    try:
        checks = _another_admin(services, user)
        if services.settings.deletion_days:
            day = closing.day_of(services, closing.close(services, user.id, key, *checks))
            title, text = "closed", page.texts("closed_text" if _can_keep(user) else "closed_text_final", day=day)
        else:
            accounts.delete_own(services, user.id, key, *checks)
            title, text = "deleted", page.texts("deleted_text")
    except LingpaiError as error:
        return _form(page, user, "delete", given, page.errors_of(error), error)
    values = {"title": page.texts(title), "texts": [text], "link": "", "link_text": ""}
    reply = replace(page, browser=None).page("message.html", values)
    return replace(reply, cookies=(*reply.cookies, cookies.log_out(page.request)))


def _can_keep(user: User) -> bool:
    """Whether the owner has what opens the account again when it is closed: a password or a passkey."""
    return user.password is not None or passkeys.KIND in user.second_factors


def _another_admin(services: Services, user: User) -> tuple[Write, ...]:
    """The check that an admin remains, where the user is one."""
    book = services.store.directory().roles
    if book.id_of(services.settings.admin_role) not in user.roles:
        return ()
    return last_admin.keep_one(services, book, user.id, user.id)


def _form(
    page: View,
    user: User,
    edit: str,
    given: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    error: LingpaiError | None = None,
    *,
    status: int = 200,
) -> Reply:
    if edit == "passkey":
        return passkey_forms.new_form(page, errors, error)
    action, title = _EDITS[edit]
    if edit == "phone" and user.mobile is None:
        title = "add_phone"
    known = {
        "name": user.profile.name,
        "gender": user.profile.gender,
        "birthdate": user.profile.birthdate,
        "address": user.profile.address,
        "mobile": "",
    }
    typed = {name: (given.get(name, "") if given is not None else value) or "" for name, value in known.items()}
    values = {
        "edit": action,
        "title": page.texts(title),
        "given": typed,
        "number": _number(page.services, user),
        "deletion_days": page.services.settings.deletion_days,
        "can_keep": _can_keep(user),
    }
    return page.page("account_edit.html", values, errors, error, status)


def _overview(
    page: View, browser: Browser, errors: Mapping[str, str] | None = None, error: LingpaiError | None = None
) -> Reply:
    services, user = page.services, browser.user
    note = view.parameter(page.request, "note")
    profile = user.profile
    linkable = _linkable(page, user)
    own, alive = passkey_forms.shown(page, user), _alive(services, user)
    of_apps = {session.client_id for session in alive if isinstance(session, Session)}
    names = {client_id: _client_name(services, client_id) for client_id in {*browser.consents, *of_apps}}
    values = {
        "user": user,
        "number": _number(services, user),
        "identities": [
            {"provider": provider, "app": app, "label": providers.label_of(services, provider, page.texts)}
            for provider, app, _ in factors.linked(services, user)
        ],
        "linkable": linkable,
        "second_factors": second_factors.section(services, user),
        "passkeys_listed": own,
        "may_add_passkey": bool(passkeys.domain(services)) and len(own) < passkeys.MOST,
        "profile": [
            ("name", profile.name),
            ("gender", profile.gender),
            ("birthdate", profile.birthdate),
            ("address", profile.address),
        ],
        "sessions": [_shown(page, browser, session, names) for session in alive],
        "consents": [
            {"client_id": client_id, "name": names[client_id], "scopes": scopes}
            for client_id, scopes in browser.consents.items()
        ],
        "note": note if note in _NOTES else "",
    }
    return page.page("account.html", values, errors, error, leads_away=bool(linkable))


def _linkable(page: View, user: User) -> tuple[Way, ...]:
    """The providers at which the account has no identity yet, in the app of this browser."""
    held = dict(user.openids)
    return tuple(way for way in providers.ways(page.services, page.request, page.texts) if way.issuer not in held)


def _alive(services: Services, user: User) -> list[Session | BrowserSession]:
    """The account's sessions that are not over, the last one used first."""
    now = services.clock.now()
    found = [
        session
        for session in services.store.list_sessions(user.id, _READ + services.settings.sessions_max)
        if session.over_at > now and not services.clients.has_ended(session.key, session.created_at)
    ]
    return sorted(found, key=_used_at, reverse=True)


def _used_at(session: Session | BrowserSession) -> int:
    if isinstance(session, BrowserSession):
        return session.used_at
    return session.rotated_at or session.created_at


def _shown(page: View, browser: Browser, session: Session | BrowserSession, names: Mapping[str, str]) -> dict[str, Any]:
    services = page.services
    if isinstance(session, BrowserSession):
        what = page.texts.device(session.device)
    else:
        what = page.texts("app", client=names[session.client_id])
    return {
        "id": session_id.of(session.key),
        "what": what,
        "used": view.minute(services, _used_at(session)),
        "opened": view.minute(services, session.created_at),
        "place": page.texts.place(session.place) if isinstance(session, BrowserSession) else "",
        "is_this": session.key == browser.session.key,
    }


def _client_name(services: Services, client_id: str) -> str:
    client = services.clients.get_client(client_id)
    return (client.name if client else None) or client_id


def _number(services: Services, user: User) -> str:
    return phone_numbers.national(user.mobile, services.settings.home_country) if user.mobile else ""


def _download(page: View, browser: Browser) -> Reply:
    """All that is kept of the user and may be told, as a file; never a hash."""
    services, user = page.services, browser.user
    content = {
        "id": str(user.id),
        "created_at": user.created_at,
        "username": user.username,
        "mobile": user.mobile,
        "email": {"address": user.email.address, "verified": user.email.verified} if user.email else None,
        "has_password": user.password is not None,
        "password_set_at": user.password_set_at,
        "second_factors": sorted(user.second_factors),
        **second_factors.downloaded(services, user),
        "imported_from": user.imported_from,
        # Those of providers that are not configured any more, too.
        "identities": [{"issuer": issuer, "id": openid} for issuer, openid in user.openids],
        "profile": {name: value for name, value in vars(user.profile).items() if value is not None},
        "agreements": [vars(agreement) for agreement in user.agreements],
        "roles": sorted(services.store.directory().roles.names_of(user.roles)),
        "passkeys": [
            {"name": passkey.name, "created_at": passkey.created_at, "used_at": passkey.used_at or None}
            for passkey in passkeys.list_passkeys(services, user)
        ],
        "sessions": [
            {
                "created_at": session.created_at,
                "used_at": _used_at(session),
                "ends_at": session.over_at,
                "auth_time": session.auth_time or None,
                "methods": list(session.methods),
                **(
                    {"device": session.device, "place": session.place.en if session.place else None}
                    if isinstance(session, BrowserSession)
                    else {"client": session.client_id, "scope": list(session.scope)}
                ),
            }
            for session in _alive(services, user)
        ],
        "consents": [{"client": client_id, "scope": list(scopes)} for client_id, scopes in browser.consents.items()],
    }
    headers = {
        "Cache-Control": "no-store",
        "Content-Type": "application/json; charset=utf-8",
        "Content-Disposition": 'attachment; filename="account.json"',
    }
    return Reply(200, orjson.dumps(content, option=orjson.OPT_INDENT_2).decode(), headers)
