"""One question to a third party, and its answer, with no word of the address.

An address may hold a secret (WeChat wants the app's in the query), so nothing here logs or quotes it.
"""

import functools
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from lingpai.kernel.setting_types import secure_url
from lingpai.outbound import json_answers

if TYPE_CHECKING:
    from lingpai.identity_providers.settings import IdentityProviderSettings
    from lingpai.outbound.https import Answer, Https


_HEADERS = {"Accept": "application/json", "User-Agent": "lingpai"}


class NotAnswered(Exception):
    """There is no answer that can be used. `detail` is for the log: what went wrong, nothing of what was asked."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


def get(settings: "IdentityProviderSettings", url: str, limit: int) -> bytes:
    """The body of the answer 200, at most `limit` bytes; NotAnswered for any other, or none in time."""
    with _answered():
        answer = _client(settings).get(secure_url(url), _HEADERS, limit)
    if answer.status != 200:
        raise NotAnswered(f"status {answer.status}")
    return answer.body


def post(settings: "IdentityProviderSettings", url: str, form: Mapping[str, str], authorization: str) -> "Answer":
    """The answer to a form, whatever its status; NotAnswered for none in time. `authorization` may be empty."""
    headers = {**_HEADERS, "Content-Type": "application/x-www-form-urlencoded"}
    if authorization:
        headers["Authorization"] = authorization
    with _answered():
        return _client(settings).post(secure_url(url), headers, urlencode(form).encode())


def post_json(settings: "IdentityProviderSettings", url: str, content: Mapping[str, Any]) -> bytes:
    """The body of the answer 200 to a JSON object; NotAnswered for any other, or none in time."""
    headers = {**_HEADERS, "Content-Type": "application/json"}
    with _answered():
        answer = _client(settings).post(secure_url(url), headers, json.dumps(content).encode())
    if answer.status != 200:
        raise NotAnswered(f"status {answer.status}")
    return answer.body


def json_object(body: bytes) -> dict[str, Any]:
    """The JSON object; an empty one for anything else."""
    return json_answers.read_object(body) or {}


@contextmanager
def _answered() -> Iterator[None]:
    """For a block that sends a request: NotAnswered if no answer comes in time, or the address cannot be used."""
    from lingpai.outbound.https import Lost, Unreached

    try:
        yield
    except ValueError:
        raise NotAnswered("no address to ask") from None
    except (Unreached, Lost) as error:
        raise NotAnswered(str(error)) from None


def _client(settings: "IdentityProviderSettings") -> "Https":
    return _https(settings.sign_connect_timeout, settings.sign_timeout)


@functools.cache
def _https(connect_timeout: float, answer_timeout: float) -> "Https":
    """Kept, since the machine's certificates take long to load; imported when first needed, since it is heavy."""
    from lingpai.outbound.https import Https

    return Https(connect_timeout, answer_timeout)
