"""Setting up an authenticator app, and showing recovery codes: on `/account`, and at a login that needs one.

All work without a script.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import segno
from markupsafe import Markup

from lingpai.accounts.model import User
from lingpai.browser_sessions import service as browser_sessions
from lingpai.browser_sessions.service import Browser
from lingpai.http import fields
from lingpai.http.response import Reply
from lingpai.kernel.errors import LingpaiError, invalid_request
from lingpai.kernel.writes import Write
from lingpai.pages import onward, view
from lingpai.pages.view import View
from lingpai.second_factors import service as second_factors
from lingpai.second_factors import totp
from lingpai.second_factors.storage import TOTP
from lingpai.services import Services
from lingpai.sessions.model import SessionKey

_GROUP = 4


@dataclass(frozen=True)
class Place:
    """Where an app is set up: the address of its forms, their hidden fields, and the way back."""

    address: str
    fields: Mapping[str, str]
    back: str


_ACCOUNT = Place(onward.ACCOUNT, {}, onward.ACCOUNT)


def section(services: Services, user: User) -> Mapping[str, Any] | None:
    """What the section on `/account` shows; None where the account has no second factor and can set up none."""
    if not user.second_factors:
        return {"totp": "", "codes": None} if second_factors.may_set_up(services) else None
    known = services.store.get_factors(user.id)
    since = ""
    if TOTP in user.second_factors and known.totp is not None:
        since = fields.moment_text(known.totp.confirmed_at, services.settings.utc_offset_minutes)[:10]
    return {"totp": since, "codes": len(known.recovery.marks) if known.recovery else 0}


def begin(page: View, browser: Browser) -> Reply:
    """Make a secret and show it, as a QR code and as text, with the form that confirms it by a code."""
    return show_secret(page, browser.user, second_factors.begin_totp(page.services, browser.user.id))


def confirm(page: View, browser: Browser, given: Mapping[str, str]) -> Reply:
    """Use the app whose first code is given; the page with recovery codes, or `/account` where the account has some.

    A wrong code shows the form again. LingpaiError where the secret waits no longer. The browser has proven the second
    factor by it, so its session becomes one of two factors.
    """
    raised = browser_sessions.raised(page.services, browser, second_factors.METHODS)
    try:
        codes = confirmed(page, browser.user, given, browser.session.key, *raised)
    except LingpaiError as error:
        return again(page, browser.user, error)
    return show_codes(page, codes, "totp_saved") if codes else onward.see_other(f"{onward.ACCOUNT}?note=totp_saved")


def confirmed(
    page: View, user: User, given: Mapping[str, str], session: SessionKey | None, *also: Write
) -> tuple[str, ...]:
    """Use the app whose first code is given; the account's new recovery codes, if it had none."""
    if "code" not in given:
        raise invalid_request("missing_parameter", name="code")
    return second_factors.confirm_totp(page.services, user.id, given["code"], session, *also)


def again(page: View, user: User, error: LingpaiError, place: Place = _ACCOUNT) -> Reply:
    """The form again, with what was wrong; raises the error where the secret waits no longer."""
    secret = second_factors.waiting_totp(page.services, user.id) if error.status in (400, 429) else None
    if secret is None:
        raise error
    return show_secret(page, user, secret, place, page.errors_of(error, "code"), error)


def new_codes(page: View, browser: Browser) -> Reply:
    """Replace the recovery codes, and show the new ones."""
    codes = second_factors.replace_recovery_codes(page.services, browser.user.id, browser.session.key)
    return show_codes(page, codes, "recovery_replaced")


def remove(page: View, browser: Browser, _: Mapping[str, str]) -> str:
    """Remove the app; gives the note to show."""
    second_factors.remove_totp(page.services, browser.user.id, browser.session.key)
    return "totp_removed"


def downloaded(services: Services, user: User) -> dict[str, Any]:
    """What the user's data say of an app and of recovery codes; nothing where there is no second factor."""
    if not user.second_factors:
        return {}
    known = services.store.get_factors(user.id)
    app = {"created_at": known.totp.confirmed_at} if TOTP in user.second_factors and known.totp else None
    return {"authenticator_app": app, "recovery_codes_left": len(known.recovery.marks) if known.recovery else 0}


def show_secret(
    page: View,
    user: User,
    secret: bytes,
    place: Place = _ACCOUNT,
    errors: Mapping[str, str] | None = None,
    error: LingpaiError | None = None,
) -> Reply:
    """The secret as a QR code and as text, with the form that confirms it by a code."""
    key = totp.key_text(secret)
    address = page.services.issuer or page.request.origin
    uri = totp.uri(secret, view.person(page.services, user), urlsplit(address).hostname or "")
    values = {
        "qr": Markup(segno.make_qr(uri).svg_inline(scale=4, omitsize=True, light="#fff")),  # noqa: S704  made here
        "key": [key[start : start + _GROUP] for start in range(0, len(key), _GROUP)],
        "replaces": TOTP in user.second_factors,
        "place": place,
    }
    return page.page("totp.html", values, errors, error)


def show_codes(page: View, codes: tuple[str, ...], note: str, going: str = onward.ACCOUNT) -> Reply:
    """The page that shows recovery codes once, and leads on. In another language it would show none."""
    return page.page("recovery_codes.html", {"codes": codes, "note": note, "going": going, "switch": ""})
