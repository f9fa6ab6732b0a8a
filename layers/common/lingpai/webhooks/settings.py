"""The webhook settings."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from lingpai.kernel.setting_types import FeatureSettings, Limit, Table, TimeOut, words

Port = Annotated[int, Field(ge=1, le=65535)]


class WebhookSettings(FeatureSettings):
    """Webhooks and back-channel logouts: where they are kept, and where they may lead."""

    webhooks_table: Annotated[str, Table((("HASH", "id", "S"),), "ttl")] = "WebhooksTable"
    """table: where webhooks are kept"""
    webhooks_queue: str = ""
    """address: the queue of SQS that deliveries wait in; without it, they wait in the process"""
    webhooks_failed_queue: str = ""
    """address: the queue of those that were given up, for `lingpai webhook redrive`"""
    webhook_cache_ttl: Limit = 60
    """seconds: how long the list of webhooks is used without being read again"""
    webhook_ports: Annotated[tuple[Port, ...], BeforeValidator(words)] = (443,)
    """list: the ports that may be called"""
    webhook_loopback: bool = False
    """yes or no: whether this machine (`127.0.0.1`, `localhost`) may be called, by http too, at any port; for the local
    server alone
    """
    webhook_connect_timeout: TimeOut = 5.0
    """seconds: how long to wait for a connection to a receiver"""
    webhook_read_timeout: TimeOut = 10.0
    """seconds: how long to wait for its whole answer"""
