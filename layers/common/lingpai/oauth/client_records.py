"""Client records as people write them: the fields of a seed file, of `lingpai client`, and of the console."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from lingpai.clients.model import CHALLENGE, Client, ExtraClaim, Right
from lingpai.clients.service import DialectName, inconsistency, new_client
from lingpai.identity_providers.settings import IdentityProviderSettings, wechat_apps
from lingpai.oauth.grants import GRANT_TYPES, REGISTRY

GRANTS = sorted({CHALLENGE, *(grant.PERMISSION for grant in REGISTRY.values())})
# Fields of a file that a client's record calls otherwise.
_OTHERWISE = {
    "client_id": "id",
    "grant_types": "grants",
    "access_token_ttl": "access_ttl",
    "refresh_token_ttl": "refresh_ttl",
}
# What is shown of a client, in this order.
_SHOWN = """
    client_id dialect confidential disabled grant_types scopes access_token_ttl refresh_token_ttl session_ttl
    token_format token_alg roles sign_provider sign_app api introspect claims valid_from codes_from forwards_address
    redirect_uris post_logout_redirect_uris first_party name logo colour terms policy id_token_alg resources
    dpop_bound_access_tokens
    mfa backchannel_logout_uri backchannel_logout_session_required
"""


def _grant(name: object) -> object:
    """Return the grant's name; also accepts the URN of an extension grant."""
    known = GRANT_TYPES.get(str(name), name)
    if not isinstance(known, str) or known not in GRANTS:
        raise ValueError(f"there is no grant {name!r}; there are: {', '.join(GRANTS)}")
    return known


def _words(value: object) -> object:
    """Split words, the form in which OAuth writes scopes."""
    return value.split() if isinstance(value, str) else value


def as_text(value: object) -> object:
    """Accept a whole number as text."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Text = Annotated[str, Field(min_length=1)]
Seconds = Annotated[int, Field(gt=0)]
ENTRY = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class ClientEntry(BaseModel):
    """A client, with lifetimes in seconds. Without a secret it is public."""

    model_config = ENTRY

    client_id: Annotated[Text, BeforeValidator(as_text)]
    dialect: DialectName
    client_secret: Annotated[Text | None, Field(repr=False)] = None
    grant_types: tuple[Annotated[str, BeforeValidator(_grant)], ...] | None = None
    scopes: Annotated[tuple[Text, ...] | None, BeforeValidator(_words)] = None
    access_token_ttl: Seconds | None = None
    refresh_token_ttl: Seconds | None = None
    session_ttl: Seconds | None = None
    token_format: Literal["opaque", "jwt"] | None = None
    token_alg: Literal["ES256", "RS256"] | None = None
    roles: tuple[Text, ...] = ()
    sign_provider: Text | None = None
    sign_app: Annotated[str, Field(pattern=r"^[^:\s]+$")] = "default"
    api: Right | None = None
    introspect: bool = False
    claims: tuple[ExtraClaim, ...] = ()
    codes_from: tuple[Annotated[Text, BeforeValidator(as_text)], ...] = ()
    forwards_address: bool = False
    redirect_uris: tuple[Text, ...] = ()
    post_logout_redirect_uris: tuple[Text, ...] = ()
    first_party: bool = False
    name: Text | None = None
    logo: Text | None = None
    colour: Text | None = None
    terms: Text | None = None
    policy: Text | None = None
    id_token_alg: Literal["ES256", "RS256"] | None = None
    resources: tuple[Text, ...] = ()
    dpop_bound_access_tokens: bool = False
    mfa: Literal["ignore"] | None = None
    backchannel_logout_uri: Text | None = None
    backchannel_logout_session_required: bool = False


def to_client(entry: ClientEntry) -> Client:
    """Return the entry as a client's record."""
    given = entry.model_dump(exclude={"client_id", "dialect", "client_secret"})
    named = {_OTHERWISE.get(name, name): value for name, value in given.items()}
    return new_client(entry.client_id, entry.dialect, entry.client_secret, **named)


def client_document(client: Client) -> dict[str, Any]:
    """Return the record as JSON, with the field names of a seed file, and without its secret."""
    values = {name: getattr(client, _OTHERWISE.get(name, name)) for name in _SHOWN.split()}
    lists = {name: sorted(value) for name, value in values.items() if isinstance(value, frozenset)}
    return {**values, **lists, "scopes": list(client.scopes)}


def unusable(client: ClientEntry, settings: IdentityProviderSettings) -> str | None:
    """Return why the entry cannot be a client of this deployment, as `field: reason`; None if it can."""
    return inconsistency(to_client(client)) or _unprovided(client, settings)


def _unprovided(client: ClientEntry, settings: IdentityProviderSettings) -> str | None:
    """Return what is wrong with the client's identity provider in this deployment; None if nothing is."""
    wechat = bool(settings.wechat_apps.get_secret_value() or settings.wechat_apps_secret)
    audiences = {provider.name: provider.audiences for provider in settings.oidc_providers}
    name, app = client.sign_provider, client.sign_app
    known = ["trusted", *(["wechat"] if wechat else []), *audiences]
    if name is not None and name not in known:
        return f"sign_provider: there is no {name!r} in this deployment's settings; there are: {', '.join(known)}"
    if name == "wechat" and not settings.wechat_apps_secret:
        apps = wechat_apps(settings.wechat_apps.get_secret_value())
        return None if app in apps else f"sign_app: WECHAT_APPS has no {app!r}"
    if name in audiences and app not in ("default", *audiences[name]):
        return f"sign_app: {app!r} is none of the audiences of {name}"
    return None
