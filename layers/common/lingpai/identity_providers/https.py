"""One question to a third party, and its answer, with no word of the address.

An address may hold a secret (WeChat wants the app's in the query), so nothing here logs or quotes it.
"""

import functools
from typing import TYPE_CHECKING

from lingpai.kernel.setting_types import secure_url

if TYPE_CHECKING:
    from lingpai.identity_providers.settings import IdentityProviderSettings
    from lingpai.outbound.https import Https


class NotAnswered(Exception):
    """There is no answer that can be used. `detail` is for the log: what went wrong, nothing of what was asked."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


def get(settings: "IdentityProviderSettings", url: str, limit: int) -> bytes:
    """The body of the answer 200, at most `limit` bytes; NotAnswered for any other, or none in time."""
    from lingpai.outbound.https import Lost, Unreached

    headers = {"Accept": "application/json", "User-Agent": "lingpai"}
    try:
        answer = _https(settings.sign_connect_timeout, settings.sign_timeout).get(secure_url(url), headers, limit)
    except ValueError:
        raise NotAnswered("no address to ask") from None
    except (Unreached, Lost) as error:
        raise NotAnswered(str(error)) from None
    if answer.status != 200:
        raise NotAnswered(f"status {answer.status}")
    return answer.body


@functools.cache
def _https(connect_timeout: float, answer_timeout: float) -> "Https":
    """Kept, since the machine's certificates take long to load; imported when first needed, since it is heavy."""
    from lingpai.outbound.https import Https

    return Https(connect_timeout, answer_timeout)
