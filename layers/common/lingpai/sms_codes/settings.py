"""The settings of SMS codes."""

from typing import Annotated

from pydantic import Field, SecretStr

from lingpai.kernel.setting_types import FeatureSettings, Limit, Seconds


class SmsCodeSettings(FeatureSettings):
    """SMS codes: where they are kept, how long they are valid, and limits for each number."""

    codes_table: str = "CodesTable"
    code_pepper: SecretStr = SecretStr("")
    code_pepper_secret: str = ""
    code_ttl: Seconds = 600
    code_tries: Annotated[int, Field(ge=1)] = 5
    code_tries_window: Seconds = 3600
    code_resend: Limit = 60
    code_per_hour: Limit = 5
    code_per_day: Limit = 10
