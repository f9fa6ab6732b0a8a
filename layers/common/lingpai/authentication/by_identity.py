"""The account that a proven identity finds; the first time, it is created."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from lingpai.accounts import identities, registration
from lingpai.accounts.model import User
from lingpai.accounts.storage import ChangeUser, CheckIdentity, CheckUser, PutIdentity, PutUser
from lingpai.authentication.model import Authenticated
from lingpai.authentication.service import proof_used
from lingpai.clients.model import Client
from lingpai.kernel.errors import invalid_grant
from lingpai.kernel.writes import Conflict, Write
from lingpai.services import Services


@dataclass(frozen=True)
class ProvenIdentity:
    """What somebody has proven to be known by: `keys`, the most exact one first, by one of the `login_methods`.

    `named` gives an account these identities, unless it has others in their places. `single_use` uses up what has
    proven them. The rest is as in `Authenticated`.
    """

    method: str
    keys: tuple[str, ...] = field(repr=False)
    named: Callable[[User], User] = field(repr=False)
    single_use: tuple[Write, ...] = field(repr=False)
    after_commit: Callable[[], None] = field(repr=False)
    after_unavailable: Callable[[], None] = field(repr=False)


def authenticate(
    services: Services, client: Client, proven: ProvenIdentity, found: Mapping[str, int] | None = None
) -> Authenticated:
    """Whoever the identities find, or a new account that has them. `found` is what they find, where it was looked up.

    The first key that finds an account decides; those that find nobody are given to the account, unless it has others
    in their places.
    """

    def look(found: Mapping[str, int]) -> Authenticated:
        user_id, account = _holder(services, client, proven, found)
        return Authenticated(
            user_id,
            (proven.method,),
            services.clock.now(),
            (*proven.single_use, *account),
            after_conflict,
            proven.after_commit,
            proven.after_unavailable,
        )

    def after_conflict(conflict: Conflict) -> Authenticated:
        if conflict.write in proven.single_use:
            raise proof_used(conflict.write)
        if isinstance(conflict.write, CheckUser):
            raise invalid_grant("account_disabled")
        # Another first login of this name was faster (or a random id was taken).
        return look(_find_each(services, proven.keys))

    return look(_find_each(services, proven.keys) if found is None else found)


def _holder(
    services: Services, client: Client, proven: ProvenIdentity, found: Mapping[str, int]
) -> tuple[int, tuple[Write, ...]]:
    """The account of the first of the keys in `found`, or a new one, and the writes that check, create or name it."""
    keys = proven.keys
    if not found:
        registration.check_first_login(services.settings, client)
        user = proven.named(User(id=services.clock.new_user_id(), created_at=services.clock.now()))
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
    after = proven.named(before)
    missed = sorted(set(identities.keys_of(after)) - set(identities.keys_of(before)))
    if not missed:
        return user_id, still
    return user_id, (ChangeUser(before, after), *(PutIdentity(key, user_id) for key in missed))


def _find_each(services: Services, keys: tuple[str, ...]) -> Mapping[str, int]:
    """The users that the keys find, in one call.

    Numbers are read as `sms_codes.begin` reads them: what handles codes is allowed no other read of names.
    """
    if len(keys) > 1 or keys[0].startswith(identities.mobile_key("")):
        return services.store.find_user_ids(*keys)
    user_id = services.store.find_user_id(keys[0])
    return {} if user_id is None else {keys[0]: user_id}
