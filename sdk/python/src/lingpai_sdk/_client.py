"""A client of the token service, and the requests in which it proves itself. No I/O."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lingpai_sdk import _arguments
from lingpai_sdk._transport import Repeat, Request

if TYPE_CHECKING:
    from lingpai_sdk.dpop import DPoPKey

Scope = str | Iterable[str] | None
Form = Mapping[str, str | list[str]]


@dataclass(frozen=True)
class Client:
    """The id of a client, and its secret; a public one has none."""

    id: str
    secret: str | None = field(repr=False)

    def request(self, path: str, repeat: Repeat, form: Form, **more: Any) -> Request:
        """The form, sent by the client to this path; `more` are other fields of the request."""
        if self.secret is None:
            form = {**form, "client_id": self.id}
        elif ":" in self.id:
            # Basic cannot hold such an id (RFC 7617 section 2).
            form = {**form, "client_id": self.id, "client_secret": self.secret}
        else:
            more["basic"] = (self.id, self.secret)
        return Request("POST", path, repeat, form=form, **more)

    def refresh(self, refresh_token: str, scope: Scope, within: float, dpop_key: "DPoPKey | None") -> Request:
        """A request for new tokens for the refresh token, to be repeated for so many seconds."""
        form = {"grant_type": "refresh_token", "refresh_token": _arguments.token("refresh_token", refresh_token)}
        if words := _arguments.words("scope", scope):
            form["scope"] = words
        return self.request("/oauth/token", Repeat.ANY, form, within=within, dpop_key=dpop_key)
