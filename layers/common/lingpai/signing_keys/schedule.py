"""What a schedule asks for, and no client: a Lambda event in, what was done out."""

from dataclasses import asdict
from typing import Any

from lingpai import bootstrap
from lingpai import http as web
from lingpai.http import observability
from lingpai.kernel import deadline
from lingpai.signing_keys import service as keys


def tend_keys(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Make the keys that are due, and take away what is no longer needed.

    `rotate` in the event names the algorithms that get a next key at once, due or not: `{"rotate": ["ES256"]}`.

    The answer has the ids of the keys `made`, of those `emptied` of their private half, and of those `deleted`. A
    LingpaiError fails the call: the schedule comes again.
    """
    web.collect()
    deadline.begin(context)
    try:
        return _tended(event)
    finally:
        deadline.end()


def _tended(event: dict[str, Any]) -> dict[str, Any]:
    settings, clock = bootstrap.services().settings, bootstrap.services().clock
    store, vault = bootstrap.key_store(settings), bootstrap.key_vault(settings)
    wanted = event.get("rotate", ())
    if unknown := set(wanted) - set(keys.ALGORITHMS):
        raise ValueError(f"rotate: {', '.join(sorted(unknown))}: not of {', '.join(keys.ALGORITHMS)}")
    tended = keys.tend(store, vault, clock, settings.key_period, settings.key_lead)
    forced = [keys.rotate(store, vault, clock, algorithm, settings.key_lead) for algorithm in wanted]
    done = asdict(tended)
    done["made"] = (*tended.made, *(key.kid for key in forced if key is not None))
    observability.log_key_maintenance(done)
    return {name: list(kids) for name, kids in done.items()}
