"""Accounts: registered, found, changed, deleted. Names are unique by transaction, changes by compare-and-swap."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lingpai.accounts import ended_accounts, registration
from lingpai.accounts.model import Detail, RoleBook, User
from lingpai.accounts.storage import (
    ChangeUser,
    CheckIdentity,
    CheckRole,
    CheckUser,
    DeleteIdentity,
    DeleteUser,
    DisableUser,
    EnableUser,
    KnowAddresses,
    Page,
    PutIdentity,
    PutUser,
)
from lingpai.authentication import login_limits as slowdown
from lingpai.authentication import recent_login
from lingpai.authentication.recent_login import NOTHING_USED, Evidence
from lingpai.clients.model import Client
from lingpai.identity_providers import service as third_parties
from lingpai.identity_providers.model import Identity, union_issuer
from lingpai.kernel import names
from lingpai.kernel import phone_numbers as numbers
from lingpai.kernel import typed_text as typed
from lingpai.kernel.errors import (
    LingpaiError,
    conflict,
    invalid_grant,
    invalid_request,
    not_found,
    recent_login_required,
    unavailable,
)
from lingpai.kernel.writes import Conflict, Write
from lingpai.passwords import service as passwords
from lingpai.rate_limits import service as throttle
from lingpai.rate_limits import unanswered
from lingpai.rate_limits.storage import SpendTally
from lingpai.services import Services
from lingpai.sessions import login_methods
from lingpai.sessions import service as sessions
from lingpai.sessions.model import SessionKey, TokenSet
from lingpai.sessions.storage import EndSession
from lingpai.sms import notices
from lingpai.sms.notices import Notice
from lingpai.sms_codes import service as codes
from lingpai.sms_codes.model import Guesser

if TYPE_CHECKING:
    from lingpai.settings import Settings

USERNAME_MAX = 150
# NFKC makes one character of four at most, and case folding three of one.
_NAME_AS_TYPED_MAX = 4 * USERNAME_MAX
_KEY_MAX = len("username:") + 3 * USERNAME_MAX
OPENID_MAX = 256
# No user has this id.
NOBODY = 0
_ATTEMPTS = 5
# What a transaction holds, less the account, its names and the codes.
_SESSIONS_AT_ONCE = 90


@dataclass(frozen=True)
class Owner:
    """The owner, who changes their account from `session`; `evidence` is what they have proven it with."""

    session: SessionKey
    evidence: Evidence = NOTHING_USED


# --- names ------------------------------------------------------------------------------------------------


def username_key(username: str) -> str:
    """The identity of a username: two that differ only in case or width are one."""
    return "username:" + names.folded(username)


mobile_key = names.mobile_key


def openid_key(issuer: str, openid: str) -> str:
    """The identity that a third party vouches for, under its `Identity.issuer`."""
    return f"openid:{issuer}:{openid}"


def login_key(services: Services, name: str) -> str:
    """The identity that a login name stands for: the number it looks like, else the username."""
    number = numbers.as_mobile(name, services.settings.home_country)
    return mobile_key(number) if number else username_key(name)


def display_name(services: Services, user: User) -> str | None:
    """The username; for an account that has none, its number as clients write it."""
    if user.username is not None or user.mobile is None:
        return user.username
    return numbers.national(user.mobile, services.settings.home_country)


def as_username(settings: "Settings", text: str, owner: User | None = None) -> str:
    """The username that `text` is stored as: without spaces and invisible characters at its ends.

    LingpaiError for one that cannot be a name, or that looks like a mobile number other than `owner`'s own.
    """
    username = typed.trimmed(text)
    plain = names.plain(username) if len(username) <= _NAME_AS_TYPED_MAX else username
    if not plain or len(plain) > USERNAME_MAX:
        raise invalid_request(
            "bad_username",
            zh=f"长度应为 1 到 {USERNAME_MAX} 个字符",
            en=f"it must have 1 to {USERNAME_MAX} characters",
        )
    if not names.is_visible(plain):
        raise invalid_request(
            "bad_username",
            zh="含有不可见字符或首尾空格",
            en="it holds an invisible character or a space at its end",
        )
    number = numbers.as_mobile(plain, settings.home_country)
    if number is not None and (owner is None or owner.mobile != number):
        raise invalid_request("username_is_mobile")
    return username


# --- logging in -------------------------------------------------------------------------------------------


def log_in_by_password(
    services: Services, client: Client, scope: tuple[str, ...], name: str, password: str, address: str
) -> TokenSet:
    """Tokens for a username or number and its password. Unknown, disabled and wrong are refused alike.

    Too many wrong ones, for the name or from the address, are a LingpaiError 429 (see `slowdown`). A hash made with
    old parameters, or by another system, is replaced in the transaction that opens the session.
    """
    settings = services.settings

    def verified(user: User | None) -> Write:
        stored = user.password if user else None
        if not passwords.verify(password, stored, settings) or user is None or stored is None:
            raise invalid_grant("bad_credentials")
        if passwords.needs_rehash(stored, settings) or (settings.digest_login and not user.digests):
            return ChangeUser(user, with_password(services, user, password))
        return CheckUser(user.id, stored)

    return _log_in_by_secret(services, client, scope, name, address, verified)


def log_in_by_digests(
    services: Services, client: Client, scope: tuple[str, ...], name: str, md5: str, sha1: str, address: str
) -> TokenSet:
    """Tokens for a name and the MD5 and SHA-1 of its password (seed 002); both must match."""
    digests = passwords.joined_digests(md5, sha1)

    def verified(user: User | None) -> Write:
        if not passwords.verify(digests, user.digests if user else None, services.settings) or user is None:
            raise invalid_grant("bad_credentials")
        return CheckUser(user.id, user.password)

    return _log_in_by_secret(services, client, scope, name, address, verified)


def _log_in_by_secret(
    services: Services,
    client: Client,
    scope: tuple[str, ...],
    name: str,
    address: str,
    verified: Callable[[User | None], Write],
) -> TokenSet:
    """Open a session for the account of this name, with the write that `verified` gives once it has seen the account.

    The session is put only if what was verified is still the account's, so that no login overtakes a change of the
    password; a login that meets such a change looks again. `verified` does its work for None, too, and then refuses:
    nobody is there, or may use the account.
    """
    attempt = slowdown.begin(services, _door(services, name), address)
    for _ in range(_ATTEMPTS):
        user = _user_or_nobody(services, attempt.user_id)
        try:
            unchanged = verified(None if user is None or user.disabled else user)
        except LingpaiError:
            slowdown.failed(services, attempt)
            raise
        if user is None:
            raise invalid_grant("bad_credentials")
        writes = (unchanged, *slowdown.succeeded(attempt, user.id))
        try:
            return sessions.issue(
                services, client, scope, user.id, methods=(login_methods.PASSWORD,), together_with=writes
            )
        except Conflict as conflict:
            slowdown.raise_if_limited(attempt, conflict)
            if isinstance(conflict.write, KnowAddresses):
                # Meanwhile the name has become another's, or nobody's.
                raise invalid_grant("bad_credentials") from None
    raise unavailable()


def _door(services: Services, name: str) -> str:
    """The identity to look for; what is longer than any name is looked for as a name that nobody has."""
    key = login_key(services, name) if len(name) <= _NAME_AS_TYPED_MAX else name
    return key if len(key) <= _KEY_MAX else _nobodys(key)


def log_in_by_name_and_code(
    services: Services, client: Client, scope: tuple[str, ...], name: str, code: str, guesser: Guesser
) -> TokenSet:
    """As `log_in_by_code`, for a number or the username of an account that has one.

    Guesses at a name are counted for the name, whether it has a number or not, and never for its number: else they
    would tell whose number it is, and lock it.
    """
    number = numbers.as_mobile(name, services.settings.home_country)
    if number is not None:
        return log_in_by_code(services, client, scope, number, code, guesser)
    key = _door(services, name)
    user = _user_or_nobody(services, codes.begin(services, key, guesser))
    number = user.mobile if user and user.mobile else _nobodys(key)
    proof = codes.check(services, number, code, guesser, "login", by_name=True)
    return _log_in_by_proof(services, client, scope, proof, None)


def _nobodys(name: str) -> str:
    return f"nobody:{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()}"


def log_in_by_code(
    services: Services, client: Client, scope: tuple[str, ...], number: str, code: str, guesser: Guesser
) -> TokenSet:
    """Tokens for a number (E.164) and the code sent to it; the first time, the account is made.

    Using up the code, making the account and opening the session are one transaction.
    """
    key = mobile_key(number)
    user_id = codes.begin(services, key, guesser)
    proof = codes.check(services, number, code, guesser, "login")
    return _log_in_by_proof(services, client, scope, proof, {} if user_id is None else {key: user_id})


def _log_in_by_proof(
    services: Services, client: Client, scope: tuple[str, ...], proof: codes.Proof, found: Mapping[str, int] | None
) -> TokenSet:
    """Tokens for the holder of the number that the code proves.

    `found` is the account by the number's key, empty where there is none; None where it was not looked up.
    """
    number = proof.consume.number
    with codes.reopened(services, proof):
        tokens = _log_in_by_identity(
            services,
            client,
            scope,
            login_methods.SMS,
            (mobile_key(number),),
            lambda user: replace(user, mobile=number),
            proof.consume,
            found=found,
        )
    codes.consumed(services, proof)
    return tokens


def log_in_by_identity(services: Services, client: Client, scope: tuple[str, ...], identity: Identity) -> TokenSet:
    """Tokens for an identity that a third party has proven; the first time, the account is made."""
    keys = tuple(openid_key(issuer, openid) for issuer, openid in identity.names)
    proofs = third_parties.single_use(identity)
    with _taken_back(services, proofs):
        return _log_in_by_identity(
            services,
            client,
            scope,
            login_methods.FEDERATED,
            keys,
            lambda user: with_identity(user, identity),
            *proofs,
        )


def _user_or_nobody(services: Services, user_id: int | None) -> User | None:
    """The account; for a name that finds nobody, nobody's is looked for, so that it takes the same calls."""
    return services.store.get_user(NOBODY if user_id is None else user_id)


