"""Maintenance of the keys by a schedule: from a Lambda event to a report."""

from typing import Any

from lingpai.http import observability
from lingpai.services import Services
from lingpai.signing_keys import service as signing_keys
from lingpai.signing_keys.storage import KeyStore, KeyWrapper


def maintain_keys(event: dict[str, Any], services: Services, store: KeyStore, wrapper: KeyWrapper) -> dict[str, Any]:
    """Make the keys that are due, and take away what is no longer needed.

    `rotate` in the event names the algorithms that get a next key at once, due or not: `{"rotate": ["ES256"]}`.

    The answer has the ids of the keys `made`, of those `emptied` of their private half, and of those `deleted`. A
    LingpaiError fails the call: the schedule comes again.
    """
    settings, clock = services.settings, services.clock
    wanted = event.get("rotate", ())
    if unknown := set(wanted) - set(signing_keys.ALGORITHMS):
        raise ValueError(f"rotate: {', '.join(sorted(unknown))}: not of {', '.join(signing_keys.ALGORITHMS)}")
    done = signing_keys.maintain(store, wrapper, clock, settings.key_period, settings.key_lead)
    forced = [signing_keys.rotate(store, wrapper, clock, algorithm, settings.key_lead) for algorithm in wanted]
    report = {
        "made": [*done.made, *(key.kid for key in forced if key is not None)],
        "emptied": list(done.private_deleted),
        "deleted": list(done.deleted),
    }
    observability.log_key_maintenance(report)
    return report
