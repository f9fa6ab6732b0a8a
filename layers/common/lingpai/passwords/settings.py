"""The password settings."""

from typing import Annotated

from pydantic import Field

from lingpai.kernel.setting_types import FeatureSettings, Words


class PasswordSettings(FeatureSettings):
    """Passwords: which are refused, and how argon2id hashes them."""

    password_filter: str = ""
    """path: the filter of [refused passwords](passwords.md); without it, the shipped one"""
    password_min_length: Annotated[int, Field(ge=1, le=128)] = 8
    """characters: the shortest new password"""
    password_classes: Annotated[int, Field(ge=0, le=4)] = 0
    """classes: how many of lower case, upper case, digits and other characters a new password must have; 0 for any, as
    NIST SP 800-63B-4 wants it
    """
    password_max_age_days: Annotated[int, Field(ge=0, le=3650)] = 0
    """days: how long a password logs in before its holder has to [choose a new one](passwords.md#old-passwords); 0 for
    ever, as NIST SP 800-63B-4 wants it
    """
    password_max_age_roles: Words = ()
    """roles: the roles whose holders alone have to; without any, everybody"""
    argon2_memory_kib: Annotated[int, Field(ge=8)] = 19456
    """KiB: memory of a password hash; old hashes are renewed at login"""
    argon2_time: Annotated[int, Field(ge=1)] = 2
    """passes: passes of a password hash"""
    argon2_parallelism: Annotated[int, Field(ge=1)] = 1
    """lanes: lanes of a password hash"""
    digest_login: bool = False
    """yes or no: login by the MD5 and SHA-1 of a password, for which a slow hash of both is kept"""
