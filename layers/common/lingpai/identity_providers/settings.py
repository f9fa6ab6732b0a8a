"""The settings of identity providers."""

import base64
import json
import re
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from lingpai.kernel.setting_types import FeatureSettings, Seconds, SecretArn, TimeOut, Url, Words
from lingpai.kernel.validation_errors import error_text

_WECHAT_APP = re.compile(r"wx[0-9A-Za-z]{4,62}")
# Scope tokens (RFC 6749 section 3.3), `openid` among them.
_SCOPE = r"^([!#-\[\]-~]+ )*openid( [!#-\[\]-~]+)*$"
_PROVIDER_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
# Names with another meaning: the other two identity providers, and the one that OpenID identities are stored under.
# What an app's settings at WeChat take as the token of its notices, and as their EncodingAESKey.
_NOTICE_TOKEN = re.compile(r"[0-9A-Za-z]{3,32}")
_NOTICE_KEY = re.compile(r"[0-9A-Za-z]{43}")
_NOT_OPENID = {"oidc", "trusted", "wechat"}


def wechat_apps(text: str) -> dict[str, str]:
    """Split `wx123:secret,wx456:secret` into secrets by app id.

    The text of a ValueError has the number of the wrong entry, not its content, which may be a secret.
    """
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


@dataclass(frozen=True)
class NoticeSecrets:
    """What WeChat signs the notices of a mini-program with and, where they are encrypted, their AES key."""

    token: str = field(repr=False)
    key: bytes | None = field(default=None, repr=False)


def notice_secrets(text: str) -> dict[str, NoticeSecrets]:
    """Split `wx123:token,wx456:token:EncodingAESKey` into the secrets of notices by app id.

    The text of a ValueError has the number of the wrong entry, not its content.
    """
    found: dict[str, NoticeSecrets] = {}
    for number, entry in enumerate((word for word in text.split(",") if word.strip()), start=1):
        app, token, key = ([part.strip() for part in entry.split(":")] + ["", ""])[:3]
        is_sound = _WECHAT_APP.fullmatch(app) and _NOTICE_TOKEN.fullmatch(token) and entry.count(":") < 3
        if not is_sound or (key and not _NOTICE_KEY.fullmatch(key)):
            raise ValueError(f"entry {number} is not an app id, its token and its EncodingAESKey or none")
        found[app] = NoticeSecrets(token, base64.b64decode(f"{key}=") if key else None)
    return found


def client_secrets(text: str) -> dict[str, str]:
    """The client secrets in a JSON object, by the provider's name. No text of a ValueError quotes any of it."""
    try:
        found = json.loads(text, object_pairs_hook=_once_each) if text else {}
    except (ValueError, RecursionError):
        raise ValueError("is not JSON, or has a name twice") from None
    if not isinstance(found, dict) or not all(isinstance(secret, str) and secret for secret in found.values()):
        raise ValueError('is not a JSON object of texts, as in {"google": "…"}')
    return found


Party = Annotated[str, Field(min_length=1, max_length=255)]


def _key_set(value: object) -> object:
    """Return a JWK set (RFC 7517) as JSON text; ValueError if it is not one or contains a private key."""
    keys = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(keys, list) or not keys or not all(isinstance(key, dict) for key in keys):
        raise ValueError('is no JWK set, as in {"keys": [{"kty": "RSA", "kid": "…", "n": "…", "e": "AQAB"}]}')
    for number, key in enumerate(keys, start=1):
        if "d" in key:
            raise ValueError(f"key {number} is a private one: give its public half alone")
    return json.dumps(value)


class OidcProvider(BaseModel):
    """An OpenID provider whose ID tokens are accepted (OpenID Connect Core 1.0).

    - `issuer`: `iss` of its tokens, and what its identities are stored under. `issuer_aliases`: other accepted `iss`.
    - `audiences`: the client ids of the deployment's apps. `authorized_parties`: more client ids accepted in `azp`.
    - `jwks`: its keys, a JWK set as text. Without it they are read from `jwks_uri`, and that is found by discovery.
    - `nonce`: checked `if_present`, always `required`, or required as the SHA-256 of the request's nonce (`hashed`).
    - `token_life_max`: tokens that expire later than in so many seconds are refused.

    With a `client_id` people can log in at it on the pages, by the code flow (OpenID Connect Core 1.0 section 3.1):

    - `client_id`: the audience that the pages are there. Its secret stands in OIDC_CLIENT_SECRETS.
    - `label`: the provider's name on the pages. `scope`: what is asked for, with spaces between.
    - `authorization_endpoint`, `token_endpoint`: found by discovery, unless both are given.
    - `token_auth`: how the secret is sent; without it as the metadata say, else `client_secret_basic`.
    - `response_mode`: how the browser comes back. Apple wants `form_post` where the scope has `name` or `email`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)

    name: str
    issuer: Url
    audiences: Annotated[tuple[Party, ...], Field(min_length=1)]
    issuer_aliases: tuple[Party, ...] = ()
    authorized_parties: tuple[Party, ...] = ()
    jwks_uri: Url | None = None
    jwks: Annotated[str, BeforeValidator(_key_set)] | None = None
    nonce: Literal["if_present", "required", "hashed"] = "if_present"
    # A used token is stored until it expires. No known provider's tokens live longer than this default.
    token_life_max: Annotated[int, Field(gt=0, le=100 * 366 * 86400)] = 31 * 86400
    client_id: Party | None = None
    label: Annotated[str, Field(min_length=1, max_length=40)] | None = None
    scope: Annotated[str, Field(pattern=_SCOPE)] = "openid"
    authorization_endpoint: Url | None = None
    token_endpoint: Annotated[Url | None, Field(validate_default=True)] = None
    token_auth: Literal["client_secret_basic", "client_secret_post"] | None = None
    response_mode: Literal["query", "form_post"] = "query"

    @property
    def shown_name(self) -> str:
        """The provider's name on the pages."""
        return self.label or self.name.capitalize()

    @field_validator("client_id")
    @classmethod
    def _is_audience(cls, client_id: str | None, info: ValidationInfo) -> str | None:
        if client_id is not None and client_id not in info.data.get("audiences", (client_id,)):
            raise ValueError("is none of its audiences")
        return client_id

    @field_validator("token_endpoint")
    @classmethod
    def _both_endpoints(cls, endpoint: str | None, info: ValidationInfo) -> str | None:
        if (endpoint is None) != (info.data.get("authorization_endpoint") is None):
            raise ValueError("stands beside authorization_endpoint: give both or neither")
        return endpoint

    @field_validator("issuer")
    @classmethod
    def _no_query(cls, issuer: str) -> str:
        """Refuse a query (OpenID Connect Discovery 1.0 section 3)."""
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
    """Parse a JSON object of providers by name: `{"google": {"issuer": "https://…", "audiences": ["…"]}}`."""
    if not isinstance(value, str):
        return value
    try:
        content = json.loads(value, object_pairs_hook=_once_each)
    except (ValueError, RecursionError):
        raise ValueError("is not JSON, or has a name twice") from None
    if not isinstance(content, dict):
        raise ValueError('is not a JSON object, as in {"google": {"issuer": "…", "audiences": ["…"]}}')  # noqa: TRY004  the content is wrong, not the type
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


