"""The account settings."""

from typing import Annotated, Literal

from pydantic import Field

from lingpai.kernel.setting_types import FeatureSettings, OptionalUrl, Table


class AccountSettings(FeatureSettings):
    """Accounts: where they are stored, and who may create them."""

    users_table: Annotated[str, Table((("HASH", "id", "N"),), "ttl")] = "UsersTable"
    """table: where accounts are kept"""
    identities_table: Annotated[str, Table((("HASH", "key", "S"),))] = "IdentitiesTable"
    """table: where usernames, numbers and third-party ids are kept"""
    roles_table: Annotated[str, Table((("HASH", "book", "S"),))] = "RolesTable"
    """table: where the roles are kept"""
    factors_table: Annotated[str, Table((("HASH", "user_id", "N"), ("RANGE", "id", "S")))] = "FactorsTable"
    """table: where second factors are kept: the wrapped secrets of authenticator apps, hashes of recovery codes"""

    registration: Literal["open", "client", "off"] = "open"
    """`open`, `client`, `off`: who may create new accounts ([registration](api.md#registration)): anyone, clients with
    a secret, or only admins
    """
    admin_role: Annotated[str, Field(min_length=1)] = "admin"
    """role: the role whose holders are admins"""
    deletion_days: Annotated[int, Field(ge=0, le=60)] = 7
    """days: how long an account that its owner deletes is only closed, and can be opened again
    ([deletion](api.md#deletion-of-an-account)); 0 deletes it at once
    """
    terms_version: Annotated[str, Field(max_length=32)] = ""
    """text: the version of the terms, such as its date, that people have to
    [accept](pages.md#terms-and-privacy-policy); empty for none
    """
    terms_url: OptionalUrl = ""
    """URL: where the terms are read"""
    policy_version: Annotated[str, Field(max_length=32)] = ""
    """text: the version of the privacy policy, likewise"""
    policy_url: OptionalUrl = ""
    """URL: where the privacy policy is read"""
    utc_offset_minutes: Annotated[int, Field(ge=-720, le=840)] = 480
    """minutes: the offset of `createTime` from UTC"""
