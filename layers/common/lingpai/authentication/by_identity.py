"""Authentication by a proven identity; the first login creates the account."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from lingpai.accounts import closing, identities, registration
from lingpai.accounts.model import User
from lingpai.accounts.storage import ChangeUser, CheckIdentity, CheckUser, PutIdentity, PutUser
from lingpai.authentication.model import Authenticated
from lingpai.authentication.service import proof_used
from lingpai.clients.model import Client
from lingpai.kernel.writes import Conflict, Write
from lingpai.services import Services


@dataclass(frozen=True)
class ProvenIdentity:
    """Identities that a user has proven, by their keys, the most specific one first, and the method (`login_methods`).

    Each function in `identities` adds its identity to an account, except where that has another in its place. The
    writes `single_use` use up the proof. The rest is as in `Authenticated`.
    """

    method: str
    identities: Mapping[str, Callable[[User], User]] = field(repr=False)
    single_use: tuple[Write, ...] = field(repr=False)
    after_commit: Callable[[], None] = field(repr=False)
    after_unavailable: Callable[[], None] = field(repr=False)


def authenticate(
    services: Services, client: Client, proven: ProvenIdentity, found: Mapping[str, int] | None = None
) -> Authenticated:
    """The account that has the identities, or a new one. `found` are the user ids by key, if already looked up.

    The first key with an account decides. Keys without one are added to the account, except where it has others in
    their place. Keys of other accounts stay there.
    """
    keys = tuple(proven.identities)

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
            raise closing.refusal(services, conflict.write.user_id)
        # A concurrent first login created the account (or the random id was taken).
        return look(_find_each(services, keys))

    return look(_find_each(services, keys) if found is None else found)


def _holder(
    services: Services, client: Client, proven: ProvenIdentity, found: Mapping[str, int]
) -> tuple[int, tuple[Write, ...]]:
    """The id of the account, found or new, and the writes that check it, create it or add identities to it."""
    keys = tuple(proven.identities)
    lacking = [add for key, add in proven.identities.items() if key not in found]
    if not found:
        registration.check_first_login(services.settings, client)
        user = _with_each(User(id=services.clock.new_user_id(), created_at=services.clock.now()), lacking)
        return user.id, (PutUser(user), *(PutIdentity(key, user.id) for key in keys))
    key = next(key for key in keys if key in found)
    user_id = found[key]
    # If the account loses the key meanwhile, no session is opened: the request that removes it ends only earlier ones.
    holds = CheckIdentity(key, user_id)
    if not lacking:
        return user_id, (CheckUser(user_id), holds)
    before = services.store.get_user(user_id)
    if before is None or not before.is_active:
        raise closing.refusal(services, user_id)
    after = _with_each(before, lacking)
    missed = sorted(set(identities.keys_of(after)) - set(identities.keys_of(before)))
    if not missed:
        return user_id, (CheckUser(user_id), holds)
    return user_id, (ChangeUser(before, after), holds, *(PutIdentity(added, user_id) for added in missed))


def _with_each(user: User, additions: list[Callable[[User], User]]) -> User:
    """The account with each of these identities added."""
    for add in additions:
        user = add(user)
    return user


def _find_each(services: Services, keys: tuple[str, ...]) -> Mapping[str, int]:
    """The user ids by key, in one call.

    Numbers are read as `sms_codes.begin` reads them: the functions that handle codes may not read identities otherwise.
    """
    if len(keys) > 1 or keys[0].startswith(identities.mobile_key("")):
        return services.store.find_user_ids(*keys)
    user_id = services.store.find_user_id(keys[0])
    return {} if user_id is None else {keys[0]: user_id}
