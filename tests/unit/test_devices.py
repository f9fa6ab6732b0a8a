"""What is said of a browser's device."""

import pytest

from lingpai.browser_sessions.devices import device

_MOZILLA = "Mozilla/5.0 "
_WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko) "


@pytest.mark.parametrize(
    ("user_agent", "said"),
    [
        (f"(Windows NT 10.0; Win64; x64) {_WEBKIT}Chrome/131.0.0.0 Safari/537.36", "Chrome/Windows"),
        (f"(Windows NT 10.0; Win64; x64) {_WEBKIT}Chrome/131.0.0.0 Safari/537.36 Edg/131.0.2903.86", "Edge/Windows"),
        ("(Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.1 Safari/605.1.15", "Safari/macOS"),
        ("(Macintosh; Intel Mac OS X 10.15; rv:133.0) Gecko/20100101 Firefox/133.0", "Firefox/macOS"),
        ("(iPhone; CPU iPhone OS 18_1 like Mac OS X) Version/18.1 Mobile/15E148 Safari/604.1", "Safari/iPhone"),
        ("(iPhone; CPU iPhone OS 18_1 like Mac OS X) CriOS/131.0 Mobile/15E148 Safari/604.1", "Chrome/iPhone"),
        ("(iPad; CPU OS 18_1 like Mac OS X) FxiOS/133.0 Mobile/15E148 Safari/604.1", "Firefox/iPad"),
        (f"(Linux; Android 14; Pixel 8) {_WEBKIT}Chrome/131.0.0.0 Mobile Safari/537.36", "Chrome/Android"),
        (
            f"(Linux; Android 14; V2309A) {_WEBKIT}Chrome/126.0 Mobile Safari/537.36 MicroMessenger/8.0.50",
            "WeChat/Android",
        ),
        (f"(Linux; Android 12; HarmonyOS; ELS) {_WEBKIT}Chrome/99.0 HuaweiBrowser/15.0", "Huawei Browser/HarmonyOS"),
        (f"(X11; CrOS x86_64 14541.0.0) {_WEBKIT}Chrome/131.0.0.0 Safari/537.36", "Chrome/ChromeOS"),
        (f"(X11; Linux x86_64) {_WEBKIT}Chrome/131.0.0.0 Safari/537.36", "Chrome/Linux"),
    ],
)
def test_device(user_agent: str, said: str) -> None:
    assert device(_MOZILLA + user_agent) == said


def test_what_is_not_known_is_left_out() -> None:
    """Nothing of the header itself is kept, so that it can hold neither a script nor a novel."""
    assert device("") == "/"
    assert device("<script>alert(1)</script> curl/8") == "/"
