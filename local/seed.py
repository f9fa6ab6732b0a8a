"""The seed: clients, roles and users that a deployment starts with, from a JSON file.

The whole file is checked before anything is written, and each fault is reported with its entry. Applying a seed is
idempotent: existing roles and users are left alone, and existing clients keep their secret and whether they are
disabled.
"""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from lingpai.accounts import identities
from lingpai.accounts import service as accounts
from lingpai.accounts.model import RoleBook, User
from lingpai.accounts.roles import check_name
from lingpai.clients import epochs
from lingpai.clients.model import Client
from lingpai.http.fields import has_control
from lingpai.identity_providers.model import OPENID_MAX
from lingpai.kernel import messages, phone_numbers, typed_text
from lingpai.kernel.errors import LingpaiError
from lingpai.kernel.validation_errors import error_text
from lingpai.oauth.client_records import ENTRY, ClientEntry, Text, as_text, to_client, unusable
from lingpai.passwords import service as passwords
from lingpai.services import Services
from lingpai.settings import Settings
from local.errors import LocalError

if TYPE_CHECKING:
    from lingpai.clients.storage import ClientWriter

ROLE_ID_MAX = 2**53 - 1
# Secrets are stored as a fast hash, which protects only secrets that cannot be guessed.
SECRET_MIN = 16
_ATTEMPTS = 5


class SeedError(LocalError):
    """The seed cannot be used; `args[0]` has a line for each fault."""

    def __str__(self) -> str:
        return "\n".join(self.args[0])


def _unpadded(value: object) -> object:
    """Remove the blanks of a fixed-width column, and base64 padding, from a hash."""
    return passwords.without_padding(value) if isinstance(value, str) else value


class SeedRole(BaseModel):
    """A role, by the names of seed 003."""

    model_config = ENTRY

    id: Annotated[int, Field(gt=0, lt=ROLE_ID_MAX)]
    roleName: Text  # noqa: N815  the name on the wire


class SeedUser(BaseModel):
    """A user; `mobile` is taken as proven, `password_hash` may stand in place of `password`."""

    model_config = ENTRY

    username: Text | None = None
    password: Annotated[Text | None, Field(repr=False)] = None
    password_hash: Annotated[Text | None, BeforeValidator(_unpadded), Field(repr=False)] = None
    mobile: Annotated[Text | None, BeforeValidator(as_text)] = None
    openid: Annotated[Text | None, Field(max_length=OPENID_MAX)] = None
    roles: tuple[Text, ...] = ()

    @property
    def label(self) -> str:
        """How messages call the user."""
        return self.username or self.mobile or self.openid or "nameless"


class Seed(BaseModel):
    """What a seed file holds."""

    model_config = ENTRY

    clients: tuple[ClientEntry, ...] = ()
    roles: tuple[SeedRole, ...] = ()
    users: tuple[SeedUser, ...] = ()

    def without_secrets(self) -> "Seed":
        """Return the seed without the secrets of clients and the passwords of users."""
        clients = tuple(client.model_copy(update={"client_secret": None}) for client in self.clients)
        users = tuple(user.model_copy(update={"password": None}) for user in self.users)
        return self.model_copy(update={"clients": clients, "users": users})


DEMO: dict[str, Any] = json.loads(Path(__file__).with_name("demo-seed.json").read_text("utf-8"))


def load(path: str | None, settings: Settings | None = None) -> Seed:
    """Read the seed from the file, or the demo data without one; raises SeedError with a line for each fault."""
    if path is None:
        return Seed.model_validate(DEMO)
    try:
        content = json.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise SeedError([f"{path}: cannot be read: {error.strerror or error}"]) from None
    except ValueError as error:
        raise SeedError([f"{path}: is not JSON: {error}"]) from None
    if not isinstance(content, dict):
        raise SeedError([f'{path}: is not an object with "clients", "roles" and "users"'])
    try:
        seed = Seed.model_validate(content)
    except ValidationError as error:
        raise SeedError([f"{path}: {_entry(content, e['loc'])}: {error_text(e)}" for e in error.errors()]) from None
    if wrong := [f"{path}: {line}" for line in _contradictions(seed, settings or Settings())]:
        raise SeedError(wrong)
    return seed


@dataclass(frozen=True)
class Applied:
    """Where the store differs from the file after the seed was applied.

    `kept_clients` are the ids of clients that keep another secret or state than the file's. `new_role_ids` are the ids,
    by name, of roles whose id in the file may have been another role's. `lacking_users` are the names of existing users
    without all roles of the file: they may be somebody else's.
    """

    kept_clients: tuple[str, ...]
    new_role_ids: Mapping[str, int]
    lacking_users: tuple[str, ...] = ()

    def notes(self) -> Iterator[str]:
        """Yield a line for each difference, for people."""
        for client_id in self.kept_clients:
            kept = "keeps its own secret, or stays disabled"
            yield f"the client {client_id} {kept}: `lingpai seed --overwrite` changes that"
        for name, role_id in self.new_role_ids.items():
            yield f"the role {name} has the id {role_id}: the one in the file may have been another role's"
        for name in self.lacking_users:
            yield f"the user {name} was there without the roles of the file: somebody else may have registered the name"


