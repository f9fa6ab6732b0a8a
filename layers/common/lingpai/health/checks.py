"""The checks of a deployment. Each reads only, and yields findings.

`CHECKS` are those of `lingpai doctor`, too, beside that of each table (`health.tables`). `OWN` are about settings that
only the deployment's functions know.
"""

from collections.abc import Iterator, Mapping
from functools import partial

from lingpai.clients import redirect_uris
from lingpai.clients.model import Client
from lingpai.health import china
from lingpai.health.model import Check, Deployment, Finding, State
from lingpai.signing_keys.service import ALGORITHMS, Known, standing
from lingpai.signing_keys.settings import UNWRAPPED

# The age in seconds at which a key needs a successor, where no schedule makes one.
KEY_AGE = 180 * 24 * 3600
_SHORTEST_PEPPER = 16
# Six months, which the Cybersecurity Law of China (article 21) wants of logs.
_AUDIT_DAYS = 180
_DAY = 86400


def store(deployment: Deployment) -> Iterator[Finding]:
    """Check that the store answers."""
    deployment.services.store.ping()
    yield Finding("store", State.ok, "store_ok")


def roles(deployment: Deployment) -> Iterator[Finding]:
    """Check that the admin role exists, and the roles that settings name."""
    services = deployment.services
    settings = services.settings
    book, admin = services.store.directory().roles, settings.admin_role
    if book.id_of(admin) is None:
        yield Finding("roles", State.warn, "roles_no_admin", {"role": admin})
    else:
        yield Finding("roles", State.ok, "roles_ok", {"role": admin})
    for check, setting, named in (
        ("second_factors", "MFA_ROLES", settings.mfa_roles),
        ("old_passwords", "PASSWORD_MAX_AGE_ROLES", settings.password_max_age_roles),
    ):
        for role in named:
            if book.id_of(role) is None:
                yield Finding(check, State.warn, "no_role", {"role": role, "setting": setting})


def clients(deployment: Deployment) -> Iterator[Finding]:
    """Check that there is an enabled client, and which ones ignore second factors."""
    listed = deployment.clients()
    count = sum(not client.disabled for client in listed.clients)
    values = {"count": count, "total": len(listed.clients)}
    some = "_first" if listed.has_more else ""
    if count:
        yield Finding("clients", State.ok, f"clients_ok{some}", values)
    else:
        yield Finding("clients", State.warn, f"clients_none{some}", values)
    for client in listed.clients:
        if client.mfa == "ignore":
            yield Finding("second_factors", State.warn, "mfa_ignored", {"client": client.id})


def addresses(deployment: Deployment) -> Iterator[Finding]:
    """Check where enabled clients may send their users, as when a record is written (RFC 9700 section 4.1.3)."""
    enabled = [client for client in deployment.clients().clients if not client.disabled]
    pairs = [(client, uri) for client in enabled for uri in (*client.redirect_uris, *client.post_logout_redirect_uris)]
    wrong = {(client.id, uri): reason for client, uri in pairs if (reason := _why_wrong(client, uri))}
    # A back end on the user's own machine; a native app there has no secret.
    loopback = [
        f"{client.id}: {uri}"
        for client, uri in pairs
        if uri.startswith("http:") and client.confidential and not deployment.is_local
    ]
    if wrong:
        values = {
            "addresses": "; ".join(f"{client}: {uri!r}" for client, uri in wrong),
            "reasons": "; ".join(f"{client}: {uri!r} {reason}" for (client, uri), reason in wrong.items()),
        }
        yield Finding("addresses", State.fail, "addresses_wrong", values)
    elif loopback:
        yield Finding("addresses", State.warn, "addresses_loopback", {"addresses": ", ".join(loopback)})
    else:
        yield Finding("addresses", State.ok, "addresses_ok", {"count": len(pairs)})


def _why_wrong(client: Client, uri: str) -> str:
    """Why no record may have the address; empty if it may."""
    try:
        redirect_uris.check(uri, private_use=not client.confidential)
    except ValueError as error:
        return str(error)
    return ""


def keys(deployment: Deployment) -> Iterator[Finding]:
    """Check that each algorithm has a key that signs, and that it is not too old without a successor."""
    settings, wanted = deployment.services.settings, algorithms(deployment)
    if deployment.keys is None:
        values = {"algorithms": ", ".join(sorted(wanted))}
        if wanted:
            yield Finding("keys", State.fail, "keys_nowhere_wanted", values)
        else:
            yield Finding("keys", State.warn, "keys_nowhere")
        return
    if settings.keys_kms_key == UNWRAPPED:
        yield Finding("keys", State.warn, "keys_unwrapped")
    known = standing(deployment.keys(), deployment.services.clock.now())
    for algorithm in ALGORITHMS:
        mine = [each for each in known if each.key.algorithm == algorithm]
        yield _of_algorithm(deployment, algorithm, mine, is_wanted=algorithm in wanted)


