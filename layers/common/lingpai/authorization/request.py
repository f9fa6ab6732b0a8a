"""Reads an authorization request, and says what becomes of a bad one.

While the client or its redirect URI are in doubt, a refusal is an error page: whoever sent the request may not choose
where the browser goes next (RFC 6749 section 4.1.2.1). Any other refusal goes back to the client.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import cast, get_args

from lingpai.authorization.model import (
    AuthorizationError,
    AuthorizationRequest,
    Pairs,
    Prompt,
    PushedRequest,
    ResponseMode,
)
from lingpai.authorization.pushed_requests import URN, find
from lingpai.clients import redirect_uris, resources, scopes
from lingpai.clients.model import Client
from lingpai.clients.service import ID_MAX
from lingpai.http.fields import has_control
from lingpai.kernel import base64url
from lingpai.kernel.errors import (
    LingpaiError,
    invalid_client,
    invalid_request,
    parameter_not_supported,
    unauthorized_client,
    unsupported_response_type,
)
from lingpai.services import Services
from lingpai.sessions import id_tokens

VALUE_MAX = 2048
# `resource` alone may be repeated (RFC 8707 section 2).
PARAMETERS = frozenset(
    {
        "acr_values",
        "client_id",
        "code_challenge",
        "code_challenge_method",
        "dpop_jkt",
        "id_token_hint",
        "login_hint",
        "max_age",
        "nonce",
        "prompt",
        "redirect_uri",
        "registration",
        "request",
        "request_uri",
        "resource",
        "response_mode",
        "response_type",
        "scope",
        "state",
        "ui_locales",
    }
)

_UNSUPPORTED = {
    "request": "request_not_supported",
    "request_uri": "request_uri_not_supported",
    "registration": "registration_not_supported",
}
# BASE64URL(SHA256(verifier)): 32 bytes (RFC 7636 section 4.2).
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
# A SHA-256 thumbprint (RFC 9449 section 10).
_THUMBPRINT = re.compile(base64url.SHAPE_32)
_SECONDS = re.compile(r"[0-9]{1,9}")
_LOCALE = re.compile(r"[A-Za-z0-9-]{1,35}")
# What an ID token of ours, and so a hint, may have at most.
_LONG = {"id_token_hint": 8192}


def read(services: Services, pairs: Iterable[tuple[str, str]]) -> tuple[Client, AuthorizationRequest]:
    """The client and its request, from the parameters as they were sent. Nothing is written.

    AuthorizationError for what goes back to the client, any other LingpaiError for an error page. At most two calls:
    the client's record and the pushed request, where `request_uri` names one.
    """
    sent = _known(pairs)
    client = _client(services, sent)
    pushed = _pushed(services, client, sent)
    return client, check(services, client, sent if pushed is None else pushed.parameters, pushed)


def check(
    services: Services, client: Client, pairs: Iterable[tuple[str, str]], pushed: PushedRequest | None = None
) -> AuthorizationRequest:
    """The client's request, from its parameters; errors as those of `read`. No call."""
    sent = _known(pairs)
    redirect_uri = _single(sent, "redirect_uri")
    if redirect_uri is None:
        raise invalid_request("missing_parameter", name="redirect_uri")
    if not redirect_uris.matches(redirect_uris.absolute(client.redirect_uris, services.issuer), redirect_uri):
        raise invalid_request("bad_redirect_uri")
    # What is sent twice is refused below; until then it counts as not sent.
    times = Counter(name for name, _ in sent)
    once = {name: value for name, value in sent if times[name] == 1}
    state = once.get("state")
    state = None if state is None or has_control(state) or len(state) > VALUE_MAX else state
    mode: ResponseMode = "form_post" if once.get("response_mode") == "form_post" else "query"
    try:
        return _checked(services, client, sent, redirect_uri, mode, pushed)
    except LingpaiError as error:
        raise AuthorizationError(error, client.id, redirect_uri, mode, state) from None


def pairs_of(client: Client, given: Mapping[str, str], jkt: str | None) -> Pairs:
    """The parameters of the client's request among those `given`, where several resources are lines of one value.

    `jkt` is the key of the request's proof: it stands for `dpop_jkt` (RFC 9449 section 10.1). LingpaiError if the two
    disagree.
    """
    # The id may stand in the Authorization header alone.
    sent = {name: value for name, value in given.items() if name in PARAMETERS} | {"client_id": client.id}
    if jkt is not None and sent.setdefault("dpop_jkt", jkt) != jkt:
        raise invalid_request("wrong_dpop_jkt")
    return tuple((name, value) for name, lines in sent.items() for value in lines.split("\n"))


def read_of_app(
    services: Services, client: Client, pairs: Iterable[tuple[str, str]]
) -> tuple[Pairs, AuthorizationRequest]:
    """The request of an app that logs its user in without a browser, and the parameters that `check_of_app` reads.

    Those of a pushed request, where `request_uri` names one. LingpaiError for a wrong request. One call at most.
    """
    sent = _known(pairs)
    pushed = _pushed(services, client, sent)
    if pushed is not None:
        sent = pushed.parameters
    return sent, check_of_app(services, client, sent, pushed)


