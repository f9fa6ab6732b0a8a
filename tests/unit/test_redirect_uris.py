"""Redirect URIs: what a record may hold, and what a request may ask for."""

import pytest

from lingpai.clients import redirect_uris
from lingpai.clients.service import inconsistency, new_client

GOOD = (
    "https://app.example/callback",
    "https://app.example",
    "https://app.example:8443/a/b.c?x=1&y=%20",
    "https://xn--bcher-kva.example/",
    "http://127.0.0.1:8000/callback",
    "http://127.0.0.1/callback",
    "http://[::1]:3000/",
    "http://localhost:3000/callback",
)
PRIVATE = ("com.example.app:/callback", "com.example.app://login/done")


@pytest.mark.parametrize("uri", GOOD)
def test_what_a_record_may_hold(uri: str) -> None:
    assert redirect_uris.check(uri) == uri


@pytest.mark.parametrize("uri", PRIVATE)
def test_the_scheme_of_an_app_is_for_public_clients(uri: str) -> None:
    """RFC 8252 section 7.1: anything on the device may claim it, so a secret would go to whoever does."""
    assert redirect_uris.check(uri, private_use=True) == uri
    with pytest.raises(ValueError, match="https"):
        redirect_uris.check(uri)
    public = new_client("app", "standard", redirect_uris=(uri,))
    assert inconsistency(public) is None
    confidential = new_client("app", "standard", "a-secret", redirect_uris=(uri,))
    assert (inconsistency(confidential) or "").startswith("redirect_uris: ")


# RFC 9700 section 4.1; OWASP Unvalidated Redirects and Forwards Cheat Sheet; PortSwigger, "OAuth: flawed redirect_uri
# validation".
BAD = (
    "http://app.example/callback",
    "https://*.app.example/callback",
    "https://app.example/*",
    "https://app.example/callback#fragment",
    "https://app.example/callback#",
    "https://user@app.example/",
    "https://app.example@evil.example/",
    "https://app.example:443@evil.example/",
    "https://app.example\\@evil.example/",
    "https:\\\\app.example/",
    "https:/app.example/",
    "https:app.example",
    "//app.example/",
    "/callback",
    "",
    "https://",
    "https:///callback",
    "https://app.example/../callback",
    "https://app.example/a/./callback",
    "https://app.example/a/%2e%2e/callback",
    "https://app.example/a%2fcallback",
    "https://app.example/a%2Fcallback",
    "https://app.example/a%5ccallback",
    "https://app.example/a%252fcallback",
    "https://app.example/a%0d%0aSet-Cookie:x",
    "https://app.example/a\r\nSet-Cookie: x",
    "https://app.example/a b",
    "https://app.example/%zz",
    "https://bücher.example/",
    "https://аpp.example/",
    "https://app.example。evil.example/",
    "https://APP.example/",
    "https://app.example./",
    "https://-app.example/",
    "https://app..example/",
    "https://app.example:/",
    "https://app.example:0/",
    "https://app.example:65536/",
    "https://app.example:80a/",
    "https://2130706433/",
    "https://127.1/",
    "http://0.0.0.0/",
    "http://127.0.0.1.evil.example/",
    "http://[::2]/",
    "http://localhost.evil.example/",
    "javascript:alert(1)",
    "data:text/html,x",
    "myapp:/callback",
    "com.example.app:callback",
    "com.example.app:/../callback",
    "com.example.app:/callback#x",
    "https://app.example/" + "a" * redirect_uris.URI_MAX,
)


@pytest.mark.security("ASVS-10.4.1")
@pytest.mark.parametrize("uri", BAD)
def test_what_a_record_may_not_hold(uri: str) -> None:
    with pytest.raises(ValueError, match=r"^(has|is|names) "):
        redirect_uris.check(uri, private_use=True)


REGISTERED = ("https://app.example/callback", "http://127.0.0.1:8000/callback", "http://[::1]/", "com.example.app:/cb")


