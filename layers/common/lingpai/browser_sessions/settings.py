"""The settings of browser sessions."""

from lingpai.kernel.setting_types import FeatureSettings, Seconds


class BrowserSessionSettings(FeatureSettings):
    """Browser sessions: how long they last without use, and at most."""

    browser_session_idle: Seconds = 8 * 3600
    """seconds: how long the login of a browser lasts without being used"""
    browser_session_ttl: Seconds = 14 * 86400
    """seconds: how long it lasts at most"""
    places_database: str = ""
    """path: a [database of places](pages.md#places) (MaxMind DB); without it, `/account` shows no places"""
