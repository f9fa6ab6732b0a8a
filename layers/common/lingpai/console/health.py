"""`/console/health`: what a function itself can see of `lingpai doctor`'s checks."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from lingpai.console.view import View, admins
from lingpai.http.response import Reply
from lingpai.kernel.errors import LingpaiError
from lingpai.signing_keys.service import ALGORITHMS, standing

PATH = "/console/health"
# Half a year without a successor is too long, where no schedule makes one.
_KEY_AGE = 180 * 86400


@dataclass(frozen=True)
class Finding:
    """What a check has found: `text` is the name of a text, and `values` are filled in."""

    check: str
    state: Literal["ok", "warn", "fail"]
    text: str
    values: dict[str, Any] = field(default_factory=dict)


@admins()
def health(view: View) -> Reply:
    """All findings, the worst first. Four calls beside those of every page."""
    found = [finding for check in _CHECKS for finding in _guarded(view, check)]
    order = {"fail": 0, "warn": 1, "ok": 2}
    values = {
        "title": view.texts("health"),
        "findings": [
            {
                "check": view.texts(f"check_{finding.check}"),
                "state": finding.state,
                "state_text": view.texts(f"state_{finding.state}"),
                "text": view.texts(finding.text, **finding.values),
            }
            for finding in sorted(found, key=lambda each: order[each.state])
        ],
    }
    return view.page("health.html", values)


def _guarded(view: View, check: Callable[[View], Iterator[Finding]]) -> list[Finding]:
    """The findings of a check; a failure of the store is one."""
    try:
        return list(check(view))
    except LingpaiError as error:
        return [Finding(check.__name__.strip("_"), "fail", "found_no_answer", {"reason": error.code})]


def _settings(view: View) -> Iterator[Finding]:
    settings = view.services.settings
    if settings.issuer:
        yield Finding("settings", "ok", "found_issuer", {"issuer": settings.issuer})
    else:
        yield Finding("settings", "warn", "found_no_issuer")
    if settings.mfa == "off":
        yield Finding("settings", "warn", "found_mfa_off")
    elif settings.mfa == "optional" and settings.admin_role not in settings.mfa_roles:
        yield Finding("settings", "warn", "found_mfa_optional", {"role": settings.admin_role})


def _store(view: View) -> Iterator[Finding]:
    view.services.store.counts("health")
    yield Finding("store", "ok", "found_store")


def _keys(view: View) -> Iterator[Finding]:
    services = view.services
    now, known = services.clock.now(), standing(services.keys.stored(), services.clock.now())
    period = services.settings.key_period if services.settings.keys_kms_key else _KEY_AGE
    for algorithm in ALGORITHMS:
        mine = [each for each in known if each.key.algorithm == algorithm]
        signing = [each.key for each in mine if each.state == "signing"]
        if not signing:
            yield Finding("keys", "fail", "found_no_key", {"algorithm": algorithm})
            continue
        age, waits = now - signing[-1].signs_from, any(each.state == "next" for each in mine)
        said = {"algorithm": algorithm, "days": age // 86400}
        is_late = age > period and not waits
        yield Finding("keys", "warn" if is_late else "ok", "found_old_key" if is_late else "found_key", said)


def _roles(view: View) -> Iterator[Finding]:
    names = {name for _, name in view.admin.book.names}
    settings = view.services.settings
    for setting, named in (
        ("MFA_ROLES", settings.mfa_roles),
        ("PASSWORD_MAX_AGE_ROLES", settings.password_max_age_roles),
    ):
        for role in named:
            if role not in names:
                yield Finding("roles", "warn", "found_no_role", {"role": role, "setting": setting})
    yield Finding("roles", "ok", "found_roles", {"count": len(names)})


def _clients(view: View) -> Iterator[Finding]:
    """The first page of clients: whether there is one that is enabled, and whether one ignores second factors."""
    page = view.services.store.page_clients(100, None)
    enabled = [client for client in page.clients if not client.disabled]
    if not enabled:
        yield Finding("clients", "warn", "found_no_client")
    for client in enabled:
        if client.mfa == "ignore":
            yield Finding("clients", "warn", "found_mfa_ignored", {"id": client.id})
    if enabled:
        yield Finding("clients", "ok", "found_clients", {"count": f"{len(enabled)}{'+' if page.next else ''}"})


def _sms(view: View) -> Iterator[Finding]:
    settings = view.services.settings
    if settings.limit_sms_day == 0:
        yield Finding("sms", "warn", "found_no_sms_limit")
    if settings.sms_unproven == 0:
        yield Finding("sms", "warn", "found_no_unproven")
    else:
        yield Finding("sms", "ok", "found_unproven", {"limit": settings.sms_unproven})


_CHECKS = (_settings, _store, _keys, _roles, _clients, _sms)
