"""Log in at an OpenID provider in a browser: the code flow (OpenID Connect Core 1.0 section 3.1) with PKCE (RFC 7636).

The ID token from the token endpoint is checked like an ID token that an app presents (`oidc.OpenId`).
"""

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

from lingpai.clients.model import Client
from lingpai.http.response import with_query
from lingpai.identity_providers import https
from lingpai.identity_providers.model import Identity, ProviderCredential
from lingpai.identity_providers.oidc import OpenId, unavailable_provider
from lingpai.identity_providers.settings import client_secrets
from lingpai.identity_providers.web_login import Flow
from lingpai.kernel import base64url
from lingpai.kernel.errors import LingpaiError, invalid_grant

if TYPE_CHECKING:
    from lingpai.identity_providers.settings import IdentityProviderSettings, OidcProvider

_CODE_MAX = 4096
# Values of `error` that may be logged (RFC 6749 section 5.2).
_ERROR = re.compile(r"[a-z_]{1,40}")
_ISS_SUPPORTED = "authorization_response_iss_parameter_supported"
_AUTH_METHODS = "token_endpoint_auth_methods_supported"


class OpenIdWeb:
    """A `WebLogin` for an OpenID provider with a `client_id`. `secrets` reads OIDC_CLIENT_SECRETS; None without any."""

    def __init__(
        self,
        settings: "IdentityProviderSettings",
        provider: "OidcProvider",
        openid: OpenId,
        secrets: Callable[[], str] | None,
    ) -> None:
        self._settings = settings
        self._provider = provider
        self._openid = openid
        self._secrets = secrets

    @property
    def label(self) -> str:
        """See `WebLogin`."""
        return self._provider.shown_name

    def app(self, user_agent: str) -> str | None:  # noqa: ARG002  one client for all browsers
        """See `WebLogin`: the client id."""
        return self._provider.client_id

    def issuer(self, app: str) -> str:  # noqa: ARG002  one issuer for all apps
        """See `WebLogin`."""
        return self._openid.issuer

    def address(self, app: str, flow: Flow) -> str:
        """See `WebLogin`: the authentication request (OpenID Connect Core 1.0 section 3.1.2.1)."""
        provider = self._provider
        hashed = provider.nonce == "hashed"
        fields = {
            "response_type": "code",
            "client_id": app,
            "redirect_uri": flow.redirect_uri,
            "scope": provider.scope,
            "state": flow.state,
            "nonce": hashlib.sha256(flow.nonce.encode()).hexdigest() if hashed else flow.nonce,
            "code_challenge": base64url.encode(hashlib.sha256(flow.verifier.encode()).digest()),
            "code_challenge_method": "S256",
        }
        if provider.response_mode != "query":
            fields["response_mode"] = provider.response_mode
        return with_query(self._endpoint("authorization_endpoint", provider.authorization_endpoint), fields)

    def check_issuer(self, issuer: str | None) -> None:
        """See `WebLogin`. `iss` is required if the metadata say that the provider always sends it."""
        provider = self._provider
        if issuer is None:
            if provider.authorization_endpoint is not None or self._metadata().get(_ISS_SUPPORTED) is not True:
                return
        elif issuer in (provider.issuer, *provider.issuer_aliases):
            return
        raise invalid_grant("id_token_foreign")

    def redeem(self, client: Client, app: str, code: str, flow: Flow) -> Identity:
        """See `WebLogin`: send the token request (OpenID Connect Core 1.0 section 3.1.3) and check the ID token."""
        if not 0 < len(code) <= _CODE_MAX or not code.isascii() or not code.isprintable():
            raise invalid_grant("sign_unknown")
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": flow.redirect_uri,
            "code_verifier": flow.verifier,
        }
        token = self._ask(app, form)
        asking = replace(client, sign_provider=self._provider.name, sign_app=app)
        return self._openid.resolve(asking, ProviderCredential(token, flow.nonce))

    def _ask(self, app: str, form: dict[str, str]) -> str:
        """Post the form to the token endpoint; return the ID token of the answer."""
        address = self._endpoint("token_endpoint", self._provider.token_endpoint)
        secret, authorization = self._secret(), ""
        if secret is None or self._auth_method() == "client_secret_post":
            form = {**form, "client_id": app, **({"client_secret": secret} if secret is not None else {})}
        else:
            # RFC 6749 section 2.3.1.
            pair = f"{quote_plus(app)}:{quote_plus(secret)}"
            authorization = f"Basic {base64.b64encode(pair.encode()).decode()}"
        try:
            answer = https.post(self._settings, address, form, authorization)
        except https.NotAnswered as error:
            raise self._unavailable(f"token endpoint: {error.detail}") from None
        content = https.json_object(answer.body)
        if answer.status == 200:
            token = content.get("id_token")
            if isinstance(token, str):
                return token
            raise self._unavailable("token endpoint: no ID token")
        refusal = content.get("error")
        if answer.status == 400 and refusal == "invalid_grant":
            raise invalid_grant("sign_unknown")
        named = refusal if isinstance(refusal, str) and _ERROR.fullmatch(refusal) else ""
        raise self._unavailable(f"token endpoint: status {answer.status} {named}".rstrip())

    def _secret(self) -> str | None:
        """The client's secret at the provider; None for a client that has none."""
        if self._secrets is None:
            return None
        try:
            return client_secrets(self._secrets()).get(self._provider.name)
        except ValueError as error:
            raise self._unavailable(f"OIDC_CLIENT_SECRETS_SECRET {error}") from None

    def _auth_method(self) -> str:
        """How the secret is sent: by the settings, else by the metadata (OpenID Connect Core 1.0 section 9)."""
        provider = self._provider
        if provider.token_auth is not None:
            return provider.token_auth
        known = None if provider.token_endpoint is not None else self._metadata().get(_AUTH_METHODS)
        is_post = isinstance(known, list) and "client_secret_post" in known and "client_secret_basic" not in known
        return "client_secret_post" if is_post else "client_secret_basic"

    def _endpoint(self, name: str, given: str | None) -> str:
        try:
            return given or self._openid.discovery.endpoint(name)
        except (https.NotAnswered, ValueError) as error:
            raise self._unavailable(f"discovery: {error}") from None

    def _metadata(self) -> Any:
        try:
            return self._openid.discovery.metadata()
        except (https.NotAnswered, ValueError) as error:
            raise self._unavailable(f"discovery: {error}") from None

    def _unavailable(self, detail: str) -> LingpaiError:
        return unavailable_provider(self._provider, detail)
