"""The settings of signing keys."""

from typing import Annotated

from pydantic import Field

from lingpai.kernel.setting_types import FeatureSettings


class SigningKeySettings(FeatureSettings):
    """The keys that sign tokens: in the table, wrapped by a KMS key, or in a file."""

    keys_table: str = "KeysTable"
    keys_kms_key: str = ""
    keys_file: str = ""
    key_cache_ttl: Annotated[int, Field(ge=0, le=3600)] = 300
    key_lead: Annotated[int, Field(ge=86400)] = 86400
    key_period: Annotated[int, Field(ge=86400)] = 90 * 86400
