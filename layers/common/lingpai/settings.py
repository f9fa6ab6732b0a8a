"""Everything that an operator may set: one frozen model, read once from the environment.

Each field is set by the environment variable of its name in capitals. Times are seconds unless the name
says otherwise; a limit of 0 is off.
"""

from collections.abc import Iterator, Mapping
from string import Formatter
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError


class SettingsError(Exception):
    """A setting that cannot be used. The text names it and says why."""


def _words(value: object) -> object:
    """Comma-separated text as a list; anything else as it is."""
    if isinstance(value, str):
        return [word.strip() for word in value.split(",") if word.strip()]
    return value


def _kinds(value: object) -> object:
    """`zh=A,en.link=B` as pairs of kind and value; a value alone is for everything, as if it stood under `zh`."""
    words = _words(value)
    if not isinstance(value, str) or not isinstance(words, list):
        return value
    pairs = [tuple(part.strip() for part in word.split("=", 1)) if "=" in word else ("zh", word) for word in words]
    unknown = [kind for kind, _ in pairs if kind not in _KINDS]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is not one of {', '.join(_KINDS)}")
    if len(dict(pairs)) < len(pairs) or not all(chosen for _, chosen in pairs):
        raise ValueError("each kind needs one value")
    return pairs


def _sms_text(value: str) -> str:
    """A text with the place `{code}` in it and, if it likes, `{minutes}`."""
    try:
        places = [name for _, name, form, how in Formatter().parse(value) if name is not None or form or how]
        value.format(code="", minutes=0)
    except (ValueError, LookupError, AttributeError):
        places = []
    if value and (places.count("code") != 1 or set(places) - {"code", "minutes"}):
        raise ValueError("needs {code} once, and has no other place than {minutes}")
    return value


def _providers(value: tuple[str, ...]) -> tuple[str, ...]:
    """Each once; one that delivers nothing would swallow what the next could deliver."""
    if len(set(value)) < len(value):
        raise ValueError("names a provider twice")
    if "console" in value and len(value) > 1:
        raise ValueError("console delivers nothing, so it stands alone")
    return value


# Which messages a template or a signature is for: a language, or one purpose in it; `abroad`: outside mainland China.
_KINDS = tuple(
    f"{side}{language}{purpose}"
    for side in ("", "abroad.")
    for language in ("zh", "en")
    for purpose in ("", ".login", ".link")
)

Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
Seconds = Annotated[int, Field(gt=0)]
Limit = Annotated[int, Field(ge=0)]
Provider = Literal["console", "aliyun", "tencent", "aws", "sns", "twilio"]
Kinds = Annotated[tuple[tuple[str, str], ...], BeforeValidator(_kinds)]
Variables = Annotated[
    tuple[Annotated[str, Field(pattern="^([A-Za-z0-9_]+=)?(code|minutes)$")], ...], BeforeValidator(_words)
]
SmsText = Annotated[str, AfterValidator(_sms_text)]
# A host with or without a port; and what may stand in a header.
_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
Host = Annotated[str, Field(pattern=rf"^{_LABEL}(\.{_LABEL})*(:[0-9]{{1,5}})?$")]
Plain = Annotated[str, Field(pattern="^[!-~]*$")]
# Whose names are easily taken for the secret itself: so a mere name is not enough.
SecretArn = Annotated[str, Field(pattern="^(arn:aws[a-z-]*:secretsmanager:[^:]+:[0-9]+:secret:.+)?$")]


