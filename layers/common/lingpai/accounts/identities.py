"""The identities of accounts (usernames, numbers, e-mail addresses, third parties' ids) and their keys in the store."""

import hashlib
from typing import TYPE_CHECKING

from lingpai.accounts.model import User
from lingpai.kernel import email_addresses, names, phone_numbers, typed_text
from lingpai.kernel.errors import LingpaiError, conflict, invalid_request
from lingpai.services import Services

if TYPE_CHECKING:
    from lingpai.settings import Settings

USERNAME_MAX = 150
# NFKC makes one character of four at most, and case folding three of one.
_NAME_AS_TYPED_MAX = 4 * USERNAME_MAX
_KEY_MAX = len("username:") + 3 * USERNAME_MAX
# The refusal of a key of each kind that is another account's.
_TAKEN = {
    "username": "username_taken",
    "mobile": "mobile_taken",
    "email": "email_taken",
    "openid": "openid_taken",
}


def username_key(username: str) -> str:
    """The key of a username: two that differ only in case or width are one."""
    return "username:" + names.folded(username)


def mobile_key(number: str) -> str:
    """The key of a number in E.164."""
    return "mobile:" + number


def email_key(address: str) -> str:
    """The key of an e-mail address that `email_addresses.parse` gave."""
    return "email:" + email_addresses.folded(address)


def openid_key(issuer: str, openid: str) -> str:
    """The key of a third party's id, under its `Identity.issuer`."""
    return f"openid:{issuer}:{openid}"


def keys_of(user: User) -> tuple[str, ...]:
    """Every key that finds the account."""
    usernames = [username_key(user.username)] if user.username is not None else []
    mobiles = [mobile_key(user.mobile)] if user.mobile is not None else []
    emails = [email_key(user.email.address)] if user.email is not None else []
    openids = [openid_key(issuer, openid) for issuer, openid in user.openids]
    return tuple(usernames + mobiles + emails + openids)


def taken(key: str) -> LingpaiError:
    """The refusal of a key that is another account's."""
    kind, _, _ = key.partition(":")
    return conflict(_TAKEN[kind])


def display_name(services: Services, user: User) -> str | None:
    """The username; for an account that has none, its number as clients write it."""
    if user.username is not None or user.mobile is None:
        return user.username
    return phone_numbers.national(user.mobile, services.settings.home_country)


def as_username(settings: "Settings", text: str, owner: User | None = None) -> str:
    """The username that `text` is stored as: without spaces and invisible characters at its ends.

    LingpaiError for one that cannot be a name, or that looks like a mobile number other than `owner`'s own.
    """
    username = typed_text.trimmed(text)
    normalised = names.normalised(username) if len(username) <= _NAME_AS_TYPED_MAX else username
    if not normalised or len(normalised) > USERNAME_MAX:
        raise invalid_request(
            "bad_username",
            zh=f"长度应为 1 到 {USERNAME_MAX} 个字符",
            en=f"it must have 1 to {USERNAME_MAX} characters",
        )
    if not names.is_visible(normalised):
        raise invalid_request(
            "bad_username",
            zh="含有不可见字符或首尾空格",
            en="it holds an invisible character or a space at its end",
        )
    number = phone_numbers.as_mobile(normalised, settings.home_country)
    if number is not None and (owner is None or owner.mobile != number):
        raise invalid_request("username_is_mobile")
    return username


def login_key(services: Services, name: str) -> str:
    """The key that a login name stands for: of the number it looks like, else of a username.

    A name that is longer than any stands for nobody: a store takes keys up to a length only.
    """
    if len(name) > _NAME_AS_TYPED_MAX:
        return nobodys_key(name)
    number = phone_numbers.as_mobile(name, services.settings.home_country)
    key = mobile_key(number) if number else username_key(name)
    return key if len(key) <= _KEY_MAX else nobodys_key(key)


def nobodys_key(name: str) -> str:
    """A key that finds nobody, for a name that cannot be looked for itself."""
    return f"nobody:{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()}"


def find_by_name(services: Services, name: str) -> int | None:
    """The id of the user of this username or number; None where it finds nobody."""
    return services.store.find_user_id(login_key(services, name))
