"""The settings of rate limits."""

from ipaddress import ip_network
from typing import Annotated

from pydantic import AfterValidator

from lingpai.kernel.setting_types import FeatureSettings, Limit, Words


def _networks(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words as IP networks; ValueError if one is neither an address nor a network."""
    return tuple(str(ip_network(word)) for word in words)


Networks = Annotated[Words, AfterValidator(_networks)]


class RateLimitSettings(FeatureSettings):
    """Limits for addresses, networks and clients (an hour) and for the deployment (a day, UTC)."""

    counters_table: str = "CountersTable"

    # SMS codes sent
    limit_sms_ip: Limit = 30
    limit_sms_net: Limit = 150
    limit_sms_client: Limit = 1000
    limit_sms_day: Limit = 10000

    # wrong passwords
    limit_login_ip: Limit = 30
    limit_login_net: Limit = 150

    # wrong client secrets
    limit_client_ip: Limit = 60
    limit_client_net: Limit = 300

    # wrong SMS codes
    limit_verify_ip: Limit = 60
    limit_verify_net: Limit = 300
    limit_verify_client: Limit = 1000

    # new accounts
    limit_register_ip: Limit = 30
    limit_register_net: Limit = 150

    # calls to identity providers
    limit_sign_ip: Limit = 60
    limit_sign_net: Limit = 300
    limit_sign_client: Limit = 10000

    trusted_addresses: Networks = ()