def _log_in_by_identity(
    services: Services,
    client: Client,
    scope: tuple[str, ...],
    method: str,
    keys: tuple[str, ...],
    named: Callable[[User], User],
    *proof: Write,
    found: Mapping[str, int] | None = None,
) -> TokenSet:
    """Open a session for whoever `keys` find, or for a new account `named` by them, with `proof` in the transaction.

    `method` is how they have logged in (`login_methods`), `found` the accounts by key where they were looked up.

    The first key that finds an account decides; those that find nobody are given to the account, unless it has others
    in their places.
    """
    for _ in range(_ATTEMPTS):
        found = _find_each(services, keys) if found is None else found
        user_id, account = _holder(services, client, keys, named, found)
        found = None
        try:
            return sessions.issue(services, client, scope, user_id, methods=(method,), together_with=(*proof, *account))
        except Conflict as failed:
            if failed.write in proof:
                raise _used(failed.write) from None
            if isinstance(failed.write, CheckUser):
                raise invalid_grant("account_disabled") from None
            # Another first login of this name was faster (or a random id was taken): look again.
    raise unavailable()


def _holder(
    services: Services, client: Client, keys: tuple[str, ...], named: Callable[[User], User], found: Mapping[str, int]
) -> tuple[int, tuple[Write, ...]]:
    """The account of the first of `keys` in `found`, or a new one, and the writes that create or name it."""
    if not found:
        registration.check_first_login(services.settings, client)
        user = named(User(id=services.clock.new_user_id(), created_at=services.clock.now()))
        return user.id, (PutUser(user), *(PutIdentity(key, user.id) for key in keys))
    key = next(key for key in keys if key in found)
    user_id = found[key]
    # A name that is taken from the account meanwhile opens no session that nobody would end.
    still = (CheckUser(user_id), CheckIdentity(key, user_id))
    if len(found) == len(keys):
        return user_id, still
    before = services.store.get_user(user_id)
    if before is None or before.disabled:
        raise invalid_grant("account_disabled")
    after = named(before)
    missed = sorted(set(keys_of(after)) - set(keys_of(before)))
    if not missed:
        return user_id, still
    return user_id, (ChangeUser(before, after), *(PutIdentity(key, user_id) for key in missed))


