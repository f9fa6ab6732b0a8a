"""The account settings."""

from typing import Annotated, Literal

from pydantic import Field

from lingpai.kernel.setting_types import FeatureSettings


class AccountSettings(FeatureSettings):
    """Accounts: where they are kept, and who may make them."""

    users_table: str = "UsersTable"
    identities_table: str = "IdentitiesTable"
    roles_table: str = "RolesTable"

    registration: Literal["open", "client", "off"] = "open"
    admin_role: Annotated[str, Field(min_length=1)] = "admin"
    utc_offset_minutes: Annotated[int, Field(ge=-720, le=840)] = 480
