"""The session settings."""

from typing import Annotated

from pydantic import Field

from lingpai.kernel.setting_types import FeatureSettings, Table


class SessionSettings(FeatureSettings):
    """Sessions: where they are kept, how they are refreshed, and how many an account may have."""

    sessions_table: Annotated[str, Table((("HASH", "owner", "N"), ("RANGE", "id", "B")), "ttl")] = "SessionsTable"
    """table: where sessions are kept"""
    sessions_max: Annotated[int, Field(ge=1, le=1000)] = 100
    """sessions: how many live sessions an account may have; the oldest end for a new one; 1000 at most"""
    refresh_grace: Annotated[int, Field(ge=0, le=600)] = 30
    """seconds: how long a replaced refresh token returns the pair that its session has now; 600 at most"""
    refresh_retry: Annotated[int, Field(ge=0, le=3600)] = 600
    """seconds: how long the refresh token that was replaced last returns its pair again while the next one is unused,
    for clients with a secret; 3600 at most
    """
    refresh_retry_public: Annotated[int, Field(ge=0, le=3600)] = 60
    """seconds: the same for public clients"""

    # `aud` of signed access tokens
    audience: str = ""
    """URL: `aud` of the JWTs of RFC 9068; without it, the issuer"""