def _find_each(services: Services, keys: tuple[str, ...]) -> Mapping[str, int]:
    """The users that the keys find, in one call.

    Numbers are read as `codes.begin` reads them: what handles codes is allowed no other read of names.
    """
    if len(keys) > 1 or keys[0].startswith(mobile_key("")):
        return services.store.find_user_ids(*keys)
    user_id = services.store.find_user_id(keys[0])
    return {} if user_id is None else {keys[0]: user_id}


@contextmanager
def _taken_back(services: Services, proofs: tuple[SpendTally, ...]) -> Iterator[None]:
    """Make the proofs good again where the block ends by a 503: if they were used up, the caller got nothing for it."""

    def take_back() -> None:
        for proof in proofs:
            services.store.take_back(proof)

    with unanswered.on_unavailable(take_back):
        yield


def _used(proof: Write) -> LingpaiError:
    """The refusal of a proof that was used before, by what its write is."""
    return invalid_grant("id_token_used" if isinstance(proof, SpendTally) else "bad_code")


def with_identity(user: User, identity: Identity) -> User:
    """The account with the identity's ids, but for those in whose place it has others."""
    return replace(user, openids=tuple(sorted((dict(identity.names) | dict(user.openids)).items())))


# --- registering ------------------------------------------------------------------------------------------


