"""The SMS settings."""

from collections.abc import Iterator, Mapping
from string import Formatter
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from lingpai.kernel.setting_types import Country, FeatureSettings, Limit, Seconds, SecretArn, TimeOut, words

# The messages that a template or a signature is for: a language, or one purpose in that language.
# `abroad` means numbers outside mainland China.
_KINDS = tuple(
    f"{side}{language}{purpose}"
    for side in ("", "abroad.")
    for language in ("zh", "en")
    for purpose in ("", ".login", ".link", ".reset", ".change", ".notice")
)


def _kinds(value: object) -> object:
    """Split `zh=A,en.link=B` into pairs of kind and value. A value without a kind gets the kind `zh`."""
    entries = words(value)
    if not isinstance(value, str) or not isinstance(entries, list):
        return value
    pairs = [tuple(part.strip() for part in word.split("=", 1)) if "=" in word else ("zh", word) for word in entries]
    unknown = [kind for kind, _ in pairs if kind not in _KINDS]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is not one of {', '.join(_KINDS)}")
    if len(dict(pairs)) < len(pairs) or not all(chosen for _, chosen in pairs):
        raise ValueError("each kind needs one value")
    return pairs


def _variables(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the variables of a template if `code` is one of them, once; else raise ValueError."""
    if [word.rpartition("=")[2] for word in words].count("code") != 1:
        raise ValueError("needs code once")
    return words


def _sms_text(value: str) -> str:
    """Return the text if it has the place `{code}` once, and no other place than `{minutes}`; else raise ValueError."""
    try:
        places = [f"{name}{form}{how or ''}" for _, name, form, how in Formatter().parse(value) if name is not None]
        value.format(code="", minutes=0)
    except (ValueError, LookupError, AttributeError):
        places = []
    if value and (places.count("code") != 1 or set(places) - {"code", "minutes"}):
        raise ValueError("needs {code} once, and has no other place than {minutes}")
    return value


def _notice_text(value: str) -> str:
    """Return the text if it has no braces; else raise ValueError."""
    if "{" in value or "}" in value:
        raise ValueError("has no places, and no braces")
    return value


def _providers(value: tuple[str, ...]) -> tuple[str, ...]:
    """Return the providers if none is named twice and `console` is alone; else raise ValueError.

    `console` delivers nothing but never fails, so the providers after it would never be tried.
    """
    if len(set(value)) < len(value):
        raise ValueError("names a provider twice")
    if "console" in value and len(value) > 1:
        raise ValueError("console delivers nothing, so it stands alone")
    return value


Countries = Annotated[tuple[Country, ...], BeforeValidator(words)]
Prefixes = Annotated[tuple[Annotated[str, Field(pattern=r"^\+[1-9][0-9]{0,14}$")], ...], BeforeValidator(words)]
Provider = Literal["console", "aliyun", "tencent", "aws", "sns", "twilio"]
Kinds = Annotated[tuple[tuple[str, str], ...], BeforeValidator(_kinds)]
Variables = Annotated[
    tuple[Annotated[str, Field(pattern="^([A-Za-z0-9_]+=)?(code|minutes)$")], ...],
    BeforeValidator(words),
    AfterValidator(_variables),
]
SmsText = Annotated[str, AfterValidator(_sms_text)]
NoticeText = Annotated[str, AfterValidator(_notice_text)]
# A host with or without a port; and what may stand in a header.
_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
Host = Annotated[str, Field(pattern=rf"^{_LABEL}(\.{_LABEL})*(:[0-9]{{1,5}})?$")]
Plain = Annotated[str, Field(pattern="^[!-~]*$")]


class SmsSettings(FeatureSettings):
    """SMS: who sends messages (docs/senders.md), what they say, and the budget of each prefix."""

    # Countries whose numbers are served, and prefixes in them that get no codes.
    sms_countries: Countries = ("CN",)
    """countries: whose numbers are served, with commas between"""
    sms_refused_prefixes: Prefixes = ()
    """prefixes: mobile numbers that get no codes although their country is served, in E.164, with commas between:
    `+86170,+86171`
    """

    # The senders, in the order in which they are tried, and their time-outs.
    sms_provider: Annotated[
        tuple[Provider, ...], BeforeValidator(words), Field(min_length=1), AfterValidator(_providers)
    ] = ("console",)
    """names: [who delivers messages](senders.md): `aliyun`, `tencent`, `aws`, `sns`, `twilio`, several with commas
    between, tried in this order; `console` keeps messages and delivers none
    """
    sms_connect_timeout: TimeOut = 1.5
    """seconds: how long a provider's name, connection and TLS may take in all"""
    sms_read_timeout: TimeOut = 3.0
    """seconds: how long to wait for its whole answer"""
    sms_deadline: TimeOut = 8.0
    """seconds: no provider is tried that could not finish within this time"""
    sms_breaker_failures: Limit = 5
    """failures: of a provider within a minute before it is paused"""
    sms_breaker_pause: Seconds = 30
    """seconds: how long it is paused; after that, one message at a time tests it"""

    # The daily budget of each prefix (UTC).
    limit_sms_prefix: Limit = 2000
    """codes: for the numbers of a prefix within a day (UTC)"""
    sms_prefix_digits: Annotated[int, Field(ge=0, le=10)] = 4
    """digits: of a number behind its calling code that make its prefix"""
    sms_unproven: Limit = 100
    """codes: to a prefix within a day that did not come back, before it is stopped"""
    sms_proof: Annotated[int, Field(ge=1)] = 4
    """codes: subtracted from that count for a code that comes back right, once a day for each number"""

    sms_price: Annotated[float, Field(ge=0)] = 0
    """price: of a message, in any currency: the console multiplies it with the messages of the day; 0 for none
    """

    # Texts for senders that have no templates.
    sms_text_zh_login: SmsText = ""
    """text: a Chinese message with a login code, with the places `{code}` and `{minutes}`; for providers that take
    texts
    """
    sms_text_zh_link: SmsText = ""
    """text: a Chinese message with a code that links a number to an account"""
    sms_text_en_login: SmsText = ""
    """text: the same in English"""
    sms_text_en_link: SmsText = ""
    """text: the same in English"""
    sms_text_zh_reset: SmsText = ""
    """text: a Chinese message with a code that sets a password"""
    sms_text_en_reset: SmsText = ""
    """text: the same in English"""
    sms_text_zh_change: SmsText = ""
    """text: a Chinese message with a code that changes how an account is logged in to"""
    sms_text_en_change: SmsText = ""
    """text: the same in English"""
    sms_text_zh_notice: NoticeText = ""
    """text: the Chinese notice to a number that no longer logs in to its account; without places"""
    sms_text_en_notice: NoticeText = ""
    """text: the same in English"""

    aliyun_key_id: Plain = ""
    """text: the AccessKey's id"""
    aliyun_key: SecretStr = SecretStr("")
    """text: its other half, which signs"""
    aliyun_key_secret: SecretArn = ""
    """ARN: the Secrets Manager secret that holds it"""
    aliyun_endpoint: Host = "dysmsapi.aliyuncs.com"
    """host: where Aliyun is called"""
    aliyun_sign_names: Kinds = ()
    """by kind: [signatures](senders.md#templates-signatures-and-texts), such as `zh=令牌,en=Lingpai`"""
    aliyun_templates: Kinds = ()
    """by kind: templates, such as `zh.login=SMS_1,zh.link=SMS_2,en=SMS_3`"""
    aliyun_variables: Variables = ("code",)
    """names: the templates' variables: `code`, `minutes`, or another name for one of them, as in `otp=code`"""

    tencent_secret_id: Plain = ""
    """text: the SecretId"""
    tencent_secret_key: SecretStr = SecretStr("")
    """text: the SecretKey, which signs"""
    tencent_secret_key_secret: SecretArn = ""
    """ARN: the Secrets Manager secret that holds it"""
    tencent_endpoint: Host = "sms.tencentcloudapi.com"
    """host: where Tencent Cloud is called"""
    tencent_region: Annotated[str, Field(pattern="^[a-z0-9-]+$")] = "ap-guangzhou"
    """region: the region of the SMS service"""
    tencent_app_id: Annotated[str, Field(pattern="^[0-9]*$")] = ""
    """number: the SmsSdkAppId"""
    tencent_sign_names: Kinds = ()
    """by kind: signatures; needed where `SMS_COUNTRIES` has `CN`"""
    tencent_templates: Kinds = ()
    """by kind: templates, such as `zh=1001,en=1002`"""
    tencent_variables: Variables = ("code", "minutes")
    """names: the templates' variables, in their order"""
    tencent_sender_id: str = ""
    """text: the sender id for numbers abroad"""

    aws_sms_region: Annotated[str, Field(pattern="^[a-z0-9-]*$")] = ""
    """region: of `aws` and `sns`; without it `AWS_REGION`"""
    aws_sms_origination: Plain = ""
    """ARN: the pool, phone number or sender id that `aws` sends from"""
    aws_sms_configuration_set: Plain = ""
    """name: its configuration set, where delivery events go"""

    sns_sender_id: Annotated[str, Field(pattern="^([A-Za-z0-9-]{1,11})?$")] = ""
    """text: the sender id that `sns` sends from"""
    sns_origination_number: Annotated[str, Field(pattern=r"^(\+?[0-9]{3,15})?$")] = ""
    """number: the number that it sends from"""

    twilio_account_sid: Annotated[str, Field(pattern="^(AC[0-9a-fA-F]{32})?$")] = ""
    """text: the account"""
    twilio_api_key_sid: Annotated[str, Field(pattern="^(SK[0-9a-fA-F]{32})?$")] = ""
    """text: the API key, where `TWILIO_TOKEN` is its secret and not the account's auth token"""
    twilio_token: SecretStr = SecretStr("")
    """text: the auth token"""
    twilio_token_secret: SecretArn = ""
    """ARN: the Secrets Manager secret that holds it"""
    twilio_from: str = ""
    """text: a number, a sender id, or a messaging service (`MG…`)"""
    twilio_endpoint: Host = "api.twilio.com"
    """host: where Twilio is called"""


# The settings that each provider requires.
_NEEDED: Mapping[Provider, tuple[str, ...]] = {
    "aliyun": ("aliyun_key_id", "aliyun_key", "aliyun_sign_names", "aliyun_templates"),
    "tencent": ("tencent_secret_id", "tencent_secret_key", "tencent_app_id", "tencent_templates"),
    "aws": ("aws_sms_origination",),
    "twilio": ("twilio_account_sid", "twilio_token", "twilio_from"),
}


def missing(settings: SmsSettings) -> Iterator[str]:
    """Yield a line for each setting that a chosen provider requires and that is missing or incomplete."""
    if settings.sms_deadline <= settings.sms_connect_timeout + settings.sms_read_timeout:
        yield "SMS_DEADLINE: not longer than SMS_CONNECT_TIMEOUT and SMS_READ_TIMEOUT together"
    for provider in settings.sms_provider:
        needed = _NEEDED.get(provider, ())
        if provider == "tencent" and "CN" in settings.sms_countries:
            needed = (*needed, "tencent_sign_names")
        for name in needed:
            value = getattr(settings, name)
            if isinstance(value, SecretStr):
                if not value.get_secret_value() and not getattr(settings, f"{name}_secret"):
                    yield f"{name.upper()}: SMS_PROVIDER {provider} needs it, or {name.upper()}_SECRET"
            elif not value:
                yield f"{name.upper()}: SMS_PROVIDER {provider} needs it"
            elif isinstance(value, tuple) and "zh" not in (kinds := dict(value)):
                # Chinese is the fallback of every message.
                for kind in sorted({"zh.login", "zh.link"} - set(kinds)):
                    yield f"{name.upper()}: has nothing for {kind}"
