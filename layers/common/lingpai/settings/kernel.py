"""What several features need to know."""

from lingpai.settings.types import Country, FeatureSettings


class KernelSettings(FeatureSettings):
    """What several features need to know."""

    home_country: Country = "CN"
