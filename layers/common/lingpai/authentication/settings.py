"""The login settings."""

from typing import Literal

from lingpai.kernel.setting_types import FeatureSettings, Limit, Seconds, Words


class AuthenticationSettings(FeatureSettings):
    """Logging in: limits on wrong passwords for a name, how long a login counts as recent, and second factors."""

    login_tries: Limit = 10
    """guesses: wrong passwords for a name before 429; an address that logged in to it recently has separate tries"""
    login_window: Seconds = 900
    """seconds: how long they are counted"""
    login_memory: Limit = 30 * 86400
    """seconds: how long an address from which a name was logged in to is remembered"""
    recent_login: Limit = 600
    """seconds: how long after a login its session may change how the account is logged in to, without fresh proof"""
    mfa: Literal["off", "optional", "required"] = "optional"
    """`off`, `optional`, `required`: who needs a [second factor](api.md#second-factor) to log in: nobody, accounts that
    have one, or everybody
    """
    mfa_roles: Words = ()
    """roles: the roles whose holders need one even so"""
