"""The settings of rate limits."""

from ipaddress import ip_network
from typing import Annotated

from pydantic import AfterValidator

from lingpai.kernel.setting_types import FeatureSettings, Limit, Table, Words


def _networks(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words as IP networks; ValueError if one is neither an address nor a network."""
    return tuple(str(ip_network(word)) for word in words)


Networks = Annotated[Words, AfterValidator(_networks)]


class RateLimitSettings(FeatureSettings):
    """Rate limits: for addresses, networks and clients (an hour) and for the deployment (a day, UTC)."""

    counters_table: Annotated[str, Table((("HASH", "key", "S"),), "ttl", is_recoverable=False)] = "CountersTable"
    """table: where limits are counted"""

    # SMS codes sent
    limit_sms_ip: Limit = 30
    """codes: asked for by an address within an hour"""
    limit_sms_net: Limit = 150
    """codes: asked for by the network around an address, /24 or the /64 of IPv6, within an hour"""
    limit_sms_client: Limit = 1000
    """codes: for a client within an hour"""
    limit_sms_day: Limit = 10000
    """codes: for the deployment within a day (UTC)"""

    # wrong passwords
    limit_login_ip: Limit = 30
    """guesses: wrong passwords from an address within an hour, for all names"""
    limit_login_net: Limit = 150
    """guesses: the same for the network around it"""

    # wrong client secrets
    limit_client_ip: Limit = 60
    """guesses: wrong client secrets from an address within an hour, for all clients"""
    limit_client_net: Limit = 300
    """guesses: the same for the network around it"""

    # wrong SMS codes
    limit_verify_ip: Limit = 60
    """guesses: at codes, of any number, from an address within an hour, if the client has no secret or sends its end
    users' addresses
    """
    limit_verify_net: Limit = 300
    """guesses: the same for the network around it"""
    limit_verify_client: Limit = 1000
    """guesses: wrong ones at codes within an hour by a client with a secret that does not send its end users'
    addresses
    """

    # new accounts
    limit_register_ip: Limit = 30
    """accounts: registered from an address within an hour"""
    limit_register_net: Limit = 150
    """accounts: the same for the network around it"""

    # calls to identity providers
    limit_sign_ip: Limit = 60
    """questions: to WeChat about codes from an address within an hour, if the client has no secret"""
    limit_sign_net: Limit = 300
    """questions: the same for the network around it"""
    limit_sign_client: Limit = 10000
    """questions: the same for a client, with or without a secret"""

    trusted_addresses: Networks = ()
    """networks: that are not limited by address, such as those of your own back ends, with commas between"""
