"""The password settings."""

from typing import Annotated

from pydantic import Field

from lingpai.kernel.setting_types import FeatureSettings


class PasswordSettings(FeatureSettings):
    """Passwords, and how argon2id hashes them."""

    password_filter: str = ""
    password_min_length: Annotated[int, Field(ge=1, le=128)] = 8
    argon2_memory_kib: Annotated[int, Field(ge=8)] = 19456
    argon2_time: Annotated[int, Field(ge=1)] = 2
    argon2_parallelism: Annotated[int, Field(ge=1)] = 1
    digest_login: bool = False
