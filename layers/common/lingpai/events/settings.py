"""The settings of events."""

from typing import Annotated

from pydantic import Field

from lingpai.kernel.setting_types import FeatureSettings, Table


class EventSettings(FeatureSettings):
    """Events: where they are kept, and where they go."""

    audit_table: Annotated[str, Table((("HASH", "subject", "S"), ("RANGE", "key", "S")), "ttl")] = "AuditTable"
    """table: where events are kept"""
    audit_days: Annotated[int, Field(ge=1, le=3650)] = 400
    """days: for how long; `lingpai doctor` warns below 180"""
    event_bus: str = ""
    """name: the bus of EventBridge that events are sent to; without it, to none"""
    events_failed_queue: str = ""
    """address: the queue of SQS for the events that could not be kept or sent, for `lingpai events redrive`"""
