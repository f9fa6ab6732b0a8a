"""Everything that an operator may set: one frozen model, read once from the environment.

Each field is set by the environment variable of its name in capitals. Times are seconds unless the name
says otherwise; a limit of 0 is off.
"""

import json
import re
from collections.abc import Iterator, Mapping
from string import Formatter
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from lingpai.errors import SettingsError
from lingpai.validation_errors import error_text


def _words(value: object) -> object:
    """Comma-separated text as a list; anything else as it is."""
    if isinstance(value, str):
        return [word.strip() for word in value.split(",") if word.strip()]
    return value


def _networks(words: tuple[str, ...]) -> tuple[str, ...]:
    """The words as addresses or networks; ValueError for what is neither."""
    import ipaddress

    return tuple(str(ipaddress.ip_network(word)) for word in words)


# As browsers write it (RFC 6454 section 6.2): a scheme, a host and, unless it is the scheme's own, a port.
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://([a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(:[1-9][0-9]{0,4})?")
_OWN_PORTS = {"http": ":80", "https": ":443"}


def _origins(words: tuple[str, ...]) -> tuple[str, ...]:
    """The words as origins, or the single `*`; ValueError for what no browser sends as one."""
    if words == ("*",):
        return words
    for word in words:
        if "*" in word:
            raise ValueError(f"{word!r}: the only wildcard is a single * alone")
        scheme = word.partition("://")[0]
        if not _ORIGIN.fullmatch(word) or word.endswith(_OWN_PORTS.get(scheme, "/")):
            raise ValueError(
                f"{word!r} is no origin as browsers send it: scheme, host and any port other than the scheme's own,"
                " all in lower case, without a path, as in https://app.example.com"
            )
    return words


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


def _variables(words: tuple[str, ...]) -> tuple[str, ...]:
    """What a template is filled in with; without the code it would be a message for nothing."""
    if [word.rpartition("=")[2] for word in words].count("code") != 1:
        raise ValueError("needs code once")
    return words


def _sms_text(value: str) -> str:
    """A text with the place `{code}` in it and, if it likes, `{minutes}`."""
    try:
        places = [f"{name}{form}{how or ''}" for _, name, form, how in Formatter().parse(value) if name is not None]
        value.format(code="", minutes=0)
    except (ValueError, LookupError, AttributeError):
        places = []
    if value and (places.count("code") != 1 or set(places) - {"code", "minutes"}):
        raise ValueError("needs {code} once, and has no other place than {minutes}")
    return value


def _notice_text(value: str) -> str:
    """A text with nothing to fill in."""
    if "{" in value or "}" in value:
        raise ValueError("has no places, and no braces")
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
    for purpose in ("", ".login", ".link", ".reset", ".change", ".notice")
)

Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
Networks = Annotated[Words, AfterValidator(_networks)]
Origins = Annotated[Words, AfterValidator(_origins)]
# Names of header fields are tokens (RFC 9110 section 5.1).
HeaderNames = Annotated[
    tuple[Annotated[str, Field(pattern="^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")], ...], BeforeValidator(_words)
]
Countries = Annotated[tuple[Annotated[str, Field(pattern="^[A-Z]{2}$")], ...], BeforeValidator(_words)]
Prefixes = Annotated[tuple[Annotated[str, Field(pattern=r"^\+[1-9][0-9]{0,14}$")], ...], BeforeValidator(_words)]
Seconds = Annotated[int, Field(gt=0)]
# No function of Lambda runs longer; what is longer by far (`inf` is) no socket takes.
TimeOut = Annotated[float, Field(gt=0, le=900)]
Limit = Annotated[int, Field(ge=0)]
Provider = Literal["console", "aliyun", "tencent", "aws", "sns", "twilio"]
Kinds = Annotated[tuple[tuple[str, str], ...], BeforeValidator(_kinds)]
Variables = Annotated[
    tuple[Annotated[str, Field(pattern="^([A-Za-z0-9_]+=)?(code|minutes)$")], ...],
    BeforeValidator(_words),
    AfterValidator(_variables),
]
SmsText = Annotated[str, AfterValidator(_sms_text)]
# A text without a code in it.
NoticeText = Annotated[str, AfterValidator(_notice_text)]
# A host with or without a port; and what may stand in a header.
_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
Host = Annotated[str, Field(pattern=rf"^{_LABEL}(\.{_LABEL})*(:[0-9]{{1,5}})?$")]
Plain = Annotated[str, Field(pattern="^[!-~]*$")]
# Whose names are easily taken for the secret itself: so a mere name is not enough.
SecretArn = Annotated[str, Field(pattern="^(arn:aws[a-z-]*:secretsmanager:[^:]+:[0-9]+:secret:.+)?$")]


