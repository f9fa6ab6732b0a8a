"""The protocol Codes: what is known of a number, saved by compare-and-swap, and the guesses counted."""

from dataclasses import replace

import pytest

from lingpai.sms_codes.model import Code
from lingpai.sms_codes.storage import ConsumeCode
from tests.support.samples import NOW, NUMBER, WholeStore, a_code, a_guess, consume, hashed

OTHER = "+8613800000000"
TTL = NOW + 172_800
# A second code, sent 100 s later in the window of the first.
LATER = a_code(digest=hashed("654321"), expires_at=NOW + 700, sent=(NOW, NOW + 100))


def test_a_code_comes_back_whole(store: WholeStore) -> None:
    assert store.get_code(NUMBER) is None
    assert store.save_code(None, a_code(tries=2), TTL)
    assert store.get_code(NUMBER) == a_code(tries=2)
    bare = Code(OTHER, sent=(NOW - 1, NOW), tries_until=NOW + 5)
    assert store.save_code(None, bare, TTL)
    assert store.get_code(OTHER) == bare
    assert store.get_code(NUMBER) == a_code(tries=2)


def test_a_code_replaces_the_one_that_was_known(store: WholeStore) -> None:
    store.save_code(None, a_code(), TTL)
    assert store.save_code(a_code(), LATER, TTL)
    assert store.get_code(NUMBER) == LATER


def test_a_code_is_refused_where_another_is_known(store: WholeStore) -> None:
    """Nothing known after all, something known already, another sending, another window."""
    assert not store.save_code(a_code(), LATER, TTL)
    assert store.get_code(NUMBER) is None
    store.save_code(None, LATER, TTL)
    third = a_code(digest=hashed("000000"), sent=(NOW, NOW + 100, NOW + 200))
    for before in (
        None,
        Code(NUMBER, tries_until=LATER.tries_until),
        a_code(),
        a_code(sent=(NOW, NOW + 101)),
        a_code(sent=LATER.sent, tries_until=NOW + 3601),
    ):
        assert not store.save_code(before, third, TTL), before
        assert store.get_code(NUMBER) == LATER, before
    assert store.save_code(LATER, third, TTL)


def test_guesses_are_no_reason_to_refuse_a_code(store: WholeStore) -> None:
    """Those counted meanwhile stay counted: a new code in the same window resets nothing."""
    store.save_code(None, a_code(), TTL)
    for _ in range(4):
        store.count_try(NUMBER, a_guess(NOW + 50, 3600))
    assert store.save_code(a_code(), LATER, TTL)
    assert store.get_code(NUMBER) == a_code(digest=LATER.digest, expires_at=LATER.expires_at, sent=LATER.sent, tries=4)


def test_a_code_may_open_a_new_window(store: WholeStore) -> None:
    """Then the tries are as the code says."""
    store.save_code(None, a_code(), TTL)
    store.count_try(NUMBER, a_guess(NOW + 50, 3600))
    known = store.get_code(NUMBER)
    opened = a_code(sent=(NOW, NOW + 4000), expires_at=NOW + 4600, tries=0, tries_until=NOW + 7600)
    assert store.save_code(known, opened, TTL)
    assert store.get_code(NUMBER) == opened
    assert not store.save_code(known, LATER, TTL), "the window of before is over"
    assert store.get_code(NUMBER) == opened


def test_the_first_code_after_guesses(store: WholeStore) -> None:
    """A number that was guessed at is known, though no code was sent to it."""
    guessed = store.count_try(NUMBER, a_guess(NOW, 3600))
    assert not store.save_code(None, a_code(), TTL)
    assert store.get_code(NUMBER) == guessed
    assert store.save_code(guessed, a_code(tries_until=guessed.tries_until), TTL)
    assert store.get_code(NUMBER) == a_code(tries=1)


def test_the_next_code_after_one_was_used(store: WholeStore) -> None:
    store.save_code(None, a_code(), TTL)
    store.count_try(NUMBER, a_guess(NOW + 5, 3600))
    store.commit(consume())
    used = store.get_code(NUMBER)
    assert used == a_code(digest=None, expires_at=0)
    assert store.save_code(used, LATER, TTL)
    assert store.get_code(NUMBER) == LATER