@pytest.mark.parametrize(
    "uri",
    [
        *REGISTERED,
        "http://127.0.0.1:51004/callback",
        "http://127.0.0.1/callback",
        "http://[::1]:51004/",
    ],
)
def test_what_a_request_may_ask_for(uri: str) -> None:
    """RFC 8252 section 7.3: the port of a loopback address is any free one."""
    assert redirect_uris.matches(REGISTERED, uri)


@pytest.mark.parametrize(
    "uri",
    [
        *(uri for uri in BAD if uri),
        "",
        "https://app.example/callback/",
        "https://app.example/callback?x=1",
        "https://app.example/callback2",
        "https://app.example:443/callback",
        "https://app.example/Callback",
        "https://evil.example/?https://app.example/callback",
        "http://127.0.0.1:51004/other",
        "http://127.0.0.1:51004/callback?x",
        "http://127.0.0.1:51004@evil.example/callback",
        "http://127.0.0.1:0/callback",
        "http://127.0.0.1:70000/callback",
        "http://127.0.0.1:/callback",
        "http://127.0.0.2/callback",
        "http://localhost:8000/callback",
        "https://127.0.0.1:8000/callback",
        "http://127.0.0.1:8000/callback\n",
        "com.example.app:/cb2",
        "COM.EXAMPLE.APP:/cb",
    ],
)
def test_what_a_request_may_not_ask_for(uri: str) -> None:
    """Character by character (RFC 9700 section 4.1.3)."""
    assert not redirect_uris.matches(REGISTERED, uri)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("redirect_uris", ("https://app.example/*",)),
        ("redirect_uris", tuple(f"https://app.example/{i}" for i in range(21))),
        ("post_logout_redirect_uris", ("http://app.example/",)),
        ("resources", ("https://api.example/#x",)),
        ("resources", ("api",)),
        ("name", ""),
        ("name", "a\u202eb"),
        ("name", "x" * 61),
        ("logo", "http://app.example/logo.png"),
        ("logo", "data:text/html;base64,AAAA"),
        ("logo", 'data:image/png;base64,A"A'),
        ("colour", "red"),
        ("colour", "#FFF"),
        ("colour", "#12345g"),
        ("terms", "javascript:alert(1)"),
        ("policy", "https://user@app.example/"),
    ],
)
def test_a_field_that_cannot_be_written(field: str, value: object) -> None:
    client = new_client("app", "standard", redirect_uris=("https://app.example/",))
    assert inconsistency(client) is None
    changed = new_client("app", "standard", **{"redirect_uris": ("https://app.example/",), field: value})  # type: ignore[arg-type]
    assert (inconsistency(changed) or "").startswith(f"{field}: ")


@pytest.mark.security("BCL-2.2")
@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("https://app.example/logout", None),
        ("https://app.example/logout?tenant=1", None),
        ("http://127.0.0.1:8000/logout", None),
        ("http://app.example/logout", "is no address that begins with https://"),
        ("https://app.example/logout#x", "has a fragment"),
        ("https://user@app.example/logout", "names a user"),
        ("https://10.0.0.1/logout", "has a host or a port that cannot be used"),
        ("com.example.app:/logout", "is no address that begins with https://"),
        ("/logout", "is no address that begins with https://"),
    ],
)
def test_where_a_client_is_told_of_logouts(uri: str, reason: str | None) -> None:
    client = new_client("app", "standard", backchannel_logout_uri=uri, backchannel_logout_session_required=True)
    assert inconsistency(client) == (reason and f"backchannel_logout_uri: {uri!r} {reason}")


def test_a_session_is_told_of_where_anything_is_told() -> None:
    client = new_client("app", "standard", backchannel_logout_session_required=True)
    assert inconsistency(client) == "backchannel_logout_session_required: needs a backchannel_logout_uri"


def test_only_standard_clients_log_users_in_in_a_browser() -> None:
    client = new_client("app", "spring", "a-secret", redirect_uris=("https://app.example/",))
    assert (inconsistency(client) or "").startswith("redirect_uris: ")
    without = new_client("app", "standard", grants=("authorization_code",))
    assert inconsistency(without) == "grant_types: authorization_code needs redirect_uris, or challenge beside it"