def short_secrets(seed: Seed) -> list[str]:
    """Return the ids of clients with secrets under SECRET_MIN characters, which could be guessed from their hash."""
    return [
        client.client_id
        for client in seed.clients
        if client.client_secret is not None and len(client.client_secret) < SECRET_MIN
    ]


def apply(seed: Seed, services: Services, *, overwrite: bool = False) -> Applied:
    """Write the seed to the store.

    With `overwrite`, existing clients get the secret of the file and are enabled. Raises SeedError, before anything is
    written, if another role of the file has the id of the admin role.
    """
    _refuse_admin_by_another_name(seed.roles, services)
    kept = [
        entry.client_id for entry in seed.clients if not _put_client(services, to_client(entry), overwrite=overwrite)
    ]
    book, new_ids = _add_roles(seed.roles, services)
    # By its name, or by its id in the seed if it was renamed since.
    roles = {role.roleName: book.id_of(role.roleName) or role.id for role in seed.roles}
    lacking = [user.label for user in seed.users if not _add_user(user, roles, services)]
    return Applied(tuple(kept), new_ids, tuple(lacking))


def clients_of(services: Services) -> "ClientWriter":
    """Return the services' store, by which an operator also writes clients."""
    return services.store


def _put_client(services: Services, client: Client, *, overwrite: bool) -> bool:
    """Write the client; returns False if the existing record keeps another secret or state."""
    writer = clients_of(services)
    for _ in range(_ATTEMPTS):
        before = writer.get_client(client.id)
        if before is None:
            if writer.create_client(client):
                return True
            continue
        after = _onto(before, client, epochs.next_of(writer, before, services.clock.now()), overwrite=overwrite)
        if writer.change_client(before, after):
            return (after.secret_hash, after.disabled) == (client.secret_hash, client.disabled)
    raise SeedError([f"clients: somebody else changed {client.id} meanwhile: run it again"])


def _onto(before: Client, client: Client, next_valid_from: int, *, overwrite: bool) -> Client:
    """Return the record that replaces `before`. Replacing its secret ends what was issued under the old one."""
    if not overwrite:
        return replace(client, secret_hash=before.secret_hash, disabled=before.disabled, valid_from=before.valid_from)
    same = client.secret_hash == before.secret_hash
    return replace(client, valid_from=before.valid_from if same else next_valid_from)


def _add_roles(roles: Sequence[SeedRole], services: Services) -> tuple[RoleBook, Mapping[str, int]]:
    """Add the roles; returns the role book, and the ids of those that got another id than the seed gives.

    An id below the book's next one may have been that of a deleted role, which accounts still hold.
    """
    while True:
        book = services.store.directory().roles
        known = dict(book.names)
        missing = [role for role in roles if role.id not in known and book.id_of(role.roleName) is None]
        if not missing:
            return book, {}
        fresh = [(role.id, role.roleName) for role in missing if role.id >= book.next_id]
        next_id = max([book.next_id, *(role_id + 1 for role_id, _ in fresh)])
        used = [role.roleName for role in missing if role.id < book.next_id]
        given = list(zip(itertools.count(next_id), used, strict=False))
        after = replace(book, names=tuple(sorted((*book.names, *fresh, *given))), next_id=next_id + len(given))
        if services.store.save_roles(after):
            return after, {name: role_id for role_id, name in given}


def _refuse_admin_by_another_name(roles: Sequence[SeedRole], services: Services) -> None:
    """Refuse a role with the admin role's id. Other roles may have been renamed, but the admin role cannot be."""
    admin_role = services.settings.admin_role
    admin_id = services.store.directory().roles.id_of(admin_role)
    for role in roles:
        if role.id == admin_id and role.roleName != admin_role:
            raise SeedError([f"roles: the id {role.id} is that of the role {admin_role}: give {role.roleName} another"])


def _add_user(entry: SeedUser, roles: Mapping[str, int], services: Services) -> bool:
    """Add the user; returns False if an account with its names exists and lacks some of its roles."""
    settings = services.settings
    user = replace(
        _account(entry, settings),
        id=services.clock.new_user_id(),
        created_at=services.clock.now(),
        roles=frozenset(roles[name] for name in entry.roles),
    )
    found = services.store.find_user_ids(*identities.keys_of(user))
    if found:
        there = services.store.directory(*found.values()).users.values()
        return all(user.roles <= account.roles for account in there)
    if entry.password:
        accounts.add(services, accounts.with_password(services, user, entry.password))
    else:
        stored = passwords.as_kept(entry.password_hash, settings) if entry.password_hash else None
        accounts.add(services, replace(user, password=stored, password_set_at=user.created_at if stored else None))
    return True