def register(services: Services, username: str, password: str, address: str, phone: str | None = None) -> int:
    """A new account for anyone, as often as the address may; gives the user id. `phone` is unproven: profile only."""
    settings = services.settings
    username = _check_new(settings, username, password)
    throttle.spend(services, throttle.address_limit(settings, "register", address, services.clock.now()))
    return _create_once(services, username, password, address, phone=phone)


def create(services: Services, username: str, password: str, roles: frozenset[int] = frozenset()) -> int:
    """A new account by an admin; gives the user id, or LingpaiError `conflict` where the name is taken."""
    username = _check_new(services.settings, username, password)
    return _create_once(services, username, password, "admin", roles=roles)


def _check_new(settings: "Settings", username: str, password: str) -> str:
    """The username as it is stored; LingpaiError for a name or a password that cannot be one."""
    username = as_username(settings, username)
    passwords.check_new(password, username, settings)
    return username


def _create_once(services: Services, username: str, password: str, asker: str, **more: Any) -> int:
    """A new account, or the one that the same request has made before without an answer; `more` as for `_create`."""
    request = ("create", asker, username)
    try:
        with unanswered.noted(services, *request):
            return _create(services, username, password, **more)
    except LingpaiError as error:
        if error.reason != "username_taken" or not unanswered.is_repeat(services, *request):
            raise
        user = _user_or_nobody(services, find_by_name(services, username))
        if (
            user is None
            or user.username != username
            or not passwords.verify(password, user.password, services.settings)
        ):
            raise
        return user.id


def _create(
    services: Services, username: str, password: str, roles: frozenset[int] = frozenset(), phone: str | None = None
) -> int:
    user = User(
        id=services.clock.new_user_id(),
        created_at=services.clock.now(),
        username=username,
        roles=roles,
        detail=Detail(phone=phone),
    )
    return add(services, with_password(services, user, password))


def add(services: Services, user: User) -> int:
    """Put the account and all its names in one transaction; gives its id, drawn again where it was taken."""
    for _ in range(_ATTEMPTS):
        try:
            services.store.commit(PutUser(user), *(PutIdentity(key, user.id) for key in keys_of(user)))
            return user.id
        except Conflict as failed:
            if isinstance(failed.write, PutIdentity):
                raise conflict(_taken(failed.write.key)) from None
            user = replace(user, id=services.clock.new_user_id())
    raise conflict("changed_meanwhile")


def with_password(services: Services, user: User, password: str) -> User:
    """The account with this password: its hash and, where digest login is on, that of its digests."""
    settings = services.settings
    digests = None
    if settings.digest_login:
        digests = passwords.hash_password(passwords.digests_of(password), settings)
    return replace(user, password=passwords.hash_password(password, settings), digests=digests)


def keys_of(user: User) -> tuple[str, ...]:
    """Every identity that finds the account."""
    usernames = [username_key(user.username)] if user.username is not None else []
    mobiles = [mobile_key(user.mobile)] if user.mobile is not None else []
    openids = [openid_key(issuer, openid) for issuer, openid in user.openids]
    return tuple(usernames + mobiles + openids)


# --- changing ---------------------------------------------------------------------------------------------


