"""All findings of a deployment at once, as one of its functions sees it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Any

from lingpai.health import tables
from lingpai.health.checks import CHECKS, OWN
from lingpai.health.model import Check, ClientList, Deployment, Finding, State
from lingpai.http import observability
from lingpai.kernel.errors import LingpaiError
from lingpai.services import Services
from lingpai.signing_keys.settings import UNWRAPPED

# The clients that are looked at, in one call.
MOST_CLIENTS = 200
# As many as there are tables, and some: a table takes three calls, one after the other, and all else takes one.
_THREADS = 16


def look(services: Services) -> list[Finding]:
    """Run all checks side by side. One that fails is a finding, too."""
    with ThreadPoolExecutor(max_workers=_THREADS) as threads:

        def start[T](call: Callable[..., T], *arguments: Any) -> Callable[[], T]:
            # Each thread has the request's deadline, which is kept in the context.
            return threads.submit(copy_context().run, call, *arguments).result

        deployment = _deployment(services, start(_first_clients, services))
        of_tables = [("tables", partial(tables.table, name)) for name in tables.shapes(deployment)]
        every = (*of_tables, *CHECKS.items(), *OWN.items())
        running = [start(_guarded, name, check, deployment) for name, check in every]
        return [finding for result in running for finding in result()]


def _deployment(services: Services, clients: Callable[[], ClientList]) -> Deployment:
    """The deployment that this function belongs to. One for development has no key in KMS."""
    settings = services.settings
    is_local = settings.keys_kms_key in ("", UNWRAPPED)
    is_pepper_named = settings.code_pepper.get_secret_value() or settings.code_pepper_secret
    return Deployment(
        services=services,
        clients=clients,
        keys=services.keys.stored,
        pepper=services.pepper if is_pepper_named else None,
        senders=settings.health_senders or settings.sms_provider,
        region=settings.aws_region,
        url=services.issuer or None,
        is_local=is_local,
        is_stack=not is_local,
    )


def _first_clients(services: Services) -> ClientList:
    page = services.store.page_clients(MOST_CLIENTS, None)
    return ClientList(page.clients, has_more=page.next is not None)


def _guarded(name: str, check: Check, deployment: Deployment) -> list[Finding]:
    try:
        return list(check(deployment))
    except LingpaiError as error:
        reason = error.code
    except Exception as error:  # noqa: BLE001  whatever it is, the page shows it with what the other checks found
        observability.log_check_failure(name, error)
        reason = type(error).__name__
    return [Finding(name, State.fail, "no_answer", {"reason": reason})]
