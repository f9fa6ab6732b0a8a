"""The settings of signing keys."""

from typing import Annotated

from pydantic import Field

from lingpai.kernel.setting_types import FeatureSettings, Table

# A value of `keys_kms_key` in place of an ARN: private keys are stored unencrypted (`sam local` has no KMS).
UNWRAPPED = "local"


class SigningKeySettings(FeatureSettings):
    """Signing keys: in the table, wrapped by a KMS key, or in a file."""

    keys_table: Annotated[str, Table((("HASH", "algorithm", "S"), ("RANGE", "number", "N")), "ttl")] = "KeysTable"
    """table: where signing keys are kept, if `KEYS_KMS_KEY` wraps them"""
    keys_kms_key: str = ""
    """ARN: the KMS key that wraps the signing keys in `KEYS_TABLE`; takes precedence over the next; `local` keeps them
    unwrapped, for `sam local` only
    """
    keys_file: str = ""
    """path: the file with the signing keys; without either nothing can be signed"""
    key_cache_ttl: Annotated[int, Field(ge=0, le=3600)] = 300
    """seconds: how long the keys are used without being read again; 3600 at most"""
    key_lead: Annotated[int, Field(ge=86400)] = 86400
    """seconds: how long a key is published before it signs; at least a day"""
    key_period: Annotated[int, Field(ge=86400)] = 90 * 86400
    """seconds: how long a key signs before the next one does; at least a day"""
