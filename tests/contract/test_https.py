"""One call over HTTPS: how far it came."""

import socket
import threading
from typing import Any

import pytest

from lingpai.outbound import addresses
from lingpai.outbound.https import Https, Lost, Unreached
from tests.support.deadlines import SHORT, STEP, run_out, within
from tests.support.fake_sms import TWILIO
from tests.support.fake_web import Call, Reply
from tests.support.sms import Shop


def test_what_is_sent_arrives_and_what_comes_back_is_the_answer(shop: Shop) -> None:
    web = shop.open(TWILIO)
    web.answer = lambda call: Reply(418, b"\x00\xff", "x/y")
    answer = Https(20, 20).post(f"https://{web.host}/a/b?c=%20d", {"X-One": "1", "Content-Type": "z"}, b"\x01body")
    assert (answer.status, answer.headers["content-type"], answer.body) == (418, "x/y", b"\x00\xff")
    assert web.calls == [
        Call(
            "POST",
            "/a/b",
            "c=%20d",
            {
                "host": web.host,
                "accept-encoding": "identity",
                "content-length": "5",
                "x-one": "1",
                "content-type": "z",
                "connection": "close",
            },
            b"\x01body",
        )
    ]


def test_a_host_is_named_with_no_port_but_the_addresses(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The port of https goes without saying; AWS's signature of the host is without it."""
    web = shop.open(TWILIO)
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", int(web.host.partition(":")[2])))]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: found)
    Https(20, 20).post("https://127.0.0.1/", {}, b"")
    assert [call.headers["host"] for call in web.calls] == ["127.0.0.1"]


def test_an_answer_that_is_no_http_is_lost(shop: Shop) -> None:
    """Once it was an error that nobody expected, of a message that may have been sent."""
    web = shop.open(TWILIO, "less than nothing")
    with pytest.raises(Lost, match="IncompleteRead"):
        Https(20, 20).post(f"https://{web.host}/", {}, b"")
    assert len(web.calls) == 1


def test_a_redirect_is_an_answer(shop: Shop) -> None:
    """Whoever answered has read the request; it is not for them to say who else gets it."""
    web = shop.open(TWILIO)
    web.answer = lambda call: Reply(307, b"")
    assert Https(20, 20).post(f"https://{web.host}/", {}, b"").status == 307
    assert len(web.calls) == 1


@pytest.mark.parametrize("silent", ["full", "closed"])
def test_the_next_address_is_tried_where_one_does_not_take_the_connection(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, silent: Any
) -> None:
    there, well = shop.open(TWILIO, silent), shop.open(TWILIO)
    addresses = [("127.0.0.1", int(web.host.partition(":")[2])) for web in (there, well)]
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: found)
    assert Https(4, 20).post("https://127.0.0.1/", {}, b"").status == 401
    assert (len(there.calls), len(well.calls)) == (0, 1)


def test_the_next_address_is_tried_where_one_is_of_a_family_that_is_not_here(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    web = shop.open(TWILIO)
    here = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", int(web.host.partition(":")[2])))
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: [(255, socket.SOCK_STREAM, 6, "", ("", 1)), here])
    assert Https(4, 20).post("https://127.0.0.1/", {}, b"").status == 401


def test_an_address_that_took_the_connection_is_the_one(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the request went out there is no next."""
    cut, well = shop.open(TWILIO, "cut"), shop.open(TWILIO)
    addresses = [("127.0.0.1", int(web.host.partition(":")[2])) for web in (cut, well)]
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: found)
    with pytest.raises(Lost):
        Https(20, 20).post("https://127.0.0.1/", {}, b"")
    assert (len(cut.calls), well.connections) == (1, 0)


def test_no_address_is_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: [])
    with pytest.raises(Unreached, match="no address"):
        Https(20, 20).post("https://127.0.0.1/", {}, b"")


@pytest.mark.parametrize("bound", ["the step's time", "the request's time"])
def test_a_handshake_that_trickles_ends_in_time(shop: Shop, bound: str) -> None:
    """All of it together, however many bytes come."""
    web = shop.open(TWILIO, "slow handshake")
    seconds, step = (SHORT, STEP) if bound == "the request's time" else (STEP, SHORT)
    with within(seconds), pytest.raises(Unreached, match="TimeoutError"):
        Https(step, STEP).post(f"https://{web.host}/", {}, b"")
    assert (web.connections, web.calls) == (1, [])


# --- the request's time ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["full", "no handshake"])
def test_no_connection_is_waited_for_longer_than_the_request(shop: Shop, mode: Any) -> None:
    web = shop.open(TWILIO, mode)
    with within(SHORT), pytest.raises(Unreached, match="TimeoutError"):
        Https(STEP, STEP).post(f"https://{web.host}/", {}, b"")


def test_no_name_is_looked_up_longer_than_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: over.wait(STEP) and [])
    with within(SHORT), pytest.raises(Unreached, match="name not resolved in time"):
        Https(STEP, STEP).post("https://nowhere.invalid/", {}, b"")
    over.set()


@pytest.mark.parametrize("mode", ["late", "drip"])
def test_no_answer_is_waited_for_longer_than_the_request(shop: Shop, mode: Any) -> None:
    """It may have been carried out."""
    web = shop.open(TWILIO, mode)
    with within(SHORT), pytest.raises(Lost, match="TimeoutError"):
        Https(STEP, STEP).post(f"https://{web.host}/", {}, b"")
    assert len(web.calls) == 1


def test_nothing_is_begun_for_a_request_without_time(shop: Shop) -> None:
    web = shop.open(TWILIO)
    with within(0), pytest.raises(Unreached, match="no time left"):
        Https(STEP, STEP).post(f"https://{web.host}/", {}, b"")
    assert web.connections == 0


def test_nothing_is_sent_where_the_connection_took_all_of_the_time(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """So it is certain that it was not carried out."""
    web = shop.open(TWILIO)
    connect = addresses.connect

    def slow(address: addresses.Address, seconds: float) -> socket.socket:
        connected = connect(address, seconds)
        run_out()
        return connected

    monkeypatch.setattr(addresses, "connect", slow)
    with within(SHORT), pytest.raises(Unreached, match="no time left"):
        Https(STEP, STEP).post(f"https://{web.host}/", {}, b"")
    assert (web.connections, web.calls) == (1, [])