class Settings(BaseModel):
    """The settings of a deployment, with their defaults."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    # where things are kept
    clients_table: str = "ClientsTable"
    users_table: str = "UsersTable"
    identities_table: str = "IdentitiesTable"
    roles_table: str = "RolesTable"
    sessions_table: str = "SessionsTable"
    codes_table: str = "CodesTable"
    counters_table: str = "CountersTable"
    aws_region: str = "us-east-1"
    store_connect_timeout: Annotated[float, Field(gt=0)] = 1.0
    store_read_timeout: Annotated[float, Field(gt=0)] = 2.0
    store_attempts: Annotated[int, Field(ge=1)] = 3

    # clients and sessions
    client_cache_ttl: Limit = 60
    refresh_grace: Limit = 30
    issuer: str = ""
    audience: str = ""
    keys_file: str = ""
    key_cache_ttl: Limit = 300

    # passwords, which argon2id hashes
    password_min_length: Annotated[int, Field(ge=1, le=128)] = 8
    argon2_memory_kib: Annotated[int, Field(ge=8)] = 19456
    argon2_time: Annotated[int, Field(ge=1)] = 2
    argon2_parallelism: Annotated[int, Field(ge=1)] = 1
    digest_login: bool = False

    # codes and messages
    code_pepper: SecretStr = SecretStr("")
    code_pepper_secret: str = ""
    code_ttl: Seconds = 600
    code_tries: Annotated[int, Field(ge=1)] = 5
    code_tries_window: Seconds = 3600
    code_resend: Limit = 60
    code_per_hour: Limit = 5
    code_per_day: Limit = 10
    sms_countries: Words = ("CN",)
    home_country: Annotated[str, Field(pattern="^[A-Z]{2}$")] = "CN"

    # who delivers messages (docs/senders.md): the chain, its patience, and what is said
    sms_provider: Annotated[
        tuple[Provider, ...], BeforeValidator(_words), Field(min_length=1), AfterValidator(_providers)
    ] = ("console",)
    sms_connect_timeout: Annotated[float, Field(gt=0)] = 1.5
    sms_read_timeout: Annotated[float, Field(gt=0)] = 3.0
    sms_deadline: Annotated[float, Field(gt=0)] = 8.0
    sms_breaker_failures: Limit = 5
    sms_breaker_pause: Seconds = 30
    sms_text_zh_login: SmsText = ""
    sms_text_zh_link: SmsText = ""
    sms_text_en_login: SmsText = ""
    sms_text_en_link: SmsText = ""
    aliyun_key_id: Plain = ""
    aliyun_key: SecretStr = SecretStr("")
    aliyun_key_secret: SecretArn = ""
    aliyun_endpoint: Host = "dysmsapi.aliyuncs.com"
    aliyun_sign_names: Kinds = ()
    aliyun_templates: Kinds = ()
    aliyun_variables: Variables = ("code",)
    tencent_secret_id: Plain = ""
    tencent_secret_key: SecretStr = SecretStr("")
    tencent_secret_key_secret: SecretArn = ""
    tencent_endpoint: Host = "sms.tencentcloudapi.com"
    tencent_region: Annotated[str, Field(pattern="^[a-z0-9-]+$")] = "ap-guangzhou"
    tencent_app_id: Annotated[str, Field(pattern="^[0-9]*$")] = ""
    tencent_sign_names: Kinds = ()
    tencent_templates: Kinds = ()
    tencent_variables: Variables = ("code", "minutes")
    tencent_sender_id: str = ""
    aws_sms_region: Annotated[str, Field(pattern="^[a-z0-9-]*$")] = ""
    aws_sms_origination: Plain = ""
    aws_sms_configuration_set: Plain = ""
    sns_sender_id: Annotated[str, Field(pattern="^([A-Za-z0-9-]{1,11})?$")] = ""
    sns_origination_number: Annotated[str, Field(pattern=r"^(\+?[0-9]{3,15})?$")] = ""
    twilio_account_sid: Annotated[str, Field(pattern="^(AC[0-9a-fA-F]{32})?$")] = ""
    twilio_api_key_sid: Annotated[str, Field(pattern="^(SK[0-9a-fA-F]{32})?$")] = ""
    twilio_token: SecretStr = SecretStr("")
    twilio_token_secret: SecretArn = ""
    twilio_from: str = ""
    twilio_endpoint: Host = "api.twilio.com"

    # limits for others than a number: an hour for addresses and clients, a day (UTC) for the deployment
    limit_sms_ip: Limit = 30
    limit_sms_client: Limit = 1000
    limit_sms_day: Limit = 10000
    limit_register_ip: Limit = 30

    # people
    admin_role: Annotated[str, Field(min_length=1)] = "admin"
    utc_offset_minutes: Annotated[int, Field(ge=-720, le=840)] = 480


def from_environment(environment: Mapping[str, str]) -> Settings:
    """The settings that `environment` names; raises SettingsError with one line for each wrong one."""
    given = {
        name: environment[name.upper()] for name in Settings.model_fields if environment.get(name.upper(), "") != ""
    }
    try:
        settings = Settings.model_validate(given)
    except ValidationError as error:
        lines = [f"{str(problem['loc'][0]).upper()}: {problem['msg']}" for problem in error.errors()]
        raise SettingsError("\n".join(lines)) from None
    lines = list(_unmet(settings))
    if lines:
        raise SettingsError("\n".join(lines))
    return settings


# What each provider cannot do without.
_NEEDED: Mapping[Provider, tuple[str, ...]] = {
    "aliyun": ("aliyun_key_id", "aliyun_key", "aliyun_sign_names", "aliyun_templates"),
    "tencent": ("tencent_secret_id", "tencent_secret_key", "tencent_app_id", "tencent_templates"),
    "aws": ("aws_sms_origination",),
    "twilio": ("twilio_account_sid", "twilio_token", "twilio_from"),
}


def _unmet(settings: Settings) -> Iterator[str]:
    """A line for each setting that the chosen providers need and that is not there, or not whole."""
    if settings.sms_deadline < settings.sms_connect_timeout + settings.sms_read_timeout:
        yield "SMS_DEADLINE: shorter than SMS_CONNECT_TIMEOUT and SMS_READ_TIMEOUT together"
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
                # Chinese is what a message falls back to, so it has to be there for every purpose.
                for kind in sorted({"zh.login", "zh.link"} - set(kinds)):
                    yield f"{name.upper()}: has nothing for {kind}"