def change(services: Services, user_id: int, edit: Callable[[User], User], *proof: Write) -> User:
    """Apply `edit` to the account, as often as others get in between, and move its names along.

    `proof` are writes that must succeed with it. LingpaiError `not_found`, or `conflict` for a name of another.
    """
    for _ in range(_ATTEMPTS):
        before = services.store.get_user(user_id)
        if before is None or before.disabled:
            raise not_found("user_not_found")
        after = edit(before)
        old, new = set(keys_of(before)), set(keys_of(after))
        # An account without the role cannot be its last holder, so the other admin need not be checked.
        needed = [write for write in proof if not isinstance(write, CheckRole) or write.role_id in before.roles]
        try:
            if after != before or needed:
                services.store.commit(
                    ChangeUser(before, after),
                    *(PutIdentity(key, user_id) for key in sorted(new - old)),
                    *(DeleteIdentity(key, user_id) for key in sorted(old - new)),
                    *needed,
                )
            return after
        except LingpaiError:
            # The transaction may have been done: the account shows it.
            if after == before or services.store.get_user(user_id) != after:
                raise
            return after
        except Conflict as failed:
            if isinstance(failed.write, PutIdentity):
                raise conflict(_taken(failed.write.key)) from None
            if isinstance(failed.write, CheckRole):
                raise conflict("changed_meanwhile") from None
            if failed.write in proof:
                raise _used(failed.write) from None
    raise conflict("changed_meanwhile")


def link(
    services: Services,
    user_id: int,
    number: str | None,
    code: str | None,
    identity: Identity | None,
    guesser: Guesser,
    owner: Owner | None = None,
    notice: Notice | None = None,
) -> User:
    """Give the account the number (E.164) and the identity, or neither; what is None stays. Gives the account.

    `code` is the proof that the number's holder asked for it, given by `guesser`. The identity takes the place of the
    one that the account had with the same provider and app. Without an `owner` it is an admin's change: then the
    account's sessions end only where something else logs in to it no more. A number that is replaced gets the `notice`.
    """

    def edit(user: User) -> User:
        if number is not None:
            user = replace(user, mobile=number)
        if identity is not None:
            others = {known: openid for known, openid in user.openids if known != identity.issuer}
            if (identity.issuer, identity.openid) not in user.openids:
                # What finds the account in all apps of the provider was the other person's, too.
                others.pop(union_issuer(identity.provider), None)
            user = replace(user, openids=tuple(sorted((*others.items(), (identity.issuer, identity.openid)))))
        return user

    request = ("number", user_id, number)
    with unanswered.noted(services, *request):
        try:
            evidence = owner.evidence if owner else NOTHING_USED
            if number is not None and code is not None:
                proof = codes.check(services, number, code, guesser, "link")
                evidence = replace(evidence, proofs=(*evidence.proofs, proof))
            return _change_factor(services, user_id, edit, evidence, owner, notice)
        except LingpaiError as error:
            user = _repeated(services, error, "bad_code", request, user_id)
            if user is None or user.mobile != number:
                raise
            ended_accounts.end_all(services, user_id, keep=owner.session if owner else None)
            return user


def remove_number(services: Services, user_id: int, owner: Owner | None = None, notice: Notice | None = None) -> None:
    """Take the number from the account: it logs in no more, gets the `notice`, and is free.

    The account's owner needs another way in (LingpaiError `conflict`); an admin, without an `owner`, does not.
    """

    def edit(user: User) -> User:
        after = replace(user, mobile=None)
        if owner is not None and not _has_way_in(services, after):
            raise conflict("last_way_in")
        return after

    _change_factor(services, user_id, edit, owner.evidence if owner else NOTHING_USED, owner, notice)


def _change_factor(
    services: Services,
    user_id: int,
    edit: Callable[[User], User],
    evidence: Evidence,
    owner: Owner | None,
    notice: Notice | None,
) -> User:
    """Apply `edit`, use the evidence up, tell a number that leaves, and end the account's other sessions."""
    before = services.store.get_user(user_id)
    if before is None or before.disabled:
        raise not_found("user_not_found")
    leaving = before.mobile if edit(before).mobile != before.mobile else None
    with recent_login.noted(services, evidence):
        with notices.counted(services, notice, leaving) as message:
            ended = _end_sessions(services, user_id, owner.session) if owner else ()
            after = _change_once(services, user_id, edit, evidence, *ended)
        for proof in evidence.proofs:
            codes.consumed(services, proof)
        if message is not None:
            notices.send(services, message)
        if owner is not None or set(keys_of(before)) - set(keys_of(after)):
            ended_accounts.end_all(services, user_id, keep=owner.session if owner else None)
    return after