def test_guesses_are_counted_in_a_window(store: WholeStore) -> None:
    """It begins with the first guess, holds to its last second, and then begins again at 1."""
    assert store.count_try(NUMBER, a_guess(NOW, 60)) == Code(NUMBER, tries=1, tries_until=NOW + 60)
    assert store.count_try(NUMBER, a_guess(NOW + 1, 60)) == Code(NUMBER, tries=2, tries_until=NOW + 60)
    assert store.count_try(NUMBER, a_guess(NOW + 59, 60)) == Code(NUMBER, tries=3, tries_until=NOW + 60)
    assert store.count_try(NUMBER, a_guess(NOW + 60, 60)) == Code(NUMBER, tries=1, tries_until=NOW + 120)
    assert store.get_code(NUMBER) == Code(NUMBER, tries=1, tries_until=NOW + 120)
    assert store.get_code(OTHER) is None


def test_guesses_tell_what_is_known(store: WholeStore) -> None:
    """The code comes back with the count, also when a new window begins."""
    store.save_code(None, a_code(), TTL)
    assert store.count_try(NUMBER, a_guess(NOW + 10, 60)) == a_code(tries=1)
    assert store.count_try(NUMBER, a_guess(NOW + 3599, 60)) == a_code(tries=2)
    assert store.count_try(NUMBER, a_guess(NOW + 3600, 60)) == a_code(tries=1, tries_until=NOW + 3660)


def test_a_code_is_proven_once(store: WholeStore) -> None:
    code = a_code()
    assert store.save_code(None, code, NOW)
    assert code.digest is not None
    assert not store.mark_proven(NUMBER, bytes(32), 0)
    assert [store.mark_proven(NUMBER, code.digest, 0) for _ in range(3)] == [True, False, False]
    assert store.get_code(NUMBER) == replace(code, proven=True)
    assert store.count_try(NUMBER, a_guess(NOW, 60)).proven


def test_the_next_code_is_not_proven_by_the_last(store: WholeStore) -> None:
    """Unless the next one is taken back: what was proven before stays so."""
    code = a_code()
    assert store.save_code(None, code, NOW)
    assert code.digest is not None
    store.mark_proven(NUMBER, code.digest, 0)
    proven = store.get_code(NUMBER)
    assert proven is not None
    assert store.save_code(proven, LATER, NOW)
    assert store.get_code(NUMBER) == LATER
    assert store.save_code(LATER, proven, NOW)
    assert store.get_code(NUMBER) == proven
    assert not store.mark_proven(NUMBER, code.digest, 0)


def test_a_code_is_refused_where_the_one_before_was_used_up(store: WholeStore) -> None:
    """Whoever saves it may take it back, and must not bring back a code that was used."""
    store.save_code(None, a_code(), TTL)
    store.count_try(NUMBER, a_guess(NOW + 5, 3600))
    store.commit(consume())
    used = store.get_code(NUMBER)
    assert not store.save_code(a_code(), LATER, TTL)
    assert store.get_code(NUMBER) == used


def test_nothing_is_proven_of_a_number_that_got_no_code(store: WholeStore) -> None:
    assert not store.mark_proven(NUMBER, bytes(32), 0)
    assert store.get_code(NUMBER) is None


def test_a_code_that_is_used_up_is_no_longer_proven(store: WholeStore) -> None:
    code = a_code()
    store.save_code(None, code, NOW)
    store.count_try(NUMBER, a_guess(NOW, 60))
    assert code.digest is not None
    store.mark_proven(NUMBER, code.digest, 0)
    store.commit(ConsumeCode(NUMBER, code.digest, NOW))
    used = store.get_code(NUMBER)
    assert used is not None
    assert not used.proven


def test_a_sending_can_be_taken_back(store: WholeStore) -> None:
    """The number is then as one that no code was sent to."""
    code = a_code()
    store.save_code(None, code, NOW)
    nothing = replace(code, digest=None, expires_at=0, sent=())
    assert store.save_code(code, nothing, NOW)
    assert store.get_code(NUMBER) == nothing
    assert store.save_code(nothing, code, NOW)
    assert store.get_code(NUMBER) == code


