"""The client settings."""

from typing import Annotated

from lingpai.kernel.setting_types import FeatureSettings, Limit, Seconds, Table


class ClientSettings(FeatureSettings):
    """Clients: where they are kept, and how long a record is cached."""

    clients_table: Annotated[str, Table((("HASH", "client_id", "S"),))] = "ClientsTable"
    """table: where clients are kept"""
    client_cache_ttl: Limit = 60
    """seconds: how long a client's record is used without being read again"""
    console: bool = True
    """yes or no: whether the [console](console.md) answers at `/console`; else its pages are 404"""
    console_login_max: Seconds = 8 * 3600
    """seconds: how old an admin's login may be at the console; changes need one within RECENT_LOGIN"""
