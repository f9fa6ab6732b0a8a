"""Convert between an account and a record of a file.

A record has the fields of FIELDS, as text or, in JSON lines, as other JSON types. Only a name is required: a username,
a mobile or an openid.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from math import floor, isfinite
from typing import Any

from lingpai.accounts import identities, profile_names
from lingpai.accounts.model import Agreement, Profile, RoleBook, User
from lingpai.accounts.roles import check_name
from lingpai.http import fields
from lingpai.identity_providers.model import OPENID_MAX
from lingpai.kernel import messages, phone_numbers
from lingpai.kernel.errors import LingpaiError
from lingpai.passwords import service as passwords
from lingpai.services import Services

FIELDS = (
    "id",
    "created_at",
    "username",
    "mobile",
    "openid",
    "openids",
    "password_hash",
    "digests",
    "password_set_at",
    "roles",
    "disabled",
    "closes_at",
    "agreements",
    "profile",
)
# Additional columns of a file of refused lines. An import ignores them.
REMARKS = ("line", "reason")
# A column for one field of the profile, under its name at `/userDetail/*`: `profile.name`.
PROFILE_PREFIX = "profile."
DEFAULT_OPENID_APP = "trusted:default"

# The last second of the year 9999, which is the last that datetime knows.
_LAST_SECOND = 253_402_300_799
# DynamoDB's limit for a key, in bytes.
_LONGEST_KEY = 2048
# An item holds 400 KB, names of attributes and the rest of the account included.
_LARGEST_PROFILE = 350_000
# All names of an account are written by one transaction, which holds 100 items.
_MOST_NAMES = 50
_PROVIDER_APP = re.compile(r"[^:\s]+:[^:\s]+")
_DIGESTS = re.compile(r"([0-9a-fA-F]{32}):([0-9a-fA-F]{40})")
_FRACTION = re.compile(r"[0-9]{1,12}\.[0-9]{0,18}")
_TRUE = {"true", "t", "yes", "y", "1"}
_FALSE = {"false", "f", "no", "n", "0"}


class Refused(Exception):
    """The line cannot be imported. The message says why, without hashes, numbers and openids."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules for reading a line: the deployment's settings and roles, and the app of the field `openid`.

    With `new_roles` a line may name roles that are not there.
    """

    services: Services
    role_ids: Mapping[str, int]
    openid_app: str = DEFAULT_OPENID_APP
    new_roles: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """A line that can be imported.

    `user` has the password's hash as it was in the file (see `kept`), and the id 0 if the line has none. `size` is in
    bytes.
    """

    line: int
    size: int
    user: User = field(repr=False)
    record: Mapping[str, Any] = field(repr=False)
    roles: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of all its names."""
        return identities.keys_of(self.user)


def rules(services: Services, book: RoleBook, openid_app: str, *, new_roles: bool) -> Rules:
    """Return the rules with the roles of `book`."""
    return Rules(services, {name: role_id for role_id, name in book.names}, openid_app, new_roles)


def is_app(name: str) -> bool:
    """Tell whether it is a provider and its app, as in `wechat:wx123`."""
    return _PROVIDER_APP.fullmatch(name) is not None


def unknown(names: Sequence[str]) -> list[str]:
    """Return the names that are not fields of a record."""
    return [
        name
        for name in names
        if name not in FIELDS
        and name not in REMARKS
        and not (name.startswith(PROFILE_PREFIX) and name.removeprefix(PROFILE_PREFIX) in profile_names.FIELDS)
    ]


def read(record: Mapping[str, Any], rules: Rules, line: int = 0, size: int = 0) -> Account:
    """Return the account in a record; raises Refused."""
    if strangers := unknown(list(record)):
        raise Refused(f"{', '.join(strangers)}: no such field")
    given = {name: value for name, value in record.items() if value is not None and value != ""}
    settings = rules.services.settings
    user = User(
        id=_number(given, "id", 1, fields.MAX_ID) or 0,
        created_at=_moment(given, "created_at", rules),
        username=_text(given, "username"),
        mobile=_mobile(given, settings.home_country),
        openids=_openids(given, rules.openid_app),
        password=_password(given),
        digests=_digests(given),
        password_set_at=_moment(given, "password_set_at", rules) if "password_set_at" in given else None,
        disabled=_flag(given, "disabled"),
        closes_at=_number(given, "closes_at", 1, _LAST_SECOND),
        agreements=_agreements(given),
        profile=_profile(given, settings.utc_offset_minutes),
    )
    user = _named(user, rules)
    roles = _roles(given)
    if strangers := [role for role in roles if role not in rules.role_ids and not rules.new_roles]:
        raise Refused(f"roles: there is no role {strangers[0]!r}")
    user = replace(user, roles=frozenset(rules.role_ids[role] for role in roles if role in rules.role_ids))
    return Account(line, size, user, record, roles)