@pytest.mark.security("F21")
def test_a_code_whose_use_was_not_answered_is_good_again(store: WholeStore) -> None:
    """By the decision that used it up alone, and once; another code that came meanwhile stays."""
    store.save_code(None, a_code(tries=2), TTL)
    used = consume(decision="one")
    store.reopen_code(used, NOW + 600)
    assert store.get_code(NUMBER) == a_code(tries=2), "it was not used"
    store.commit(used)
    store.reopen_code(consume(decision="another"), NOW + 600)
    assert store.get_code(NUMBER) == a_code(digest=None, expires_at=0, tries=1)
    store.reopen_code(used, NOW + 600)
    assert store.get_code(NUMBER) == a_code(tries=1)
    store.commit(replace(used, decision="two"))
    store.reopen_code(used, NOW + 600)
    before = a_code(digest=None, expires_at=0, tries=0)
    assert store.get_code(NUMBER) == before
    assert store.save_code(before, LATER, TTL)
    store.reopen_code(replace(used, decision="two"), NOW + 600)
    assert store.get_code(NUMBER) == LATER
    store.reopen_code(replace(used, number=OTHER), NOW + 600)
    assert store.get_code(OTHER) is None


@pytest.mark.security("F13")
def test_a_code_keeps_its_client_and_its_purpose(store: WholeStore) -> None:
    for client_id, purpose in (("web", "reset"), ("app", None), (None, None)):
        before = store.get_code(NUMBER)
        code = a_code(client_id=client_id, purpose=purpose, sent=(NOW, len(client_id or "")))
        assert store.save_code(before, code, TTL)
        known = store.get_code(NUMBER)
        assert known is not None
        assert (known.client_id, known.purpose) == (client_id, purpose)


@pytest.mark.security("F14")
def test_guesses_at_a_name_are_counted_apart(store: WholeStore) -> None:
    """In a window of their own; the code counts both, and a new code begins anew."""
    store.save_code(None, a_code(), TTL)
    store.count_try(NUMBER, a_guess(NOW, 60))
    known = store.count_try(NUMBER, a_guess(NOW, 60, by_name=True))
    assert (known.tries, known.name_tries, known.name_tries_until, known.guesses) == (1, 1, NOW + 60, 2)
    known = store.count_try(NUMBER, a_guess(NOW + 60, 60, by_name=True))
    assert (known.tries, known.name_tries, known.name_tries_until, known.guesses) == (1, 1, NOW + 120, 3)
    assert store.save_code(known, replace(LATER, tries_until=known.tries_until, guesses=0), TTL)
    renewed = store.get_code(NUMBER)
    assert renewed is not None
    assert (renewed.tries, renewed.name_tries, renewed.guesses) == (1, 1, 0)


@pytest.mark.security("F14")
def test_a_guess_that_is_refused_does_not_count_for_the_code(store: WholeStore) -> None:
    store.save_code(None, a_code(), TTL)
    seen = [store.count_try(NUMBER, a_guess(NOW, 60, tries=2)) for _ in range(4)]
    assert [(known.tries, known.guesses) for known in seen] == [(1, 1), (2, 2), (3, 2), (4, 2)]


@pytest.mark.security("F14")
def test_a_code_used_by_name_takes_its_guess_back_there(store: WholeStore) -> None:
    store.save_code(None, a_code(), TTL)
    store.count_try(NUMBER, a_guess(NOW, 60))
    store.count_try(NUMBER, a_guess(NOW, 60, by_name=True))
    store.commit(consume(by_name=True))
    known = store.get_code(NUMBER)
    assert known is not None
    assert (known.tries, known.name_tries) == (1, 0)


@pytest.mark.security("F40")
def test_the_day_of_a_proof_is_kept(store: WholeStore) -> None:
    """By whatever way the code came back, and beyond the next one."""
    code = a_code()
    assert code.digest is not None
    store.save_code(None, code, TTL)
    assert store.mark_proven(NUMBER, code.digest, 7)
    known = store.get_code(NUMBER)
    assert known is not None
    assert known.proof_day == 7
    store.count_try(NUMBER, a_guess(NOW, 60))
    store.commit(consume(proof_day=8))
    used = store.get_code(NUMBER)
    assert used is not None
    assert store.save_code(used, replace(LATER, tries=used.tries), TTL)
    known = store.get_code(NUMBER)
    assert known is not None
    assert known.proof_day == 8


@pytest.mark.security("F23")
def test_a_sending_that_was_taken_back_is_saved_no_more(store: WholeStore) -> None:
    """Its write may arrive late."""
    before = a_code()
    store.save_code(None, before, TTL)
    assert store.save_code(before, replace(before, unsent="late"), TTL)
    assert not store.save_code(before, LATER, TTL, "late")
    assert store.get_code(NUMBER) == before
    assert store.save_code(before, LATER, TTL, "another")
