"""Questions to the providers of captchas: one request, its answer as a JSON object."""

from collections.abc import Mapping
from typing import Any

from lingpai.captcha.provider import Unavailable
from lingpai.outbound import json_answers
from lingpai.outbound.https import Https, Lost, Unreached

# No provider's token comes near it.
LONGEST = 8192


def ask(provider: str, https: Https, url: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """The JSON object that the provider answers a POST with; Unavailable without one, and for a status that is no 2xx.

    Whoever sends a solution must not be able to make the provider fail: what a provider cannot read is its own error.
    """
    try:
        answer = https.post(url, headers, body)
    except (Unreached, Lost) as error:
        raise Unavailable(f"{provider}: {error}") from error
    content = json_answers.read_object(answer.body)
    if not 200 <= answer.status < 300 or content is None:
        raise Unavailable(f"{provider}: HTTP {answer.status}")
    return content
