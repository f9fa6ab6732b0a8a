"""Passkeys of accounts: registered, renamed, removed, and presented to log in or as a second factor.

Discoverable login needs no name: the user handle of a passkey is the user id in 8 bytes. The id is in every token as
`sub`, so it tells nothing new; it is no name, number or address (WebAuthn level 3 section 14.6.1). A passkey is looked
up under the account of the user handle. So a credential id that another account has registered, too, leads nobody into
that account.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from lingpai.accounts import closing, identities
from lingpai.accounts import service as accounts
from lingpai.accounts.model import User
from lingpai.accounts.storage import CheckUser, DeleteFactor
from lingpai.authentication import factors
from lingpai.authentication.model import Authenticated
from lingpai.kernel.errors import LingpaiError, conflict, forbidden, not_found
from lingpai.kernel.writes import Conflict, Write
from lingpai.passkeys import ceremony
from lingpai.passkeys.ceremony import Asserted, RelyingParty
from lingpai.passkeys.model import Challenge, Passkey, Passkeys, Purpose, mark_of
from lingpai.passkeys.settings import is_domain
from lingpai.passkeys.storage import (
    ChangePasskeys,
    PutChallenge,
    PutPasskey,
    RenamePasskey,
    UseChallenge,
    UsePasskey,
    item_id,
)
from lingpai.second_factors import service as second_factors
from lingpai.second_factors.model import ProvenFactor
from lingpai.services import Services
from lingpai.sessions import login_methods
from lingpai.sessions.model import SessionKey

# The most passkeys of an account, and the most characters of a name.
MOST = 10
NAME_MAX = 64
# How somebody has logged in by a passkey, whose authenticator has verified them.
METHODS = (login_methods.POSSESSION, login_methods.USER_VERIFIED, login_methods.TWO_FACTORS)
# What stands in `User.second_factors`.
KIND = "passkey"
_DEFAULT_PORTS = {"https": 443, "http": 80}


def relying_party(services: Services) -> RelyingParty | None:
    """The relying party of the settings, else of the issuer; None where the issuer cannot be one.

    That is so for an address in place of a domain name, and without HTTPS except at localhost: browsers make no passkey
    there (WebAuthn level 3 sections 5.1.2 and 13.1).
    """
    settings, parts = services.settings, urlsplit(services.issuer)
    host = parts.hostname or ""
    is_local = host == "localhost" or host.endswith(".localhost")
    if not settings.webauthn_rp_id and not (is_domain(host) and (parts.scheme == "https" or is_local)):
        return None
    port = "" if parts.port in (None, _DEFAULT_PORTS.get(parts.scheme)) else f":{parts.port}"
    origins = settings.webauthn_origins or (f"{parts.scheme}://{host}{port}",)
    return RelyingParty(settings.webauthn_rp_id or host, origins)


def domain(services: Services) -> str:
    """The domain that passkeys belong to; empty where there can be none."""
    party = relying_party(services)
    return party.id if party else ""


def user_handle(user_id: int) -> bytes:
    """The user handle of the account's passkeys."""
    return user_id.to_bytes(8)


# --- an account's own passkeys ----------------------------------------------------------------------------


def list_passkeys(services: Services, user: User) -> tuple[Passkey, ...]:
    """The account's passkeys, the oldest first; one call, and none for an account that has none."""
    return services.store.list_passkeys(user.id).listed if KIND in user.second_factors else ()


def begin_registration(services: Services, user: User) -> Mapping[str, Any]:
    """Options for a new passkey of the account, as JSON, with a challenge for it. Two calls to the store.

    LingpaiError `conflict` if the account has as many as it may.
    """
    party = _party(services)
    known = services.store.list_passkeys(user.id)
    _check_room(known)
    challenge = _issue(services, "register", user.id)
    name = identities.display_name(services, user) or str(user.id)
    ttl = services.settings.passkey_challenge_ttl
    return ceremony.creation_options(party, challenge, user_handle(user.id), name, known.listed, ttl)


def register(services: Services, user_id: int, answer: str, name: str, session: SessionKey, *also: Write) -> None:
    """Add the passkey of the browser's `answer` (JSON) to the account; its other sessions end.

    One transaction uses up the challenge, adds the passkey and does the writes `also`. LingpaiError `bad_passkey` for a
    wrong answer and for a challenge that was not issued to this account, is used or has expired; `conflict` for a
    passkey too many. Can be repeated: a passkey that the account has stays as it is.
    """
    made = ceremony.verify_registration(_party(services), ceremony.read_answer(answer))
    now = services.clock.now()
    passkey = Passkey(
        user_id=user_id,
        id=made.id,
        credential=made.credential,
        counter=made.counter,
        backup_eligible=made.backup_eligible,
        backed_up=made.backed_up,
        transports=made.transports,
        name=name,
        created_at=now,
    )
    used = UseChallenge(made.challenge, "register", user_id, now)

    def plan(user: User) -> tuple[User, tuple[Write, ...]]:
        known = services.store.list_passkeys(user_id)
        if any(other.id == passkey.id for other in known.listed):
            return user, ()
        _check_room(known)
        after = replace(user, second_factors=user.second_factors | {KIND})
        return after, (used, PutPasskey(passkey), ChangePasskeys(user_id, known.version), *also)

    try:
        second_factors.change(services, user_id, plan, session, UseChallenge)
    except Conflict:
        raise not_issued() from None


def rename(services: Services, user_id: int, mark: bytes, name: str) -> None:
    """Name a passkey of the account; LingpaiError `not_found` if it has no such passkey."""
    try:
        services.store.commit(RenamePasskey(user_id, mark, name))
    except Conflict:
        raise not_found("passkey_not_found") from None


