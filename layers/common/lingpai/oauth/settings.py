"""The OAuth settings."""

from lingpai.kernel.setting_types import FeatureSettings


class OAuthSettings(FeatureSettings):
    """The issuer that tokens and metadata name."""

    issuer: str = ""
