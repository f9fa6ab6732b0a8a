"""What several features need to know."""

from lingpai.kernel.setting_types import Country, FeatureSettings


class KernelSettings(FeatureSettings):
    """What several features need to know."""

    home_country: Country = "CN"
