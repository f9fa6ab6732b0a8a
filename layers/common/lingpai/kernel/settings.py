"""The settings that several features use."""

from lingpai.kernel.setting_types import Country, FeatureSettings


class KernelSettings(FeatureSettings):
    """Phone numbers: how they are read."""

    home_country: Country = "CN"
    """country: of numbers written without a country code"""
