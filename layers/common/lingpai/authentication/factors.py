"""Changes of an account's login methods (factors): its number, and its identities at third parties.

For the password see `password_change`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from lingpai.accounts import ended_accounts, identities
from lingpai.accounts import service as accounts
from lingpai.accounts.model import User
from lingpai.authentication import recent_login
from lingpai.authentication.federated import with_identity
from lingpai.authentication.recent_login import NOTHING_USED, Evidence
from lingpai.authentication.service import proof_used
from lingpai.identity_providers import service as identity_providers
from lingpai.identity_providers.model import Identity, union_issuer
from lingpai.kernel.errors import LingpaiError, conflict, not_found, recent_login_required
from lingpai.kernel.writes import Conflict, Write
from lingpai.rate_limits import unanswered
from lingpai.services import Services
from lingpai.sessions.model import SessionKey
from lingpai.sms import notices
from lingpai.sms.notices import Notice
from lingpai.sms_codes import service as sms_codes
from lingpai.sms_codes.model import Presenter
from lingpai.sms_codes.service import VerifiedCode


@dataclass(frozen=True)
class Owner:
    """The owner, who changes their account in `session` and has proven it by `evidence`."""

    session: SessionKey
    evidence: Evidence = NOTHING_USED


def link(
    services: Services,
    user_id: int,
    number: str | None,
    code: str | None,
    identity: Identity | None,
    presenter: Presenter,
    owner: Owner | None = None,
    notice: Notice | None = None,
) -> User:
    """Set the number (E.164) and the identity of the account; None leaves it as it is. Returns the account.

    `code` was sent to the number, and is presented by `presenter`. The identity replaces the account's identity with
    the same provider and app. Without an `owner` it is an admin's change: then the account's sessions end only if it
    loses a number or an identity. A number that is replaced gets the `notice`.
    """

    def edit(user: User) -> User:
        if number is not None:
            user = replace(user, mobile=number)
        if identity is not None:
            others = {known: openid for known, openid in user.openids if known != identity.issuer}
            if (identity.issuer, identity.openid) not in user.openids:
                # The id for all apps of the provider belongs to the replaced identity.
                others.pop(union_issuer(identity.provider), None)
            user = replace(user, openids=tuple(sorted((*others.items(), (identity.issuer, identity.openid)))))
        return user

    def change() -> User:
        codes: tuple[VerifiedCode, ...] = ()
        if number is not None and code is not None:
            codes = (sms_codes.check(services, number, code, presenter, "link"),)
        return _change(services, user_id, edit, owner, codes=codes, notice=notice)

    return _unless_done_before(
        services,
        ("number", user_id, number),
        change,
        reason="bad_code",
        is_done=lambda user: user.mobile == number,
        owner=owner,
    )


def remove_number(services: Services, user_id: int, owner: Owner | None = None, notice: Notice | None = None) -> None:
    """Remove the number from the account, and send it the `notice`. Another account may have it then.

    LingpaiError `conflict` if it is the owner's last login method; an admin (no `owner`) may remove that, too.
    """

    def edit(user: User) -> User:
        after = replace(user, mobile=None)
        if owner is not None and not has_way_in(services, after):
            raise conflict("last_way_in")
        return after

    _change(services, user_id, edit, owner, notice=notice)


def link_identity(services: Services, user_id: int, identity: Identity, owner: Owner | None = None) -> User:
    """Add an identity that its holder has proven to the account. Can be repeated.

    Every session but the owner's ends. LingpaiError `conflict` if another account has the identity, or if the account
    has another id in its place.
    """

    def edit(user: User) -> User:
        held = dict(user.openids)
        if any(held.get(issuer, openid) != openid for issuer, openid in identity.names):
            raise conflict("identity_in_place")
        return with_identity(user, identity)

    return _unless_done_before(
        services,
        ("link", user_id, identity.names),
        lambda: _change(services, user_id, edit, owner, single_use=identity_providers.single_use(identity)),
        reason="id_token_used",
        is_done=lambda user: edit(user) == user,
        owner=owner,
    )


def unlink_identity(
    services: Services, user_id: int, provider: str, app: str | None, owner: Owner | None = None
) -> User:
    """Remove the account's identities at the provider, in one app or (None) in all.

    If the account has an id for all apps of the provider, all its ids there are removed: each of them would lead to the
    others again. LingpaiError `not_found` if there is none, `conflict` for the last login method. Safe under concurrent
    changes: `accounts.change` compares the account with what it has read.

    Every session but the owner's ends, those known by then in the same transaction.
    """
    known = services.identity_providers.get(provider)

    def edit(user: User) -> User:
        issuers = [issuer for issuer, _ in user.openids]
        named = {issuer: known.app(issuer) for issuer in issuers} if known else {}
        taken = {issuer for issuer, its_app in named.items() if its_app is not None and app in (None, its_app)}
        if not taken:
            raise not_found("identity_not_found")
        if union_issuer(provider) in issuers:
            taken |= {issuer for issuer in issuers if issuer.startswith(f"{provider}:")}
        after = replace(user, openids=tuple(pair for pair in user.openids if pair[0] not in taken))
        if not has_way_in(services, after):
            raise conflict("last_way_in")
        return after

    return _unless_done_before(
        services,
        ("unlink", user_id, provider, app),
        lambda: _change(services, user_id, edit, owner),
        reason="identity_not_found",
        is_done=lambda _: True,
        owner=owner,
    )


def linked(services: Services, user: User) -> tuple[tuple[str, str, str], ...]:
    """The identities by which the account can be logged in to here: provider, app, id."""
    found = []
    for issuer, openid in user.openids:
        apps = ((name, provider.app(issuer)) for name, provider in services.identity_providers.items())
        name, app = next(((name, app) for name, app in apps if app is not None), ("", None))
        if app is not None:
            found.append((name, app, openid))
    return tuple(found)


def has_way_in(services: Services, user: User) -> bool:
    """Whether the account has a login method: a number, a username with a password, an identity, or a passkey."""
    by_password = user.username is not None and user.password is not None
    return user.mobile is not None or by_password or "passkey" in user.second_factors or bool(linked(services, user))


def _unless_done_before(
    services: Services,
    request: tuple[str, int, *tuple[object, ...]],
    change: Callable[[], User],
    *,
    reason: str,
    is_done: Callable[[User], bool],
    owner: Owner | None,
) -> User:
    """The account after `change`; also if an earlier try of the same request has done it and was answered 503.

    Then `change` fails for `reason`. If the account `is_done`, the sessions that the first try has left are ended.
    """
    user_id = request[1]
    with unanswered.noted(services, *request):
        try:
            return change()
        except LingpaiError as error:
            if error.reason != reason or not unanswered.is_repeat(services, *request):
                raise
            user = services.store.get_user(user_id)
            if user is None or not is_done(user):
                raise
            ended_accounts.end_all(services, user_id, keep=owner.session if owner else None)
            return user


def _change(
    services: Services,
    user_id: int,
    edit: Callable[[User], User],
    owner: Owner | None,
    *,
    codes: tuple[VerifiedCode, ...] = (),
    single_use: tuple[Write, ...] = (),
    notice: Notice | None = None,
) -> User:
    """Apply `edit`, send the `notice` to a number that is removed, and end the other sessions.

    The same transaction uses up the owner's evidence, `codes` and `single_use`. Without an owner the sessions end only
    if the account loses an identity.
    """
    evidence = owner.evidence if owner else NOTHING_USED
    evidence = replace(evidence, codes=(*evidence.codes, *codes))
    before, leaving = None, None
    if owner is None or notice is not None:
        before = services.store.get_user(user_id)
        if before is None or not before.is_active:
            raise not_found("user_not_found")
        leaving = before.mobile if edit(before).mobile != before.mobile else None
    keep = owner.session if owner else None
    with recent_login.noted(services, evidence):
        with notices.counted(services, notice, leaving) as message:
            ended = ended_accounts.ending(services, user_id, keep) if owner else ()
            after = _commit(services, user_id, edit, evidence, single_use, ended)
        for code in evidence.codes:
            sms_codes.consumed(services, code)
        if message is not None:
            notices.send(services, message)
        lost = before is not None and set(identities.keys_of(before)) - set(identities.keys_of(after))
        if owner is not None or lost:
            ended_accounts.end_all(services, user_id, keep=keep)
    return after


def _commit(
    services: Services,
    user_id: int,
    edit: Callable[[User], User],
    evidence: Evidence,
    single_use: tuple[Write, ...],
    ended: tuple[Write, ...],
) -> User:
    """As `accounts.change`; LingpaiError for an ID token that another request has used."""
    try:
        return accounts.change(services, user_id, edit, *single_use, *evidence.writes, *ended)
    except Conflict as failed:
        used = failed.write
    if used not in evidence.once:
        raise proof_used(used)
    if not unanswered.is_repeat(services, *evidence.note):
        raise recent_login_required("id_token_used")
    return accounts.change(services, user_id, edit, *ended)