_WECHAT_APP = re.compile(r"wx[0-9A-Za-z]{4,62}")
_PROVIDER_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
# Sign providers of their own, and the provider that all of OpenID Connect is to an account.
_NOT_OPENID = {"oidc", "trusted", "wechat"}


def wechat_apps(text: str) -> dict[str, str]:
    """The secrets by app id in `wx123:secret,wx456:secret`; ValueError names the entry that is none, not its text."""
    found: dict[str, str] = {}
    for number, entry in enumerate((word for word in text.split(",") if word.strip()), start=1):
        app, _, secret = (part.strip() for part in entry.partition(":"))
        if not _WECHAT_APP.fullmatch(app) or not secret or not secret.isascii() or not secret.isalnum():
            raise ValueError(
                f"entry {number} is not an app id, a colon and its secret, as in wx0123456789abcdef:secret"
            )
        if found.setdefault(app, secret) != secret:
            raise ValueError(f"entry {number} gives {app} another secret")
    return found


def secure_url(url: str) -> str:
    """The address, if it is one by HTTPS (or on 127.0.0.1, where tests are) and says nothing but where."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError("is no address") from None
    secure = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname == "127.0.0.1")
    plain = url.isascii() and url.isprintable() and " " not in url
    if not secure or not parts.hostname or parts.username is not None or parts.fragment or not plain:
        raise ValueError("is no address that begins with https://")
    return url


Url = Annotated[str, AfterValidator(secure_url)]
Party = Annotated[str, Field(min_length=1, max_length=255)]


def _key_set(value: object) -> object:
    """A JWK set (RFC 7517) as its text; ValueError where it is none, or holds a private key."""
    keys = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(keys, list) or not keys or not all(isinstance(key, dict) for key in keys):
        raise ValueError('is no JWK set, as in {"keys": [{"kty": "RSA", "kid": "…", "n": "…", "e": "AQAB"}]}')
    for number, key in enumerate(keys, start=1):
        if "d" in key:
            raise ValueError(f"key {number} is a private one: give its public half alone")
    return json.dumps(value)


class OidcProvider(BaseModel):
    """An OpenID provider whose ID tokens are taken (OpenID Connect Core 1.0).

    `issuer` is what tokens name and accounts are kept under, `issuer_aliases` are what they may name in its place;
    `audiences` are the client ids that the deployment's apps have there, `authorized_parties` those that a token may
    name in `azp` besides. Its keys are `jwks`, a JWK set as text; or they are read at `jwks_uri`, which is found by
    discovery where it is not given. `nonce`: taken where a token has one, always `required`, or required to be the
    SHA-256 of what is sent here (`hashed`). Tokens that expire later than in `token_life_max` seconds are refused.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str
    issuer: Url
    audiences: Annotated[tuple[Party, ...], Field(min_length=1)]
    issuer_aliases: tuple[Party, ...] = ()
    authorized_parties: tuple[Party, ...] = ()
    jwks_uri: Url | None = None
    jwks: Annotated[str, BeforeValidator(_key_set)] | None = None
    nonce: Literal["if_present", "required", "hashed"] = "if_present"
    # A token is remembered as used until it expires: by default, as long as no provider's lives.
    token_life_max: Annotated[int, Field(gt=0, le=100 * 366 * 86400)] = 31 * 86400

    @field_validator("issuer")
    @classmethod
    def _no_query(cls, issuer: str) -> str:
        """OpenID Connect Discovery 1.0 section 3."""
        if "?" in issuer:
            raise ValueError("may not have a query")
        return issuer

    @field_validator("jwks")
    @classmethod
    def _one_source(cls, jwks: str | None, info: ValidationInfo) -> str | None:
        if jwks is not None and info.data.get("jwks_uri") is not None:
            raise ValueError("stands beside jwks_uri: give one of them")
        return jwks


