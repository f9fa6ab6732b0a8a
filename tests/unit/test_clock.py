"""The one source of time and chance."""

import time
from collections import Counter

import pytest

from lingpai import bootstrap
from lingpai.kernel.clock import FIRST_MACHINE_OWNER, Clock
from lingpai.kernel.errors import SettingsError
from lingpai.settings import Settings
from tests.support.time import START, Time


def drawing(*draws: bytes) -> Clock:
    """A clock whose dice show these, one after the other."""
    left = list(draws)

    def next_draw(size: int) -> bytes:
        draw = left.pop(0)
        assert len(draw) == size
        return draw

    return Clock(time=Time(), random_bytes=next_draw)


def test_now_is_in_whole_seconds() -> None:
    assert Clock(time=lambda: 12.999).now() == 12
    assert abs(Clock().now() - time.time()) < 5


@pytest.mark.security("F25")
def test_time_never_goes_back_in_a_process() -> None:
    """It stands still until the machine's clock is where it was; so user ids stay in their order, too."""
    time = Time()
    clock = time.clock()
    shown = []
    for at in (START, START + 10, START - 3600, START + 9, START + 10, START + 11):
        time.at = at
        shown.append((clock.now(), clock.new_user_id() >> 12))
    assert [now - START for now, _ in shown] == [0, 10, 10, 10, 10, 11]
    assert sorted(shown) == shown


@pytest.mark.security("F25")
def test_what_has_elapsed_is_told_by_whichever_clock_goes_faster() -> None:
    time = Time()
    clock = time.clock()
    start = clock.elapsed()
    # What the two clocks have done since the last look, and what has passed then.
    for wall, monotonic, passed in (
        (5, 5, 5),
        (7, 0, 12),
        (-3600, 60, 72),
        (3600, 0, 3672),
        (-3600, 0, 3672),
        (0, 1, 3673),
    ):
        time.at += wall
        time.ran += monotonic
        assert clock.elapsed() - start == passed


@pytest.mark.security("F25")
def test_elapsed_time_begins_long_after_zero() -> None:
    """Whoever has never read anything reads it at once."""
    assert Clock().elapsed() > 10**9


@pytest.mark.security("F25")
@pytest.mark.parametrize(("at", "told"), [(0, "1970-01-01T00:00:00Z"), (1_704_067_199, "2023-12-31T23:59:59Z")])
def test_a_clock_before_2024_is_refused_at_the_start(at: int, told: str) -> None:
    with pytest.raises(SettingsError, match=f"shows {told}, a time before 2024: set it"):
        bootstrap.build(Settings(), clock=Time(at).clock())
    bootstrap.build(Settings(), clock=Time(1_704_067_200).clock())


def test_user_ids_are_below_2_to_the_53_until_2093() -> None:
    for at in (START, 3_900_000_000):
        for dice in (b"\x00\x00", b"\xff\xff"):
            user_id = Clock(time=Time(at), random_bytes=lambda _, dice=dice: dice).new_user_id()  # type: ignore[misc]
            assert 0 < user_id < 2**53


def test_user_ids_are_in_the_order_of_time() -> None:
    at = Time()
    ids = []
    for _ in range(100):
        ids.append(at.clock().new_user_id())
        at.advance(0.001953125)
    assert ids == sorted(set(ids))


def test_user_ids_of_one_moment_differ_by_chance() -> None:
    clock = Time().clock()
    assert len({clock.new_user_id() for _ in range(200)}) > 150
    assert {user_id >> 12 for user_id in (clock.new_user_id() for _ in range(200))} == {(START - 1_704_067_200) * 1000}


@pytest.mark.parametrize("dice", [b"\x00" * 8, b"\xff" * 8, b"\x80" + b"\x00" * 7, bytes(range(8))])
def test_the_owner_of_a_machines_session_is_no_user_and_has_64_bits(dice: bytes) -> None:
    assert FIRST_MACHINE_OWNER <= drawing(dice).new_machine_owner() < 2**64


def test_machine_owners_are_spread() -> None:
    clock = Clock()
    assert len({clock.new_machine_owner() >> 55 for _ in range(1000)}) > 200


def test_secrets_and_session_ids_are_as_long_as_they_must_be() -> None:
    clock = Clock()
    assert len(clock.new_session_id()) == 8
    assert len(clock.new_secret()) == 32
    assert len({clock.new_secret() for _ in range(100)}) == 100


@pytest.mark.security("ASVS-6.5.4")
@pytest.mark.parametrize(
    ("draw", "code"),
    [(0, "000000"), (7, "000007"), (999_999, "999999"), (1_000_000, "000000"), (4_294_000_000 - 1, "999999")],
)
def test_a_code_has_six_digits(draw: int, code: str) -> None:
    assert drawing(draw.to_bytes(4)).new_code() == code


@pytest.mark.security("ASVS-6.5.3")
@pytest.mark.parametrize("draw", [4_294_000_000, 2**32 - 1])
def test_a_draw_that_would_favour_some_codes_is_drawn_again(draw: int) -> None:
    assert drawing(draw.to_bytes(4), (123_456).to_bytes(4)).new_code() == "123456"


def test_codes_are_even() -> None:
    clock = Clock()
    first = Counter(clock.new_code()[0] for _ in range(5000))
    # Six standard deviations: not once in 10^8 runs.
    assert all(abs(first[digit] - 500) < 128 for digit in "0123456789")
