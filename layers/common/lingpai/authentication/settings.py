"""The login settings."""

from lingpai.kernel.setting_types import FeatureSettings, Limit, Seconds


class AuthenticationSettings(FeatureSettings):
    """Logging in: limits on wrong passwords for a name, and how long a login counts as recent."""

    login_tries: Limit = 10
    login_window: Seconds = 900
    login_memory: Limit = 30 * 86400
    recent_login: Limit = 600