def _of_algorithm(deployment: Deployment, algorithm: str, known: list[Known], *, is_wanted: bool) -> Finding:
    settings, now = deployment.services.settings, deployment.services.clock.now()
    scheduled = "_scheduled" if settings.keys_kms_key else ""
    oldest = settings.key_period if settings.keys_kms_key else KEY_AGE
    signing = [each.key for each in known if each.state == "signing"]
    finding = partial(Finding, "keys", subject=algorithm)
    if not signing:
        state = State.fail if is_wanted else State.warn
        return finding(state, f"key_missing{scheduled}", {"algorithm": algorithm})
    age = now - signing[-1].signs_from
    values = {"algorithm": algorithm, "days": age // _DAY}
    if any(each.state == "next" for each in known):
        return finding(State.ok, "key_followed", values)
    if age > oldest:
        return finding(State.warn, f"key_old{scheduled}", values)
    return finding(State.ok, "key_ok", values)


def algorithms(deployment: Deployment) -> frozenset[str]:
    """The algorithms that enabled clients get tokens signed by; none if the records cannot be read."""
    try:
        found = [client for client in deployment.clients().clients if not client.disabled]
    except Exception:  # noqa: BLE001  whatever it is, it is a finding of the check `clients`
        return frozenset()
    access = {client.token_alg for client in found if client.token_format == "jwt"}
    return frozenset(access | {client.id_token_alg for client in found if "openid" in client.scopes})


def audit(deployment: Deployment) -> Iterator[Finding]:
    """Check how long events are kept: MLPS wants six months at least."""
    days = deployment.services.settings.audit_days
    if days >= _AUDIT_DAYS:
        yield Finding("audit", State.ok, "audit_ok", {"days": days})
    else:
        yield Finding("audit", State.warn, "audit_short", {"days": days, "least": _AUDIT_DAYS})


def pepper(deployment: Deployment) -> Iterator[Finding]:
    """Check that the key of the codes' hashes can be read, and its length. It is not shown.

    The console's function does without it, and so has no right to read it.
    """
    if deployment.pepper is None and deployment.is_stack:
        yield Finding("pepper", State.ok, "pepper_elsewhere")
    elif deployment.pepper is None:
        yield Finding("pepper", State.warn, "pepper_nowhere")
    elif len(deployment.pepper()) < _SHORTEST_PEPPER:
        yield Finding("pepper", State.fail, "pepper_short")
    else:
        yield Finding("pepper", State.ok, "pepper_ok")


def sms(deployment: Deployment) -> Iterator[Finding]:
    """Say who delivers messages. What the senders need is checked where a function or a command starts."""
    values = {"senders": ",".join(deployment.senders)}
    if deployment.senders == ("console",):
        state = State.ok if deployment.is_local else State.warn
        yield Finding("sms", state, "sms_console_stack" if deployment.is_stack else "sms_console")
    elif deployment.is_stack:
        yield Finding("sms", State.ok, "sms_stack", values)
    else:
        yield Finding("sms", State.ok, "sms_ok", values)


def second_factors(deployment: Deployment) -> Iterator[Finding]:
    """Check that admins need a second factor."""
    settings = deployment.services.settings
    values = {"role": settings.admin_role}
    if settings.mfa == "off":
        yield Finding("second_factors", State.warn, "mfa_off")
    elif settings.mfa == "optional" and settings.admin_role not in settings.mfa_roles:
        yield Finding("second_factors", State.warn, "mfa_optional", values)
    else:
        yield Finding("second_factors", State.ok, "mfa_ok", values)


def sms_limits(deployment: Deployment) -> Iterator[Finding]:
    """Check that messages have a limit for a day and for a prefix."""
    settings = deployment.services.settings
    if not settings.limit_sms_day:
        yield Finding("sms_limits", State.warn, "limits_no_day")
    if not settings.sms_unproven:
        yield Finding("sms_limits", State.warn, "limits_no_unproven")
    else:
        yield Finding("sms_limits", State.ok, "limits_ok", {"limit": settings.sms_unproven})


def issuer(deployment: Deployment) -> Iterator[Finding]:
    """Check that the issuer is the same for all requests."""
    named = deployment.services.settings.issuer
    if named:
        yield Finding("issuer", State.ok, "issuer_ok", {"issuer": named})
    else:
        yield Finding("issuer", State.warn, "issuer_none")


CHECKS: Mapping[str, Check] = {
    "store": store,
    "roles": roles,
    "clients": clients,
    "addresses": addresses,
    "keys": keys,
    "audit": audit,
    "pepper": pepper,
    "sms": sms,
    "region": china.region,
}
OWN: Mapping[str, Check] = {"second_factors": second_factors, "sms_limits": sms_limits, "issuer": issuer}