def is_fast(account: Account) -> bool:
    """Tell whether `kept` will have to hash something for the account."""
    user = account.user
    return bool((user.password and passwords.is_fast(user.password)) or (user.digests and _DIGESTS.match(user.digests)))


def kept(user: User, services: Services) -> User:
    """Return the account as it is stored. Fast hashes are hashed again by argon2, which takes its time."""
    settings = services.settings
    password = passwords.as_kept(user.password, settings) if user.password is not None else None
    digests = user.digests
    if digests is not None and (pair := _DIGESTS.fullmatch(digests)):
        digests = passwords.hash_password(passwords.joined_digests(pair[1], pair[2]), settings)
    return replace(user, password=password, digests=digests)


def written(user: User, book: RoleBook) -> dict[str, Any]:
    """Return the record of an account; `read` and `kept` make the same account of it. Deleted roles are left out."""
    names = dict(book.names)
    record = {
        "id": user.id,
        "created_at": user.created_at,
        "username": user.username,
        "mobile": user.mobile,
        "openids": dict(user.openids) or None,
        "password_hash": user.password,
        "digests": user.digests,
        "password_set_at": user.password_set_at,
        "roles": sorted(names[role_id] for role_id in user.roles if role_id in names) or None,
        "disabled": user.disabled or None,
        "closes_at": user.closes_at,
        "agreements": [[*vars(agreement).values()] for agreement in user.agreements] or None,
        "profile": {name: text for name, text in profile_names.by_seed_names(user.profile).items() if text is not None}
        or None,
    }
    return {name: value for name, value in record.items() if value is not None}


# --- names ------------------------------------------------------------------------------------------------------


def _named(user: User, rules: Rules) -> User:
    """Check the account's names. A username that is its own mobile number is left out."""
    home = rules.services.settings.home_country
    if user.username is not None:
        typed, settings = user.username, rules.services.settings
        name = _allowed("username", lambda: identities.as_username(settings, typed, owner=user))
        user = replace(user, username=None if phone_numbers.as_mobile(name, home) is not None else name)
    keys = identities.keys_of(user)
    if not keys:
        raise Refused("needs a username, a mobile or an openid")
    if any(len(key.encode()) > _LONGEST_KEY for key in keys):
        raise Refused(f"has a name of more than {_LONGEST_KEY} bytes")
    if len(keys) > _MOST_NAMES:
        raise Refused(f"has {len(keys)} names; {_MOST_NAMES} are the most")
    return user


def _mobile(given: Mapping[str, Any], home: str) -> str | None:
    text = _text(given, "mobile")
    if text is None:
        return None
    number = phone_numbers.as_mobile(text, home)
    if number is None:
        raise Refused("mobile: is no mobile number")
    return number


def _openids(given: Mapping[str, Any], app: str) -> tuple[tuple[str, str], ...]:
    found: dict[str, str] = {}
    for name, openid in _object(given, "openids").items():
        if not _PROVIDER_APP.fullmatch(name):
            raise Refused("openids: each name is a provider and its app, as in wechat:wx123")
        if not isinstance(openid, str) or not openid:
            raise Refused("openids: each openid is text")
        found[name] = _sound("openids", openid)
    plain = _text(given, "openid")
    if plain is not None and found.setdefault(app, plain) != plain:
        raise Refused("openid: openids has another one for the same app")
    if any(len(openid) > OPENID_MAX for openid in found.values()):
        raise Refused(f"openid: is longer than {OPENID_MAX} characters")
    return tuple(sorted(found.items()))


# --- what the account has -------------------------------------------------------------------------------------------


def _password(given: Mapping[str, Any]) -> str | None:
    hashed = _hash(given, "password_hash")
    if hashed is not None and (reason := passwords.why_unreadable(hashed)):
        raise Refused(f"password_hash: {reason}")
    return hashed


def _hash(given: Mapping[str, Any], name: str) -> str | None:
    text = _text(given, name)
    return passwords.without_padding(text) or None if text is not None else None


def _digests(given: Mapping[str, Any]) -> str | None:
    """Return the hash of both digests, or the digests themselves: MD5 and SHA-1 in hex, separated by a colon."""
    text = _hash(given, "digests")
    if text is None or _DIGESTS.fullmatch(text):
        return text
    if not text.startswith("$argon2id$") or (reason := passwords.why_unreadable(text)):
        raise Refused("digests: " + (reason if text.startswith("$argon2id$") and reason else "is not MD5:SHA1 in hex"))
    return text


def _roles(given: Mapping[str, Any]) -> tuple[str, ...]:
    """Read a list, a JSON list as text, or names separated by commas."""
    value = given.get("roles", ())
    if isinstance(value, str):
        value = _json("roles", value) if value.lstrip().startswith("[") else value.split(",")
    if not isinstance(value, list | tuple) or not all(isinstance(role, str) for role in value):
        raise Refused("roles: is no list of names")
    return _allowed("roles", lambda: tuple(dict.fromkeys(check_name(role) for role in value if role.strip())))