class IdentityProviderSettings(FeatureSettings):
    """Identity providers: WeChat and OpenID providers."""

    wechat_apps: SecretStr = SecretStr("")
    """text: mini-programs and their secrets, as `appid:secret` with commas between; takes precedence over the next"""
    wechat_apps_secret: str = ""
    """ARN: the Secrets Manager secret that holds them, in that form"""
    wechat_notices: SecretStr = SecretStr("")
    """text: what WeChat signs its [notices](identities.md#notices-of-wechat) with, as `app:token` or
    `app:token:EncodingAESKey`, with commas between; takes precedence over the next
    """
    wechat_notices_secret: SecretArn = ""
    """ARN: the Secrets Manager secret that holds it, in that form"""
    wechat_url: Url = "https://api.weixin.qq.com"
    """URL: where WeChat is asked"""
    wechat_open_url: Url = "https://open.weixin.qq.com"
    """URL: where the pages send people to log in with WeChat"""
    wechat_website_app: str = ""
    """app id: the website application that the pages are, for people outside WeChat; its secret is among those above"""
    wechat_official_app: str = ""
    """app id: the official account that the pages belong to, for people inside WeChat; its secret likewise"""
    wechat_scope: Literal["snsapi_userinfo", "snsapi_base"] = "snsapi_userinfo"
    """scope: what is asked for inside WeChat; `snsapi_base` asks nobody, and gives no unionid"""

    oidc_providers: Annotated[tuple[OidcProvider, ...], BeforeValidator(_oidc_providers)] = ()
    """JSON: [OpenID providers](identities.md#openid-providers) by name"""
    oidc_client_secrets: SecretStr = SecretStr("")
    """JSON: the secrets of the pages' clients there, by the provider's name; takes precedence over the next"""
    oidc_client_secrets_secret: SecretArn = ""
    """ARN: the Secrets Manager secret that holds them, in that form"""
    oidc_keys_ttl: Seconds = 3600
    """seconds: how long a provider's keys and metadata are used without being read again"""
    oidc_keys_pause: Seconds = 30
    """seconds: how long a provider is not asked again after an unknown key or a failure"""
    link_providers: Words = ()
    """names: OpenID providers that any signed-in user may link, whatever the client, with commas between"""

    sign_connect_timeout: TimeOut = 1.5
    """seconds: how long the name, connection and TLS of WeChat or an OpenID provider may take in all"""
    sign_timeout: TimeOut = 3.0
    """seconds: how long to wait for its whole answer"""

    @field_validator("wechat_apps")
    @classmethod
    def _readable(cls, apps: SecretStr) -> SecretStr:
        wechat_apps(apps.get_secret_value())
        return apps

    @field_validator("wechat_notices")
    @classmethod
    def _readable_notices(cls, notices: SecretStr) -> SecretStr:
        notice_secrets(notices.get_secret_value())
        return notices

    @field_validator("oidc_client_secrets")
    @classmethod
    def _readable_secrets(cls, secrets: SecretStr, info: ValidationInfo) -> SecretStr:
        known = {provider.name for provider in info.data.get("oidc_providers", ())}
        if strangers := sorted(client_secrets(secrets.get_secret_value()).keys() - known):
            raise ValueError(f"OIDC_PROVIDERS has no {', '.join(strangers)}")
        return secrets

    @field_validator("wechat_website_app", "wechat_official_app")
    @classmethod
    def _app_id(cls, app: str, info: ValidationInfo) -> str:
        if app and not _WECHAT_APP.fullmatch(app):
            raise ValueError("is no app id, as in wx0123456789abcdef")
        known = info.data["wechat_apps"].get_secret_value() if "wechat_apps" in info.data else ""
        if app and known and app not in wechat_apps(known):
            raise ValueError("is no app of WECHAT_APPS")
        return app

    @field_validator("link_providers")
    @classmethod
    def _known(cls, names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        known = {provider.name for provider in info.data.get("oidc_providers", ())}
        if strangers := [name for name in names if name not in known]:
            raise ValueError(f"OIDC_PROVIDERS has no {', '.join(strangers)}")
        return names