def _change_once(
    services: Services, user_id: int, edit: Callable[[User], User], evidence: Evidence, *together_with: Write
) -> User:
    """As `change`, with the evidence used up; a third party's word that another request has used proves nothing."""
    try:
        return change(services, user_id, edit, *evidence.writes, *together_with)
    except LingpaiError as error:
        if error.reason != "id_token_used":
            raise
        if unanswered.is_repeat(services, *evidence.note):
            return change(services, user_id, edit, *together_with)
        raise recent_login_required(error.reason) from error


def _end_sessions(services: Services, user_id: int, keep: SessionKey | None) -> tuple[EndSession, ...]:
    """The writes that end the account's sessions but for `keep`: as many as a transaction holds."""
    others = (key for key in services.store.sessions_of(user_id, _SESSIONS_AT_ONCE) if key != keep)
    return tuple(EndSession(key) for key in others)


def link_identity(
    services: Services,
    user_id: int,
    identity: Identity,
    session: SessionKey | None = None,
    evidence: Evidence = NOTHING_USED,
) -> User:
    """Give the account an identity that its holder has proven; the same one again is no mistake.

    `evidence` is what its owner has proven the account with. Every session but `session` ends.

    LingpaiError `conflict` where it is another account's, or where the account has another id in its place.
    """

    def edit(user: User) -> User:
        held = dict(user.openids)
        if any(held.get(issuer, openid) != openid for issuer, openid in identity.names):
            raise conflict("identity_in_place")
        return with_identity(user, identity)

    ended = _end_sessions(services, user_id, session) if session else ()
    request = ("link", user_id, identity.names)
    with unanswered.noted(services, *request), recent_login.noted(services, evidence):
        try:
            after = change(services, user_id, edit, *third_parties.single_use(identity), *evidence.writes, *ended)
        except LingpaiError as error:
            user = _repeated(services, error, "id_token_used", request, user_id)
            if user is None or edit(user) != user:
                raise
            after = user
        else:
            for proof in evidence.proofs:
                codes.consumed(services, proof)
        if session is not None:
            ended_accounts.end_all(services, user_id, keep=session)
    return after


def unlink_identity(
    services: Services,
    user_id: int,
    provider: str,
    app: str | None,
    session: SessionKey | None = None,
    evidence: Evidence = NOTHING_USED,
) -> User:
    """Take from the account what it has of the provider, in one app or (None) in all; never its last way in.

    Where the account has an id for all apps of the provider, all of its ids there are taken away: one that stays would
    lead to the others again. LingpaiError `not_found` where there is nothing to take, `conflict` for the last way in.
    Also exact under concurrent changes: `change` compares what it edits with what is there.

    Every session but `session` ends, those known by then in the same transaction. Can be repeated: where the first
    request has failed after its transaction, the second ends what is left.
    """
    request = ("unlink", user_id, provider, app)
    with unanswered.noted(services, *request), recent_login.noted(services, evidence):
        try:
            ended = _end_sessions(services, user_id, session)
            after = _unlink(services, user_id, provider, app, *evidence.writes, *ended)
            for proof in evidence.proofs:
                codes.consumed(services, proof)
        except LingpaiError as error:
            user = _repeated(services, error, "identity_not_found", request, user_id)
            if user is None:
                raise
            after = user
        ended_accounts.end_all(services, user_id, keep=session)
    return after


def _repeated(
    services: Services, error: LingpaiError, reason: str, request: tuple[object, ...], user_id: int
) -> User | None:
    """The account, where the refusal has this reason because the same request was done before and answered 503."""
    if error.reason != reason or not unanswered.is_repeat(services, *request):
        return None
    return services.store.get_user(user_id)


