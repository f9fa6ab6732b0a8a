"""The client settings."""

from lingpai.kernel.setting_types import FeatureSettings, Limit


class ClientSettings(FeatureSettings):
    """Clients: where they are kept, and how long a record is cached."""

    clients_table: str = "ClientsTable"
    """table: where clients are kept"""
    client_cache_ttl: Limit = 60
    """seconds: how long a client's record is used without being read again"""
