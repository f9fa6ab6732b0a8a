"""The settings of a deployment: one model that inherits from each feature's part, read once from the environment.

The environment variable of a setting is its name in capitals. Times are in seconds unless the name says otherwise. A
limit of 0 is off.
"""

from collections.abc import Mapping

from pydantic import ValidationError

from lingpai.accounts.settings import AccountSettings
from lingpai.api_docs.settings import ApiDocsSettings
from lingpai.authentication.settings import AuthenticationSettings
from lingpai.aws.settings import AwsSettings
from lingpai.browser_sessions.settings import BrowserSessionSettings
from lingpai.captcha import settings as captcha
from lingpai.captcha.settings import CaptchaSettings
from lingpai.clients.settings import ClientSettings
from lingpai.dpop.settings import DpopSettings
from lingpai.events.settings import EventSettings
from lingpai.health.settings import HealthSettings
from lingpai.http.settings import HttpSettings
from lingpai.identity_providers.settings import IdentityProviderSettings
from lingpai.kernel.errors import SettingsError
from lingpai.kernel.settings import KernelSettings
from lingpai.kernel.validation_errors import error_text
from lingpai.oauth.settings import OAuthSettings
from lingpai.passkeys.settings import PasskeySettings
from lingpai.passwords.settings import PasswordSettings
from lingpai.rate_limits.settings import RateLimitSettings
from lingpai.sessions.settings import SessionSettings
from lingpai.signing_keys.settings import SigningKeySettings
from lingpai.sms import settings as sms
from lingpai.sms.settings import SmsSettings
from lingpai.sms_codes.settings import SmsCodeSettings
from lingpai.webhooks.settings import WebhookSettings


# pydantic lists the fields of the last base class first. docs/settings.md is written from them, in the same order.
class Settings(
    WebhookSettings,
    EventSettings,
    HealthSettings,
    IdentityProviderSettings,
    RateLimitSettings,
    CaptchaSettings,
    SmsCodeSettings,
    SmsSettings,
    AuthenticationSettings,
    PasskeySettings,
    PasswordSettings,
    AccountSettings,
    SigningKeySettings,
    DpopSettings,
    OAuthSettings,
    ApiDocsSettings,
    BrowserSessionSettings,
    SessionSettings,
    ClientSettings,
    HttpSettings,
    AwsSettings,
    KernelSettings,
):
    """All settings, with their defaults."""


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Read the settings from `environment`.

    Raises SettingsError with one line for each setting that is wrong or missing.
    """
    # `os.environ` encodes each name that is looked up, and decodes the value.
    variables = dict(environment)
    given = {name: value for name in Settings.model_fields if (value := variables.get(name.upper(), "")) != ""}
    try:
        settings = Settings.model_validate(given)
    except ValidationError as error:
        lines = [f"{str(problem['loc'][0]).upper()}: {error_text(problem)}" for problem in error.errors()]
        raise SettingsError("\n".join(sorted(lines))) from None
    if lines := [*sms.missing(settings), *captcha.missing(settings)]:
        raise SettingsError("\n".join(lines))
    return settings
