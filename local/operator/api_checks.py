"""The checks of `lingpai doctor` that ask the API, as its clients and their users do."""

import json
import os
import re
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

from lingpai.health.checks import algorithms
from lingpai.health.model import State
from lingpai.signing_keys.service import standing
from local.operator.findings import Case, Finding, verdict

_ANSWERS_WITHIN = 5.0
_LONGEST_ANSWER = 1 << 20
_DISCOVERY = "/.well-known/openid-configuration"
_STYLE = re.compile(r'<link rel="stylesheet" href="(/[^"]+)"')


def health(case: Case) -> Iterator[Finding]:
    """Check that the API and its store answer."""
    if case.url is None:
        yield Finding("health", State.warn, "where the API answers is not known: --url says it")
        return
    good = _fetch(f"{case.url.rstrip('/')}/health") == {"status": "ok"}
    mend = f"{case.url}/health gives another answer: is this the API?"
    yield verdict("health", good, f"{case.url} answers", mend, State.fail)


def issuer(case: Case) -> Iterator[Finding]:
    """Check that the issuer of tokens answers, and that its metadata name it (OpenID Connect Discovery section 4.3)."""
    if case.url is None:
        return
    named = _issuer(case, case.url)
    mend = f"set {'the parameter Issuer' if case.target.stack else 'ISSUER'} to the address that clients use"
    try:
        document = _fetch(named + _DISCOVERY)
    except urllib.error.HTTPError as error:
        with error:
            yield Finding("issuer", State.fail, f"{named}{_DISCOVERY} answers {error.code}: {mend}")
        return
    except OSError as error:
        reason = getattr(error, "reason", None) or error
        yield Finding("issuer", State.fail, f"{named} does not answer ({reason}): {mend}")
        return
    told = document.get("issuer") if isinstance(document, dict) else None
    mend = f"{named}{_DISCOVERY} names the issuer {told}, which clients refuse: {mend}"
    yield verdict("issuer", told == named, f"{named} answers, and names itself", mend, State.fail)


def _issuer(case: Case, url: str) -> str:
    """The issuer: the setting, else the address of the API."""
    return case.services.settings.issuer or url.rstrip("/")


def jwks(case: Case) -> Iterator[Finding]:
    """Check that the API publishes the keys in the store, and one of each algorithm that clients get tokens by."""
    if case.url is None:
        return
    answer = _fetch(f"{case.url.rstrip('/')}/.well-known/jwks.json")
    entries = answer.get("keys") if isinstance(answer, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        yield Finding("jwks", State.fail, "the API publishes no list of keys")
        return
    lacking = sorted(algorithms(case.deployment) - {entry.get("alg") for entry in entries})
    if lacking:
        text = f"no key of {', '.join(lacking)} is published, and clients are to get tokens signed by it: "
        yield Finding("jwks", State.fail, text + f"`lingpai keys rotate --algorithm {lacking[0]}`")
        return
    published = {entry.get("kid") for entry in entries}
    now = case.services.clock.now()
    load = case.deployment.keys
    stored = standing(load() if load else (), now)
    missing = sorted(each.key.kid for each in stored if each.state != "gone" and each.key.kid not in published)
    again = f"look again in {case.services.settings.key_cache_ttl} s; else it has other keys"
    mend = f"the API does not publish {', '.join(missing)}: {again}"
    yield verdict("jwks", not missing, f"{len(published)} keys are published", mend)


def pages(case: Case) -> Iterator[Finding]:
    """Check that people reach the login page and its stylesheet at the issuer's address."""
    if case.url is None:
        return
    address = _issuer(case, case.url)
    kind, page = _ask(f"{address}/login")
    style = _STYLE.search(page.decode(errors="replace")) if kind == "text/html" else None
    if style is None:
        yield Finding("pages", State.fail, f"{address}/login is no login page: route all paths of this address here")
        return
    kind, _ = _ask(address + style[1])
    mend = f"{address}{style[1]} is no stylesheet: route all paths of this address here"
    yield verdict("pages", kind == "text/css", f"{address}/login answers", mend, State.fail)


def _fetch(url: str) -> Any:
    """Return the JSON at the address."""
    _, body = _ask(url)
    try:
        return json.loads(body)
    except ValueError:
        raise ValueError(f"{url} answers no JSON: is this the API?") from None


def _ask(url: str) -> tuple[str, bytes]:
    """Return the media type and the body at the address; ValueError for what is no address, OSError for no answer."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in {"http", "https"}:
        raise ValueError(f"{url} is no address such as https://login.example.com")
    context = ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE") or None)
    handlers: list[urllib.request.BaseHandler] = [urllib.request.HTTPSHandler(context=context)]
    if parts.hostname in {"127.0.0.1", "localhost"}:
        handlers.append(urllib.request.ProxyHandler({}))
    with urllib.request.build_opener(*handlers).open(url, timeout=_ANSWERS_WITHIN) as answer:
        return answer.headers.get_content_type(), answer.read(_LONGEST_ANSWER)