def check_of_app(
    services: Services, client: Client, sent: Pairs, pushed: PushedRequest | None = None
) -> AuthorizationRequest:
    """As `check`, but `redirect_uri` may be missing, and `response_mode` has no meaning. No call."""
    redirect_uri = _single(sent, "redirect_uri")
    if redirect_uri is not None and not redirect_uris.matches(client.redirect_uris, redirect_uri):
        raise invalid_request("bad_redirect_uri")
    meant = tuple(pair for pair in sent if pair[0] != "response_mode")
    return _checked(services, client, meant, redirect_uri or "", "query", pushed)


def refusal(request: AuthorizationRequest, error: LingpaiError) -> AuthorizationError:
    """The refusal of a request that was read, as one that goes back to the client."""
    return AuthorizationError(error, request.client_id, request.redirect_uri, request.response_mode, request.state)


def _checked(
    services: Services,
    client: Client,
    sent: Pairs,
    redirect_uri: str,
    mode: ResponseMode,
    pushed: PushedRequest | None,
) -> AuthorizationRequest:
    given = _values(sent)
    for name, code in _UNSUPPORTED.items():
        if name in given:
            raise parameter_not_supported(code)
    if "response_type" not in given:
        raise invalid_request("missing_parameter", name="response_type")
    if given["response_type"] != "code":
        raise unsupported_response_type()
    if given.get("response_mode", mode) != mode:
        raise invalid_request("bad_parameter", name="response_mode")
    if "authorization_code" not in client.grants:
        raise unauthorized_client("authorization_code")
    return AuthorizationRequest(
        client_id=client.id,
        redirect_uri=redirect_uri,
        code_challenge=_challenge(given),
        scope=scopes.granted(client, scopes.requested(given.get("scope"))),
        response_mode=mode,
        state=given.get("state"),
        nonce=given.get("nonce"),
        prompt=_prompt(given.get("prompt", "")),
        max_age=_max_age(given.get("max_age")),
        login_hint=given.get("login_hint"),
        ui_locales=tuple(tag for tag in given.get("ui_locales", "").split() if _LOCALE.fullmatch(tag)),
        resource=resources.granted(client, tuple(value for name, value in sent if name == "resource")),
        acr_values=tuple(given.get("acr_values", "").split()),
        subject=id_tokens.read_hint(services, given["id_token_hint"]).user_id if "id_token_hint" in given else None,
        pushed=pushed.digest if pushed else None,
        jkt=_thumbprint(given.get("dpop_jkt")),
    )


def _known(pairs: Iterable[tuple[str, str]]) -> Pairs:
    """The parameters that mean something; one without a value counts as not sent (RFC 6749 section 3.1)."""
    return tuple((name, value) for name, value in pairs if name in PARAMETERS and value)


def _single(sent: Pairs, name: str) -> str | None:
    """The value of the parameter, None where it is not there; LingpaiError where it is repeated."""
    values = [value for sent_name, value in sent if sent_name == name]
    if len(values) > 1:
        raise invalid_request("duplicate_parameter", name=name)
    return values[0] if values else None


def _values(sent: Pairs) -> Mapping[str, str]:
    """The parameters by name, but for `resource`; LingpaiError for one that is repeated, too long or unreadable."""
    found: dict[str, str] = {}
    for name, value in sent:
        limit = _LONG.get(name, VALUE_MAX)
        if len(value) > limit:
            raise invalid_request("too_long", name=name, limit=limit)
        if has_control(value):
            raise invalid_request("control_character", name=name)
        if name != "resource":
            if name in found:
                raise invalid_request("duplicate_parameter", name=name)
            found[name] = value
    return found


def _client(services: Services, sent: Pairs) -> Client:
    client_id = _single(sent, "client_id")
    if client_id is None:
        raise invalid_request("missing_parameter", name="client_id")
    client = services.clients.get_client(client_id) if len(client_id) <= ID_MAX else None
    if client is None or client.disabled:
        raise invalid_client("unknown_client")
    return client


def _pushed(services: Services, client: Client, sent: Pairs) -> PushedRequest | None:
    """The pushed request that is meant. All other parameters are ignored then (RFC 9126 section 4, RFC 9101 5)."""
    request_uri = _single(sent, "request_uri")
    if request_uri is None or not request_uri.startswith(URN):
        return None
    return find(services, client, request_uri)


def _challenge(given: Mapping[str, str]) -> str:
    """Without a method it would be `plain`, which is as good as none (RFC 9700 section 2.1.1)."""
    challenge = given.get("code_challenge", "")
    if given.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(challenge):
        raise invalid_request("challenge_required")
    return challenge


def _thumbprint(text: str | None) -> str | None:
    if text is not None and not _THUMBPRINT.fullmatch(text):
        raise invalid_request("bad_parameter", name="dpop_jkt")
    return text


def _prompt(text: str) -> frozenset[Prompt]:
    prompt = frozenset(text.split())
    if prompt - set(get_args(Prompt)) or ("none" in prompt and len(prompt) > 1):
        raise invalid_request("bad_parameter", name="prompt")
    return cast("frozenset[Prompt]", prompt)


def _max_age(text: str | None) -> int | None:
    if text is None:
        return None
    if not _SECONDS.fullmatch(text):
        raise invalid_request("bad_parameter", name="max_age")
    return int(text)
