"""The errors of verification, and the answers to send (RFC 6750 section 3). No error text contains a token."""

from collections.abc import Iterable

from lingpai_sdk.errors import LingpaiSDKError

# `Retry-After` in seconds, if the issuer does not answer or sends none itself.
RETRY_AFTER = 5


class VerificationError(LingpaiSDKError):
    """Base class: the request has to be refused with the HTTP status `status`.

    `code` is the error code, `description` an English text for developers.
    """

    status = 401
    code = "invalid_token"
    # The scheme of the challenge, and the algorithms of proofs if the API takes DPoP. The verifiers set them.
    scheme = "Bearer"
    dpop_algorithms: tuple[str, ...] = ()

    def __init__(self, description: str) -> None:
        super().__init__(description)
        self.description = description

    def __str__(self) -> str:
        return f"{self.code}: {self.description}"

    @property
    def body(self) -> dict[str, str]:
        """The JSON body of the answer: `error` and `error_description`."""
        return {"error": self.code, "error_description": self.description}

    def www_authenticate(self, resource_metadata: str | None = None) -> str | None:
        """The value of the header `WWW-Authenticate`; None for 503, which has no such header.

        The challenge is of the scheme that the request used: Bearer (RFC 6750 section 3) or DPoP (RFC 9449 section
        7.1).

        `resource_metadata` is the URL of the API's metadata (RFC 9728 section 5.1).
        """
        parameters = {**self._parameters(), "resource_metadata": resource_metadata}
        algorithms = " ".join(self.dpop_algorithms) or None
        if self.scheme == "DPoP":
            return _challenge("DPoP", {**parameters, "algs": algorithms})
        bearer = _challenge("Bearer", parameters)
        # Both schemes (RFC 9449 section 7.2); only the one that was used tells the error.
        return bearer if algorithms is None else f"{bearer}, {_challenge('DPoP', {'algs': algorithms})}"

    def headers(self, resource_metadata: str | None = None) -> dict[str, str]:
        """The headers of the answer: `Cache-Control`, and `WWW-Authenticate` or `Retry-After`."""
        challenge = self.www_authenticate(resource_metadata)
        return {"Cache-Control": "no-store", **({"WWW-Authenticate": challenge} if challenge else {})}

    def _parameters(self) -> dict[str, str | None]:
        """The parameters of the challenge without `resource_metadata`. One with the value None is left out."""
        return {"error": self.code, "error_description": self.description}


class InvalidToken(VerificationError):
    """The token is malformed, expired, revoked, forged, of another issuer or for another API: 401."""


class InvalidProof(VerificationError):
    """The DPoP proof is missing, not for this request, too old or used before: 401 (RFC 9449 section 7.1)."""

    code = "invalid_dpop_proof"


class MissingToken(InvalidToken):
    """The request has no bearer token: 401. The challenge has no `error` (RFC 6750 section 3.1).

    `scopes` are those that the request needs. The challenge names them, so that a client knows what to ask for.
    """

    code = "unauthorized"

    def __init__(self, description: str, scopes: Iterable[str] = ()) -> None:
        super().__init__(description)
        self.scopes = tuple(scopes)

    def _parameters(self) -> dict[str, str | None]:
        return {"realm": "api", "scope": " ".join(self.scopes) or None}


class InsufficientScope(VerificationError):
    """The token is valid, but lacks a scope or a role: 403. `scopes` are the scopes that the request needs."""

    status = 403
    code = "insufficient_scope"

    def __init__(self, description: str, scopes: Iterable[str] = ()) -> None:
        super().__init__(description)
        self.scopes = tuple(scopes)

    def _parameters(self) -> dict[str, str | None]:
        return {**super()._parameters(), "scope": " ".join(self.scopes) or None}


class InsufficientAuthentication(VerificationError):
    """The token is valid, but its user has to log in anew: 401 (RFC 9470 section 3).

    The client asks for it by `acr_values` and `max_age` at the authorization endpoint (section 4): `acr` are the values
    of which the login must have one, `max_age` is how old it may be, in seconds.
    """

    code = "insufficient_user_authentication"

    def __init__(self, description: str, acr: Iterable[str] = (), max_age: int | None = None) -> None:
        super().__init__(description)
        self.acr = tuple(acr)
        self.max_age = max_age

    def _parameters(self) -> dict[str, str | None]:
        max_age = None if self.max_age is None else str(self.max_age)
        return {**super()._parameters(), "acr_values": " ".join(self.acr) or None, "max_age": max_age}


class Unavailable(VerificationError):
    """The token cannot be checked, because the issuer gave no usable answer: 503. `retry_after` is in seconds."""

    status = 503
    code = "temporarily_unavailable"

    def __init__(self, description: str, retry_after: float = RETRY_AFTER) -> None:
        super().__init__(description)
        self.retry_after = retry_after

    def www_authenticate(self, resource_metadata: str | None = None) -> str | None:  # noqa: ARG002
        """None: the credentials are not the problem."""
        return None

    def headers(self, resource_metadata: str | None = None) -> dict[str, str]:
        """The headers of the base class, and `Retry-After` in whole seconds."""
        return {**super().headers(resource_metadata), "Retry-After": str(max(1, round(self.retry_after)))}


def _challenge(scheme: str, parameters: dict[str, str | None]) -> str:
    """A challenge with these parameters as quoted strings (RFC 9110 section 11.6.1)."""
    quoted = []
    for name, value in parameters.items():
        if value is None:
            continue
        if not all(" " <= character <= "~" for character in value):
            raise ValueError(f"{name}: contains a character that is not allowed in a header")
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        quoted.append(f'{name}="{escaped}"')
    return f"{scheme} " + ", ".join(quoted)
