"""The settings of SMS codes."""

from typing import Annotated

from pydantic import Field, SecretStr

from lingpai.kernel.setting_types import FeatureSettings, Limit, Seconds, Table


class SmsCodeSettings(FeatureSettings):
    """SMS codes: where they are kept, how long they are valid, and limits for each number."""

    codes_table: Annotated[str, Table((("HASH", "number", "S"),), "ttl", is_recoverable=False)] = "CodesTable"
    """table: where codes are kept, as keyed hashes"""
    code_pepper: SecretStr = SecretStr("")
    """text: the key of the codes' hashes and of temporary tokens; takes precedence over the next"""
    code_pepper_secret: str = ""
    """ARN: the Secrets Manager secret that holds that key"""
    code_ttl: Seconds = 600
    """seconds: how long a code is good"""
    code_tries: Annotated[int, Field(ge=1)] = 5
    """guesses: wrong guesses for a number before 429"""
    code_tries_window: Seconds = 3600
    """seconds: how long guesses are counted"""
    code_resend: Limit = 60
    """seconds: how long a number waits for the next code"""
    code_per_hour: Limit = 5
    """codes: for a number within an hour"""
    code_per_day: Limit = 10
    """codes: for a number within a day"""