def _unlink(services: Services, user_id: int, provider: str, app: str | None, *together_with: Write) -> User:
    known = services.sign_providers.get(provider)

    def edit(user: User) -> User:
        issuers = [issuer for issuer, _ in user.openids]
        named = {issuer: known.app(issuer) for issuer in issuers} if known else {}
        taken = {issuer for issuer, its_app in named.items() if its_app is not None and app in (None, its_app)}
        if not taken:
            raise not_found("identity_not_found")
        if union_issuer(provider) in issuers:
            taken |= {issuer for issuer in issuers if issuer.startswith(f"{provider}:")}
        after = replace(user, openids=tuple(pair for pair in user.openids if pair[0] not in taken))
        if not _has_way_in(services, after):
            raise conflict("last_way_in")
        return after

    return change(services, user_id, edit, *together_with)


def linked(services: Services, user: User) -> tuple[tuple[str, str, str], ...]:
    """The identities by which the account can be logged in to here: provider, app, id."""
    found = []
    for issuer, openid in user.openids:
        apps = ((name, provider.app(issuer)) for name, provider in services.sign_providers.items())
        name, app = next(((name, app) for name, app in apps if app is not None), ("", None))
        if app is not None:
            found.append((name, app, openid))
    return tuple(found)


def _has_way_in(services: Services, user: User) -> bool:
    """Whether somebody can log in to the account: by a number, a username and its password, or a third party's word."""
    by_password = user.username is not None and user.password is not None
    return user.mobile is not None or by_password or bool(linked(services, user))


def change_password(services: Services, user_id: int, old: str, new: str, session: SessionKey) -> None:
    """A new password for who knows the old one; every session but `session` ends.

    The password changes and the sessions known by then end in one transaction, those that it cannot hold after it.
    A login that was under way either came before it and is ended after it, too, or finds the old hash gone (see
    `log_in_by_password`).

    Can be repeated: where the first request has failed after its transaction, the new password is the account's
    already, and the second ends the sessions that are left.
    """
    user = services.store.get_user(user_id)
    stored = user.password if user else None
    if user is not None and user.password is None:
        raise invalid_request("no_old_password")
    recent_login.count_password_try(services, user_id)
    if not passwords.verify(old, stored, services.settings) or user is None:
        if not passwords.verify(new, stored, services.settings):
            raise invalid_request("wrong_old_password")
        ended_accounts.end_all(services, user_id, keep=session)
        return
    passwords.check_new(new, display_name(services, user), services.settings)
    after = with_password(services, user, new)
    try:
        services.store.commit(ChangeUser(user, after), *_end_sessions(services, user_id, session))
    except Conflict:
        raise conflict("changed_meanwhile") from None
    ended_accounts.end_all(services, user_id, keep=session)


def reset_password(services: Services, number: str, code: str, new: str, guesser: Guesser) -> None:
    """Set the first password, or a new one for a forgotten one, of the account whose number (E.164) the code proves.

    All sessions of the account end. LingpaiError `invalid_grant` for a code that is not good, `not_found` where the
    number has no account: whoever proves it may know.
    """
    passwords.check_new(new, numbers.national(number, services.settings.home_country), services.settings)
    key = mobile_key(number)
    user_id = codes.begin(services, key, guesser)
    request = ("reset", number, code)
    with unanswered.noted(services, *request):
        if not _has_been_reset(services, user_id, new, request):
            proof = codes.check(services, number, code, guesser, "reset")
            if user_id is None:
                raise not_found("user_not_found")
            _set_password(services, user_id, new, proof)
        ended_accounts.end_all(services, user_id or NOBODY)


def _has_been_reset(services: Services, user_id: int | None, new: str, request: tuple[object, ...]) -> bool:
    """Whether the same request has set the password before, and was not answered."""
    if not unanswered.is_repeat(services, *request):
        return False
    user = _user_or_nobody(services, user_id)
    return user is not None and passwords.verify(new, user.password, services.settings)


def _set_password(services: Services, user_id: int, new: str, proof: codes.Proof) -> None:
    """Give the account, whose number the code proves, the password, and end its sessions."""
    user = services.store.get_user(user_id)
    if user is None or user.disabled:
        raise invalid_grant("account_disabled")
    passwords.check_new(new, display_name(services, user), services.settings)
    key = mobile_key(proof.consume.number)
    writes = (ChangeUser(user, with_password(services, user, new)), CheckIdentity(key, user_id), proof.consume)
    try:
        services.store.commit(*writes, *_end_sessions(services, user_id, None))
    except Conflict as failed:
        if failed.write == proof.consume:
            raise invalid_grant("bad_code") from None
        raise conflict("changed_meanwhile") from None
    codes.consumed(services, proof)


