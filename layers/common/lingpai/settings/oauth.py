"""OAuth 2.0."""

from lingpai.settings.types import FeatureSettings


class OAuthSettings(FeatureSettings):
    """OAuth 2.0."""

    issuer: str = ""
