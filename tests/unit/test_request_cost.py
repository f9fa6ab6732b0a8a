"""What a request may cost before any client is known: its work grows with its length, and no faster.

Counted are the instructions of Python that are executed, which come out alike everywhere. Measured beside a wrong
password (argon2id with the default settings), the dearest of these bodies took half of its processor time.
"""

import base64
import gc
import itertools
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from lingpai.clients.request_authentication import basic_credentials
from lingpai.http import multipart
from lingpai.http.request import MAX_BODY, Request, all_parameters, json_body, parameters
from lingpai.http.request import refuse_credentials_in_query as check_query
from lingpai.identity_providers import id_tokens
from lingpai.kernel import jws, messages, phone_numbers, typed_text
from lingpai.kernel.errors import LingpaiError
from lingpai.legacy import dialects
from lingpai.oauth import token_endpoint as token
from lingpai.sessions import access_tokens
from tests.support.memory_store import MemoryStore
from tests.support.transfer import services_on

pytestmark = pytest.mark.security("F36")

FORM, JSON, MULTIPART = "application/x-www-form-urlencoded", "application/json", "multipart/form-data; boundary=b"
# A wrong password takes the time of some million instructions.
PER_BYTE, AT_REST = 20, 5000


def filled(size: int, unit: bytes, head: bytes = b"", tail: bytes = b"") -> bytes:
    """A body of at most `size` bytes: `unit` again and again, between `head` and `tail`."""
    return head + unit * ((size - len(head) - len(tail)) // len(unit)) + tail


def different(size: int, pattern: str, separator: str) -> bytes:
    """As `filled`, with a number in each `pattern`."""
    text, made = "", itertools.count()
    while len(text) < size - 40:
        text += separator.join(pattern.format(next(made)) for _ in range(100)) + separator
    return text[: size - 40].rpartition(separator)[0].encode()


def _part(headers: bytes) -> tuple[bytes, bytes]:
    """What stands around the last header of a multipart form of one field."""
    return b"--b\r\n" + headers, b"\r\n\r\nx\r\n--b--"


DISPOSITION = b"Content-Disposition: form-data"
FIELD = b'--b\r\nContent-Disposition: form-data; name="username"\r\n'

BODIES: dict[str, tuple[str, Callable[[int], bytes]]] = {
    "form: separators": (FORM, lambda size: filled(size, b"&")),
    "form: short names": (FORM, lambda size: filled(size, b"a&")),
    "form: short fields": (FORM, lambda size: filled(size, b"a=&")),
    "form: different fields": (FORM, lambda size: different(size, "x{}=1", "&")),
    "form: escaped names": (FORM, lambda size: filled(size, b"%41&")),
    "form: blank names": (FORM, lambda size: filled(size, b"+&")),
    "form: broken escapes": (FORM, lambda size: filled(size, b"%&")),
    "form: an escaped value": (FORM, lambda size: filled(size, b"%41", b"username=")),
    "form: a value of broken escapes": (FORM, lambda size: filled(size, b"%", b"username=")),
    "form: a value of signs": (FORM, lambda size: filled(size, b"=", b"username=")),
    "multipart: nested": (
        MULTIPART,
        lambda size: b"".join(
            b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (n, n + 1) for n in range(size // 58)
        ).replace(b"b0", b"b"),
    ),
    "multipart: fields": (
        MULTIPART,
        lambda size: filled(size, b"--b\r\n" + DISPOSITION + b";name=a\r\n\r\n\r\n", b"", b"--b--"),
    ),
    "multipart: nameless fields": (MULTIPART, lambda size: filled(size, b"--b\r\n\r\n\r\n", b"", b"--b--")),
    "multipart: boundaries": (MULTIPART, lambda size: filled(size, b"\r\n--b")),
    "multipart: headers": (MULTIPART, lambda size: filled(size, b"a:\r\n", *_part(b""))),
    "multipart: folds": (MULTIPART, lambda size: filled(size, b"\r\n ", *_part(b"a:"))),
    "multipart: semicolons": (MULTIPART, lambda size: filled(size, b";", *_part(DISPOSITION))),
    "multipart: header parameters": (MULTIPART, lambda size: filled(size, b";a=", *_part(DISPOSITION))),
    "multipart: open quotes": (MULTIPART, lambda size: filled(size, b';a="', *_part(DISPOSITION))),
    "multipart: escaped quotes": (MULTIPART, lambda size: filled(size, rb"\"", *_part(DISPOSITION + b';name="'))),
    "multipart: blanks": (MULTIPART, lambda size: filled(size, b" ", *_part(DISPOSITION + b";"))),
    "multipart: a long name": (MULTIPART, lambda size: filled(size, b"a", *_part(DISPOSITION + b";name="))),
    "multipart: base64": (
        MULTIPART,
        lambda size: filled(size, b"QUFB", FIELD + b"Content-Transfer-Encoding: base64\r\n\r\n", b"\r\n--b--"),
    ),
    "multipart: quoted-printable": (
        MULTIPART,
        lambda size: filled(size, b"=41", FIELD + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n", b"\r\n--b--"),
    ),
    "json: deep": (JSON, lambda size: filled(size, b"[", b'{"x":')),
    "json: deep objects": (JSON, lambda size: filled(size, b'{"":')),
    "json: empty objects": (JSON, lambda size: filled(size, b"{},", b'{"x":[', b"0]}")),
    "json: small objects": (JSON, lambda size: filled(size, b'{"":0},', b'{"x":[', b"0]}")),
    "json: different names": (JSON, lambda size: b"{" + different(size, '"x{}":0', ",") + b"}"),
    "json: one name": (JSON, lambda size: filled(size, b'"":0,', b"{", b'"a":1}')),
    "json: numbers": (JSON, lambda size: filled(size, b"1,", b'{"x":[', b"0]}")),
    "json: fractions": (JSON, lambda size: filled(size, b"0.1,", b'{"x":[', b"0]}")),
    "json: long numbers": (JSON, lambda size: filled(size, b"9" * 100 + b",", b'{"x":[', b"0]}")),
    "json: a number": (JSON, lambda size: filled(size, b"9", b'{"username":', b"}")),
    "json: a fraction": (JSON, lambda size: filled(size, b"9", b'{"username":0.', b"}")),
    "json: an exponent": (JSON, lambda size: filled(size, b"9", b'{"username":1e', b"}")),
    "json: escapes": (JSON, lambda size: filled(size, rb"\u4e00", b'{"username":"', b'"}')),
    "json: accents": (JSON, lambda size: filled(size, "\u0301\u0323".encode(), b'{"username":"e', b'"}')),
    "json: commas": (JSON, lambda size: filled(size, b", ", b'{"a":1')),
    "json: quotes": (JSON, lambda size: filled(size, b'"', b'{"a":1')),
}
KNOWN = token.known_parameters(dialects)
READERS: dict[str, Callable[[Request], object]] = {
    "of tokens": lambda request: all_parameters(request, KNOWN),
    "of seed 000": lambda request: parameters(request, {"userName", "password"}, trailing_commas=True),
    "of users": json_body,
}


def request(body: bytes = b"", content_type: str = "", query: str = "", **headers: str) -> Request:
    return Request(
        method="POST",
        path="/oauth/token",
        headers={"content-type": content_type, **headers},
        query=query,
        raw_body=base64.b64encode(body).decode(),
        is_base64=True,
        source_ip="192.0.2.1",
        id="1",
        origin="https://id.example",
    )


@pytest.fixture
def counted() -> Iterator[Callable[[Callable[[], object]], int]]:
    """Counts the instructions of Python that a call executes, refused or not.

    Those of other threads are left out, and those of finalizers that happen to run.
    """
    tool, events = sys.monitoring.PROFILER_ID, sys.monitoring.events
    executed, thread = 0, threading.get_ident()

    def one(*_: object) -> None:
        nonlocal executed
        executed += threading.get_ident() == thread

    def count(act: Callable[[], object]) -> int:
        nonlocal executed
        executed = 0
        gc.disable()
        sys.monitoring.set_events(tool, events.INSTRUCTION)
        try:
            act()
        except LingpaiError:
            pass
        finally:
            sys.monitoring.set_events(tool, events.NO_EVENTS)
            gc.enable()
        return executed

    sys.monitoring.use_tool_id(tool, "lingpai tests")
    sys.monitoring.register_callback(tool, events.INSTRUCTION, one)
    try:
        yield count
    finally:
        sys.monitoring.free_tool_id(tool)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("case", BODIES)
def test_a_body_costs_so_much_for_each_byte(
    counted: Callable[[Callable[[], object]], int], case: str, reader: str
) -> None:
    content_type, make = BODIES[case]
    costs = {}
    for size in (MAX_BODY // 4, MAX_BODY):
        body = make(size)
        assert size * 0.8 < len(body) <= size
        sent = request(body, content_type)
        costs[size] = counted(lambda sent=sent: READERS[reader](sent))  # type: ignore[misc]
    assert costs[MAX_BODY] <= PER_BYTE * MAX_BODY + AT_REST
    assert costs[MAX_BODY] <= 4.5 * costs[MAX_BODY // 4] + AT_REST


HEADERS: dict[str, Callable[[int], object]] = {
    "languages": lambda size: messages.preferred("," * size),
    "qualities": lambda size: messages.preferred("zh;q=1," * (size // 7)),
    "a long quality": lambda size: messages.preferred("en;q=" + "1" * size),
    "a query of names": lambda size: check_query(request(query="a&" * (size // 2))),
    "a query of escapes": lambda size: check_query(request(query="%41&" * (size // 4))),
    "a basic header": lambda size: basic_credentials(request(authorization="Basic " + "QUFB" * (size // 4))),
    "a header of quotes": lambda size: multipart.parts(
        "multipart/form-data" + ';a="' * (size // 4) + ";boundary=b", b"--b--"
    ),
    "a long boundary": lambda size: _refused(
        lambda: multipart.parts("multipart/form-data;boundary=" + "b" * size, b"")
    ),
    "a number": lambda size: phone_numbers.as_mobile("１" * size, "CN"),
    "a spaced number": lambda size: phone_numbers.as_mobile("\u3000" * size + "1", "CN"),
    "a spaced name": lambda size: typed_text.trimmed("\u3000" * (size // 2) + "a" + "\u200b" * (size // 2)),
}


def _refused(act: Callable[[], object]) -> None:
    with pytest.raises(multipart.MalformedError):
        act()


@pytest.mark.parametrize("case", HEADERS)
def test_a_header_costs_so_much_for_each_byte(counted: Callable[[Callable[[], object]], int], case: str) -> None:
    """API Gateway takes 10 KB of headers."""
    size = 10 * 1024
    costs = [counted(lambda size=size: HEADERS[case](size)) for size in (size // 4, size)]  # type: ignore[misc]
    assert costs[1] <= PER_BYTE * size + AT_REST
    assert costs[1] <= 4.5 * costs[0] + AT_REST


def test_a_long_number_is_not_computed() -> None:
    """It would take the square of its digits."""
    read = json_body(request(b'{"x":' + b"9" * 60000 + b',"y":1e' + b"9" * 4000 + b"}", JSON))
    assert not any(isinstance(value, int | float) for value in read.values())


def _encoded(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


TOKENS: dict[str, Callable[[int], str]] = {
    "many segments": lambda size: "a." * (size // 2),
    "three long segments": lambda size: ".".join(["a" * (size // 3)] * 3),
    "a long header": lambda size: _encoded(filled(size // 2, b" ", b'{"alg":"ES256","kid":"x"', b"}")) + ".e30.AAAA",
    "a deep header": lambda size: _encoded(filled(size // 2, b"[", b'{"alg":"ES256","kid":')) + ".e30.AAAA",
    "a header of numbers": lambda size: _encoded(filled(size // 2, b"9", b'{"alg":"ES256","kid":', b"}")) + ".e30.AAAA",
    "a header of names": lambda size: _encoded(b"{" + different(size // 2, '"x{}":0', ",") + b"}") + ".e30.AAAA",
    "a long temporary token": lambda size: "A" * 22 + "." + "A" * size,
}


@pytest.mark.parametrize("case", TOKENS)
def test_a_token_costs_so_much_for_each_byte(counted: Callable[[Callable[[], object]], int], case: str) -> None:
    """Whether it is shown to us or to a provider: no key is looked for, and no signature checked, for what is none."""
    services = services_on(MemoryStore())
    text = TOKENS[case](MAX_BODY - 100)
    for act in (
        lambda: access_tokens.check(services, text),
        lambda: access_tokens.revoke(services, text, None),
        lambda: id_tokens.present(text),
        lambda: id_tokens.present(TOKENS[case](jws.TOKEN_MAX - 100)),
    ):
        counted(act)  # imports what it needs
        assert counted(act) <= 2 * len(text) + AT_REST