def remove(services: Services, user_id: int, mark: bytes, session: SessionKey) -> None:
    """Remove a passkey from the account; its other sessions end. Can be repeated.

    With the last second factor the recovery codes are removed. LingpaiError `conflict` if nothing else logs in to the
    account, or if it is the last second factor of an account that needs one.
    """

    def plan(user: User) -> tuple[User, tuple[Write, ...]]:
        known = services.store.list_passkeys(user_id)
        others = [passkey for passkey in known.listed if passkey.mark != mark]
        if len(others) == len(known.listed):
            return user, ()
        writes: tuple[Write, ...] = (DeleteFactor(user_id, item_id(mark)), ChangePasskeys(user_id, known.version))
        if others:
            return user, writes
        after = replace(user, second_factors=user.second_factors - {KIND})
        if not factors.has_way_in(services, after):
            raise conflict("last_way_in")
        second_factors.keep_one(services, after)
        return after, (*writes, *second_factors.without_last(services, after))

    second_factors.change(services, user_id, plan, session)


def _check_room(known: Passkeys) -> None:
    if len(known.listed) >= MOST:
        raise conflict("too_many_passkeys", limit=MOST)


# --- presenting one ---------------------------------------------------------------------------------------


def begin_login(services: Services) -> Mapping[str, Any]:
    """Options for a login by any passkey of this relying party, as JSON, with a challenge. One call to the store."""
    challenge = _issue(services, "login", accounts.NOBODY)
    return ceremony.request_options(
        _party(services), challenge, (), services.settings.passkey_challenge_ttl, verified=True
    )


def authenticate(services: Services, answer: str) -> Authenticated:
    """Authenticate by the browser's `answer` (JSON) to `begin_login`. One call to the store.

    The authenticator must have verified its user, so that one passkey proves two factors. LingpaiError `bad_passkey`
    for a wrong answer and an unknown passkey. The writes use up the challenge and keep the signature counter; a
    counter that does not grow tells of a copied passkey, which is refused.
    """
    presented = ceremony.read_assertion(ceremony.read_answer(answer))
    if len(presented.user_handle) != 8:
        raise ceremony.refused("no user handle of ours")
    user_id = int.from_bytes(presented.user_handle)
    passkey, asserted = _verify(services, user_id, presented, verified=True)
    writes = _use(services, passkey, asserted, "login", accounts.NOBODY)

    def after_conflict(failed: Conflict) -> Authenticated:
        """Raise the error for the write that failed: no other try of the same answer can succeed."""
        match failed.write:
            case UseChallenge():
                raise not_issued()
            case UsePasskey():
                raise ceremony.refused("its signature counter has not grown, or it was removed")
            case _:
                raise closing.refusal(services, user_id)

    return Authenticated(user_id, METHODS, services.clock.now(), (*writes, CheckUser(user_id)), after_conflict)


def begin_second_factor(services: Services, user_id: int) -> Mapping[str, Any]:
    """Options for a proof by a passkey of the account, as JSON, with a challenge for it. Two calls to the store.

    The first factor is proven, so the authenticator need not verify its user as well.
    """
    party = _party(services)
    known = services.store.list_passkeys(user_id).listed
    challenge = _issue(services, "second-factor", user_id)
    return ceremony.request_options(party, challenge, known, services.settings.passkey_challenge_ttl, verified=False)


def verify_second_factor(services: Services, user_id: int, answer: str) -> ProvenFactor:
    """Verify the browser's `answer` (JSON) to `begin_second_factor`; LingpaiError `bad_passkey` for a wrong one.

    One call to the store. A challenge that is used, and a counter that has not grown, make the writes fail.
    """
    presented = ceremony.read_assertion(ceremony.read_answer(answer))
    if presented.user_handle not in (b"", user_handle(user_id)):
        raise ceremony.refused("of another account")
    passkey, asserted = _verify(services, user_id, presented, verified=False)
    methods = (login_methods.POSSESSION, login_methods.TWO_FACTORS)
    return ProvenFactor(methods, _use(services, passkey, asserted, "second-factor", user_id))


def _verify(
    services: Services, user_id: int, presented: ceremony.Presented, *, verified: bool
) -> tuple[Passkey, Asserted]:
    """The account's passkey that has signed the answer, and what it says."""
    passkey = services.store.get_passkey(user_id, mark_of(presented.id))
    if passkey is None:
        raise ceremony.refused("unknown to the account")
    return passkey, ceremony.verify_assertion(_party(services), presented, passkey, verified=verified)


def _use(services: Services, passkey: Passkey, asserted: Asserted, purpose: Purpose, user_id: int) -> tuple[Write, ...]:
    """The writes that use up the challenge, and keep what the answer says of the passkey."""
    now = services.clock.now()
    return (
        UseChallenge(asserted.challenge, purpose, user_id, now),
        UsePasskey(passkey.user_id, passkey.mark, asserted.counter, asserted.backed_up, now),
    )


def _issue(services: Services, purpose: Purpose, user_id: int) -> bytes:
    """A new challenge, which is stored. One call to the store."""
    value = services.clock.new_secret()
    expires_at = services.clock.now() + services.settings.passkey_challenge_ttl
    services.store.commit(PutChallenge(Challenge(value, purpose, user_id, expires_at)))
    return value


def not_issued() -> LingpaiError:
    """The refusal of an answer whose challenge cannot be used up."""
    return ceremony.refused("a challenge that was not issued for this, is used or has expired")


def _party(services: Services) -> RelyingParty:
    """The relying party; LingpaiError where there is none, and so no page that could ask."""
    party = relying_party(services)
    if party is None:
        raise forbidden("no_passkeys_here")
    return party
