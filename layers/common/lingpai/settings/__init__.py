"""Everything that an operator may set: one frozen model, made of the features' parts, read once from the environment.

The environment variable of a setting is its name in capitals. Times are in seconds unless the name says otherwise. A
limit of 0 is off.
"""

from collections.abc import Mapping

from pydantic import ValidationError

from lingpai.errors import SettingsError
from lingpai.settings import sms
from lingpai.settings.accounts import AccountSettings
from lingpai.settings.authentication import AuthenticationSettings
from lingpai.settings.aws import AwsSettings
from lingpai.settings.clients import ClientSettings
from lingpai.settings.http import HttpSettings
from lingpai.settings.identity_providers import IdentityProviderSettings
from lingpai.settings.kernel import KernelSettings
from lingpai.settings.oauth import OAuthSettings
from lingpai.settings.passwords import PasswordSettings
from lingpai.settings.rate_limits import RateLimitSettings
from lingpai.settings.sessions import SessionSettings
from lingpai.settings.signing_keys import SigningKeySettings
from lingpai.settings.sms import SmsSettings
from lingpai.settings.sms_codes import SmsCodeSettings
from lingpai.validation_errors import error_text


# pydantic takes the fields of the last part first: docs/settings.md has the same order.
class Settings(
    IdentityProviderSettings,
    RateLimitSettings,
    SmsCodeSettings,
    SmsSettings,
    AuthenticationSettings,
    PasswordSettings,
    AccountSettings,
    SigningKeySettings,
    OAuthSettings,
    SessionSettings,
    ClientSettings,
    HttpSettings,
    AwsSettings,
    KernelSettings,
):
    """The settings of a deployment, with their defaults."""


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Read the settings from `environment`; SettingsError with one line for each that cannot be used."""
    given = {name: value for name in Settings.model_fields if (value := environment.get(name.upper(), "")) != ""}
    try:
        settings = Settings.model_validate(given)
    except ValidationError as error:
        lines = [f"{str(problem['loc'][0]).upper()}: {error_text(problem)}" for problem in error.errors()]
        raise SettingsError("\n".join(lines)) from None
    if lines := list(sms.missing(settings)):
        raise SettingsError("\n".join(lines))
    return settings