def _agreements(given: Mapping[str, Any]) -> tuple[Agreement, ...]:
    """Read a list of document, version, time, address and client, each a list, or that list in JSON as text."""
    value = given.get("agreements", ())
    if isinstance(value, str):
        value = _json("agreements", value)
    if not isinstance(value, list | tuple) or not all(map(_is_agreement, value)):
        raise Refused("agreements: is no list of [document, version, time, address, client]")
    return tuple(Agreement(*entry) for entry in value)


def _is_agreement(entry: object) -> bool:
    match entry:
        case ["terms" | "policy", str() as version, int() as at, str() as address, str() as client]:
            return not isinstance(at, bool) and at >= 0 and all(len(text) <= 256 for text in (version, address, client))
        case _:
            return False


def _profile(given: Mapping[str, Any], utc_offset_minutes: int) -> Profile:
    profile = dict(_object(given, "profile"))
    for name, value in given.items():
        if name.startswith(PROFILE_PREFIX):
            profile[name.removeprefix(PROFILE_PREFIX)] = value
    if strangers := [name for name in profile if name not in profile_names.FIELDS]:
        raise Refused(f"profile: no such field: {', '.join(strangers)}")
    parts = {}
    for name, value in profile.items():
        if value is not None:
            if not isinstance(value, str | int | float) or isinstance(value, bool):
                raise Refused(f"profile.{name}: is not text")
            parts[name] = _sound(f"profile.{name}", str(value), lines=True)
    for name, parse in (
        ("createTime", lambda: fields.optional_moment(parts, "createTime", utc_offset_minutes)),
        ("birthday", lambda: fields.optional_day(parts, "birthday", utc_offset_minutes)),
    ):
        if name in parts and (value := _allowed(f"profile.{name}", parse)) is not None:
            parts[name] = value
    if len(json.dumps(parts, ensure_ascii=False).encode()) > _LARGEST_PROFILE:
        raise Refused(f"profile: takes more than {_LARGEST_PROFILE} bytes")
    return profile_names.from_seed_names(parts)


# --- values -------------------------------------------------------------------------------------------------------


def _text(given: Mapping[str, Any], name: str) -> str | None:
    """Read text, or a whole number in its place, as JSON dumps may write it."""
    value = given.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if value is not None and not isinstance(value, str):
        raise Refused(f"{name}: is not text")
    return _sound(name, value) if value is not None else None


def _sound(name: str, value: str, *, lines: bool = False) -> str:
    """Return the text if it has no control characters; `lines` allows tabs and line ends."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Refused(f"{name}: is not UTF-8") from None
    if fields.has_control(value, lines=lines):
        raise Refused(f"{name}: holds a control character")
    return value


def _number(given: Mapping[str, Any], name: str, low: int, high: int) -> int | None:
    value = given.get(name)
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,16}", value):
        value = int(value)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high):
        raise Refused(f"{name}: is not a whole number from {low} to {high}")
    return value


def _moment(given: Mapping[str, Any], name: str, rules: Rules) -> int:
    """Read seconds since 1970 or ISO 8601 (UTC without an offset) as whole seconds; now if it is missing."""
    value = given.get(name)
    if value is None:
        return rules.services.clock.now()
    if isinstance(value, str) and _FRACTION.fullmatch(value):
        value = float(value)
    if isinstance(value, float) and isfinite(value):
        value = floor(value)
    if isinstance(value, str) and not value.isdigit():
        try:
            moment = datetime.fromisoformat(value)
            value = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
        except (ValueError, OverflowError):
            raise Refused(f"{name}: is neither seconds since 1970 nor an ISO 8601 time") from None
    return _number({name: value}, name, 0, _LAST_SECOND) or 0


def _flag(given: Mapping[str, Any], name: str) -> bool:
    value = given.get(name, False)
    text = str(value).lower()
    if isinstance(value, bool | int | str) and text in _TRUE | _FALSE:
        return text in _TRUE
    raise Refused(f"{name}: is neither true nor false")


def _object(given: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Read an object, or an object in JSON as text."""
    value = given.get(name, {})
    if isinstance(value, str):
        value = _json(name, value)
    if not isinstance(value, dict):
        raise Refused(f"{name}: is no JSON object")
    return value


def _json(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise Refused(f"{name}: is not JSON") from None


def _allowed[T](name: str, check: Callable[[], T]) -> T:
    """Return what `check` returns; a LingpaiError becomes Refused with its message."""
    try:
        return check()
    except LingpaiError as error:
        raise Refused(f"{name}: {messages.text(error.reason, 'en', error.values)}") from None
