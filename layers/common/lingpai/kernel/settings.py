"""The settings that several features use."""

from lingpai.kernel.setting_types import Country, FeatureSettings


class KernelSettings(FeatureSettings):
    """How phone numbers are read."""

    home_country: Country = "CN"