def save(
    services: Services,
    user_id: int,
    username: str | None,
    password: str | None,
    roles: frozenset[int] | None,
    *checks: Write,
) -> None:
    """An admin's change of an account: what is None stays. A new password ends all its sessions.

    `checks` must hold when it is written (see `last_admin`).
    """

    def edit(user: User) -> User:
        if username is not None:
            name = as_username(services.settings, username, owner=user)
            # A name that is the account's own number needs no row of its own: the number finds it.
            is_number = numbers.as_mobile(name, services.settings.home_country) is not None
            user = replace(user, username=None if is_number else name)
        if password is not None:
            passwords.check_new(password, display_name(services, user), services.settings)
            user = with_password(services, user, password)
        return user if roles is None else replace(user, roles=roles)

    change(services, user_id, edit, *checks)
    if password is not None:
        ended_accounts.end_all(services, user_id)


def disable(services: Services, user_id: int, *checks: Write) -> int:
    """Disable the account and end its sessions; gives how many there were. Can be repeated.

    A login that was under way has either put its session by now, or finds the account disabled. `checks` must hold
    when it is written (see `last_admin`).
    """
    try:
        services.store.commit(DisableUser(user_id), *checks)
    except Conflict as failed:
        if failed.write in checks:
            raise conflict("changed_meanwhile") from None
        raise not_found("user_not_found") from None
    return ended_accounts.end_all(services, user_id)


def enable(services: Services, user_id: int) -> None:
    """The account may be used again, with the names, the password and the roles that it had. Can be repeated."""
    try:
        services.store.commit(EnableUser(user_id))
    except Conflict:
        raise not_found("user_not_found") from None


def delete(services: Services, user_id: int, *checks: Write) -> None:
    """Delete the account: its sessions end and its names are free. Can be repeated.

    `checks` must hold when it is disabled, which is the first step (see `last_admin`).
    """
    try:
        with unanswered.noted(services, "delete", user_id):
            _delete(services, user_id, *checks)
    except LingpaiError as error:
        if error.reason != "user_not_found" or not unanswered.is_repeat(services, "delete", user_id):
            raise


def _delete(services: Services, user_id: int, *checks: Write) -> None:
    for _ in range(_ATTEMPTS):
        disable(services, user_id, *checks)
        user = services.store.get_user(user_id)
        if user is None:
            return
        try:
            services.store.commit(DeleteUser(user), *(DeleteIdentity(key, user_id) for key in keys_of(user)))
            return
        except Conflict:
            continue
    raise conflict("changed_meanwhile")


# --- finding ----------------------------------------------------------------------------------------------


def users_after(
    read_page: Callable[[int, int | None], Page], after: int | None, page_size: int = 500
) -> Iterator[User]:
    """All accounts behind the user id `after`, or all there are. `read_page` is `Accounts.list_users` of a store.

    A page is read when the one before is used up.
    """
    while True:
        page = read_page(page_size, after)
        yield from page.users
        if page.next is None:
            return
        after = page.next


def find_by_name(services: Services, username: str) -> int | None:
    """The id of the user of this name or number; None where it finds nobody.

    What is longer than any name is looked up nowhere: a store takes keys up to a length only.
    """
    if len(username) > _NAME_AS_TYPED_MAX:
        return None
    key = login_key(services, username)
    return services.store.find_user_id(key) if len(key) <= _KEY_MAX else None


def role_ids(book: RoleBook, role_names: Iterable[str]) -> frozenset[int]:
    """The ids of these role names; LingpaiError naming the first that does not exist."""
    ids = set()
    known = {name: role_id for role_id, name in book.names}
    for name in role_names:
        role_id = known.get(names.plain(name).strip())
        if role_id is None:
            raise invalid_request("role_not_found", role=name)
        ids.add(role_id)
    return frozenset(ids)


def _taken(key: str) -> str:
    return {"username": "username_taken", "mobile": "mobile_taken", "openid": "openid_taken"}[key.partition(":")[0]]
