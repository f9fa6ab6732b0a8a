"""The session settings."""

from typing import Annotated

from pydantic import Field

from lingpai.kernel.setting_types import FeatureSettings


class SessionSettings(FeatureSettings):
    """Sessions: where they are kept, how they are refreshed, and how many an account may have."""

    sessions_table: str = "SessionsTable"
    sessions_max: Annotated[int, Field(ge=1, le=1000)] = 100
    refresh_grace: Annotated[int, Field(ge=0, le=600)] = 30
    refresh_retry: Annotated[int, Field(ge=0, le=3600)] = 600
    refresh_retry_public: Annotated[int, Field(ge=0, le=3600)] = 60

    # `aud` of signed access tokens
    audience: str = ""
