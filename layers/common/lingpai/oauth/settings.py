"""OAuth 2.0."""

from lingpai.kernel.setting_types import FeatureSettings


class OAuthSettings(FeatureSettings):
    """OAuth 2.0."""

    issuer: str = ""