def _account(entry: SeedUser, settings: Settings) -> User:
    """Return an account with the entry's names. A username that is its own mobile number is left out."""
    mobile = phone_numbers.as_mobile(entry.mobile, settings.home_country) if entry.mobile else None
    is_number = mobile is not None and phone_numbers.as_mobile(entry.username or "", settings.home_country) == mobile
    return User(
        id=0,
        created_at=0,
        username=None if is_number or not entry.username else typed_text.trimmed(entry.username),
        mobile=mobile,
        openids=(("trusted:default", entry.openid),) if entry.openid else (),
    )


def _contradictions(seed: Seed, settings: Settings) -> Iterator[str]:
    """Yield faults that a single field does not show: duplicates, unknown roles, invalid names and numbers.

    Two spellings of a name that find the same account are duplicates.
    """
    yield from _repeated("clients", "client_id", [client.client_id for client in seed.clients])
    yield from _repeated("roles", "id", [role.id for role in seed.roles])
    yield from _repeated("roles", "roleName", [role.roleName for role in seed.roles])
    country = settings.home_country
    names = [user.username for user in seed.users if user.username]
    mobiles = [user.mobile for user in seed.users if user.mobile]
    yield from _repeated("users", "username", names, identities.username_key)
    yield from _repeated("users", "mobile", mobiles, lambda mobile: phone_numbers.as_mobile(mobile, country) or mobile)
    yield from _repeated("users", "openid", [user.openid for user in seed.users if user.openid])
    for index, client in enumerate(seed.clients):
        if wrong := unusable(client, settings):
            yield f"clients[{index}] ({client.client_id}): {wrong}"
    for index, role in enumerate(seed.roles):
        if reason := _refused(check_name, role.roleName):
            yield f"roles[{index}] ({role.roleName!r}): roleName: {reason}"
    roles = {role.roleName for role in seed.roles}
    for index, user in enumerate(seed.users):
        for wrong in _unusable_user(user, roles, settings):
            yield f"users[{index}] ({user.label}): {wrong}"


def _unusable_user(user: SeedUser, roles: Set[str], settings: Settings) -> Iterator[str]:
    """Yield why the entry cannot be a user of this file."""
    if not (user.username or user.mobile or user.openid):
        yield "needs a username, a mobile or an openid"
    if user.password and user.password_hash:
        yield "has both password and password_hash; give one"
    if user.password_hash and (reason := passwords.why_unreadable(user.password_hash)):
        yield f"password_hash: {reason}"
    if user.mobile and phone_numbers.as_mobile(user.mobile, settings.home_country) is None:
        yield "mobile: is not a mobile number"
    if user.openid and has_control(user.openid):
        yield "openid: holds a control character"
    owner = _account(user, settings)
    if user.username and (reason := _refused(identities.as_username, settings, user.username, owner=owner)):
        yield f"username: {reason}"
    for name in user.roles:
        if name not in roles:
            yield f"roles: there is no role {name!r} in this file"


def _refused(check: Callable[..., object], *given: object, **named: object) -> str | None:
    """Return why `check` refuses what is given; None if it does not."""
    try:
        check(*given, **named)
    except LingpaiError as error:
        return messages.text(error.reason, "en", error.values)
    return None


def _repeated[T](kind: str, field: str, values: Sequence[T], same: Callable[[T], object] = repr) -> Iterator[str]:
    """Yield a line for each of `values` that is given more than once; `same` maps spellings of one value together."""
    spellings: dict[object, list[T]] = {}
    for value in values:
        spellings.setdefault(same(value), []).append(value)
    for spelt in spellings.values():
        if len(spelt) > 1:
            yield f"{kind}: {field} {spelt[0]!r} is given {len(spelt)} times"


def _entry(content: dict[str, Any], location: tuple[int | str, ...]) -> str:
    """Return the place in the file: `clients[0] (web-client): dialect`."""
    kind, *rest = location
    if not rest or not isinstance(rest[0], int):
        return ".".join(map(str, location))
    entry = content[str(kind)][rest[0]]
    names = (entry[key] for key in ("client_id", "roleName", "username", "mobile") if key in entry)
    name = next(names, None) if isinstance(entry, dict) else None
    field = ".".join(map(str, rest[1:]))
    return f"{kind}[{rest[0]}]" + (f" ({name})" if name is not None else "") + (f": {field}" if field else "")