def _oidc_providers(value: object) -> object:
    """The providers in a JSON object, by name: `{"google": {"issuer": "https://…", "audiences": ["…"]}}`."""
    if not isinstance(value, str):
        return value
    try:
        content = json.loads(value, object_pairs_hook=_once_each)
    except (ValueError, RecursionError):
        raise ValueError("is not JSON, or has a name twice") from None
    if not isinstance(content, dict):
        raise ValueError('is not a JSON object, as in {"google": {"issuer": "…", "audiences": ["…"]}}')  # noqa: TRY004  it is the content that is wrong
    return tuple(_oidc_provider(name, entry) for name, entry in content.items())


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError
    return dict(pairs)


def _oidc_provider(name: str, entry: Any) -> OidcProvider:
    if not _PROVIDER_NAME.fullmatch(name) or name in _NOT_OPENID:
        raise ValueError(f"{name!r} is no name for a provider")
    if not isinstance(entry, dict) or "name" in entry:
        raise ValueError(f"{name} is not an object with issuer and audiences")
    try:
        return OidcProvider.model_validate({**entry, "name": name})
    except ValidationError as error:
        wrong = (f"{name}.{'.'.join(str(part) for part in e['loc'])}: {error_text(e)}" for e in error.errors())
        raise ValueError("; ".join(wrong)) from None


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
    keys_table: str = "KeysTable"
    aws_region: str = "us-east-1"
    aws_transport: Literal["bare", "botocore"] = "bare"
    store_connect_timeout: TimeOut = 1.0
    store_read_timeout: TimeOut = 2.0
    store_attempts: Annotated[int, Field(ge=1)] = 3

    # clients and sessions
    client_cache_ttl: Limit = 60
    refresh_grace: Annotated[int, Field(ge=0, le=600)] = 30
    recent_login: Limit = 600
    refresh_retry: Annotated[int, Field(ge=0, le=3600)] = 600
    refresh_retry_public: Annotated[int, Field(ge=0, le=3600)] = 60
    sessions_max: Annotated[int, Field(ge=1, le=1000)] = 100
    issuer: str = ""
    audience: str = ""

    # pages of other origins that may call the API, and the headers that they may send
    cors_origins: Origins = ()
    cors_headers: HeaderNames = ("authorization", "content-type", "x-requested-with")

    # the keys that sign: in the table, wrapped by a key of KMS, or in a file
    keys_kms_key: str = ""
    keys_file: str = ""
    key_cache_ttl: Annotated[int, Field(ge=0, le=3600)] = 300
    key_lead: Annotated[int, Field(ge=86400)] = 86400
    key_period: Annotated[int, Field(ge=86400)] = 90 * 86400

    # passwords, which argon2id hashes
    password_filter: str = ""
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
    sms_countries: Countries = ("CN",)
    home_country: Annotated[str, Field(pattern="^[A-Z]{2}$")] = "CN"

    # numbers that are mobile ones by the number library, and that codes are not for all the same
    sms_refused_prefixes: Prefixes = ()

    # who delivers messages (docs/senders.md): the chain, its patience, and what is said
    sms_provider: Annotated[
        tuple[Provider, ...], BeforeValidator(_words), Field(min_length=1), AfterValidator(_providers)
    ] = ("console",)
    sms_connect_timeout: TimeOut = 1.5
    sms_read_timeout: TimeOut = 3.0
    sms_deadline: TimeOut = 8.0
    sms_breaker_failures: Limit = 5
    sms_breaker_pause: Seconds = 30
    sms_text_zh_login: SmsText = ""
    sms_text_zh_link: SmsText = ""
    sms_text_en_login: SmsText = ""
    sms_text_en_link: SmsText = ""
    sms_text_zh_reset: SmsText = ""
    sms_text_en_reset: SmsText = ""
    sms_text_zh_change: SmsText = ""
    sms_text_en_change: SmsText = ""
    sms_text_zh_notice: NoticeText = ""
    sms_text_en_notice: NoticeText = ""
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

    # messages, beyond those of a number: an hour for addresses and clients, a day (UTC) for prefixes and all
    limit_sms_ip: Limit = 30
    limit_sms_net: Limit = 150
    limit_sms_prefix: Limit = 2000
    limit_sms_client: Limit = 1000
    limit_sms_day: Limit = 10000
    sms_prefix_digits: Annotated[int, Field(ge=0, le=10)] = 4
    sms_unproven: Limit = 100
    sms_proof: Annotated[int, Field(ge=1)] = 4

    # guesses and registrations: a window for names, an hour for addresses
    login_tries: Limit = 10
    login_window: Seconds = 900
    login_memory: Limit = 30 * 86400
    limit_login_ip: Limit = 30
    limit_login_net: Limit = 150
    limit_client_ip: Limit = 60
    limit_client_net: Limit = 300
    limit_verify_ip: Limit = 60
    limit_verify_net: Limit = 300
    limit_verify_client: Limit = 1000
    limit_register_ip: Limit = 30
    limit_register_net: Limit = 150

    # questions to third parties about a `sign`, an hour
    limit_sign_ip: Limit = 60
    limit_sign_net: Limit = 300
    limit_sign_client: Limit = 10000
    trusted_addresses: Networks = ()
    trusted_proxy_secret: SecretStr = SecretStr("")
    trusted_proxy_secret_secret: SecretArn = ""

    # what is watched
    metrics_namespace: str = ""
    metrics_by_prefix: bool = False

    # who says who somebody is, besides passwords and codes
    wechat_apps: SecretStr = SecretStr("")
    wechat_apps_secret: str = ""
    wechat_url: Url = "https://api.weixin.qq.com"
    oidc_providers: Annotated[tuple[OidcProvider, ...], BeforeValidator(_oidc_providers)] = ()
    oidc_keys_ttl: Seconds = 3600
    oidc_keys_pause: Seconds = 30
    link_providers: Words = ()
    sign_connect_timeout: TimeOut = 1.5
    sign_timeout: TimeOut = 3.0

    # people
    registration: Literal["open", "client", "off"] = "open"
    admin_role: Annotated[str, Field(min_length=1)] = "admin"
    utc_offset_minutes: Annotated[int, Field(ge=-720, le=840)] = 480

    @field_validator("wechat_apps")
    @classmethod
    def _readable(cls, apps: SecretStr) -> SecretStr:
        wechat_apps(apps.get_secret_value())
        return apps

    @field_validator("link_providers")
    @classmethod
    def _known(cls, names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        known = {provider.name for provider in info.data.get("oidc_providers", ())}
        if strangers := [name for name in names if name not in known]:
            raise ValueError(f"OIDC_PROVIDERS has no {', '.join(strangers)}")
        return names


def from_environment(environment: Mapping[str, str]) -> Settings:
    """The settings that `environment` names; raises SettingsError with one line for each wrong one."""
    given = {
        name: environment[name.upper()] for name in Settings.model_fields if environment.get(name.upper(), "") != ""
    }
    try:
        settings = Settings.model_validate(given)
    except ValidationError as error:
        lines = [f"{str(problem['loc'][0]).upper()}: {error_text(problem)}" for problem in error.errors()]
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
                # Chinese is what a message falls back to, so it has to be there for every purpose.
                for kind in sorted({"zh.login", "zh.link"} - set(kinds)):
                    yield f"{name.upper()}: has nothing for {kind}"
