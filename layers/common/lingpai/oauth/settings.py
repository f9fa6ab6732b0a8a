"""The OAuth settings."""

from lingpai.kernel.setting_types import FeatureSettings


class OAuthSettings(FeatureSettings):
    """OAuth: the issuer that tokens and metadata name."""

    issuer: str = ""
    """URL: the issuer that tokens and metadata name; without it, the address that was called"""
