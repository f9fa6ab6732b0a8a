"""The cause of a change."""

from lingpai.kernel import cause
from lingpai.kernel.cause import Cause

ALL = Cause("/oauth/token", "request-1", "192.0.2.1", "user:1000", "web", "reuse_found")


def test_written_and_read() -> None:
    assert cause.read(cause.written(ALL)) == ALL
    assert cause.written(Cause(actor="operator:梅")) == '{"actor":"operator:梅"}'
    assert (cause.written(Cause()), cause.read("{}"), cause.read(None)) == ("{}", Cause(), Cause())


def test_of_a_request() -> None:
    """What is found out later is added; the end forgets all of it."""
    try:
        cause.begin(Cause(action="/oauth/token", address="192.0.2.1"))
        cause.note(client="web")
        cause.note(actor="user:1000")
        assert cause.current() == Cause(action="/oauth/token", address="192.0.2.1", actor="user:1000", client="web")
    finally:
        cause.end()
    assert cause.current() == Cause()


def test_of_a_block() -> None:
    with cause.caused_by(Cause(actor="system")):
        with cause.caused_by(ALL):
            assert cause.current() == ALL
        assert cause.current() == Cause(actor="system")
        with cause.because("reuse_found"):
            assert cause.current() == Cause(actor="system", why="reuse_found")
    assert cause.current() == Cause()
