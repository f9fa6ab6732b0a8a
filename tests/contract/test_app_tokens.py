"""The apps' tokens at providers: claimed, renewed and released, on every store; and by 32 callers at once."""

from dataclasses import replace
from functools import partial

import pytest

from lingpai.identity_providers.model import AppToken
from lingpai.store import DynamoStore
from tests.support.races import RACERS, race
from tests.support.samples import NOW, WholeStore

APP = "wechat:wx0123456789abcdef"
NOTHING = AppToken(APP)
TOKEN = AppToken(APP, b"sealed one", NOW + 7200)
FIRST, SECOND = b"claim-1-", b"claim-2-"
UNTIL = NOW + 10


def put(store: WholeStore, token: AppToken, claim: bytes = FIRST) -> None:
    assert store.claim_app_token(store.get_app_token(token.app), claim, NOW, UNTIL)
    assert store.put_app_token(token, claim)


def test_what_is_put_by_a_claim_is_found(store: WholeStore) -> None:
    assert store.get_app_token(APP) == NOTHING
    assert store.claim_app_token(NOTHING, FIRST, NOW, UNTIL)
    assert store.get_app_token(APP) == replace(NOTHING, claimed_until=UNTIL)
    assert store.put_app_token(TOKEN, FIRST)
    assert store.get_app_token(APP) == TOKEN
    newer = replace(TOKEN, sealed=b"sealed two", expires_at=NOW + 9000)
    put(store, newer, SECOND)
    assert store.get_app_token(APP) == newer


def test_apps_have_tokens_of_their_own(store: WholeStore) -> None:
    put(store, TOKEN)
    other = replace(TOKEN, app="wechat:wxfedcba9876543210", sealed=b"sealed other")
    assert store.get_app_token(other.app) == AppToken(other.app)
    put(store, other)
    assert (store.get_app_token(APP), store.get_app_token(other.app)) == (TOKEN, other)


def test_a_claim_lasts_until_its_time(store: WholeStore) -> None:
    put(store, TOKEN)
    assert store.claim_app_token(TOKEN, FIRST, NOW, UNTIL)
    assert not store.claim_app_token(TOKEN, SECOND, UNTIL - 1, UNTIL + 9)
    assert store.get_app_token(APP) == replace(TOKEN, claimed_until=UNTIL)
    assert store.claim_app_token(TOKEN, SECOND, UNTIL, UNTIL + 10)
    assert store.get_app_token(APP) == replace(TOKEN, claimed_until=UNTIL + 10)


def test_a_claim_is_for_the_token_that_was_seen(store: WholeStore) -> None:
    """Whoever saw no token, or the one before, comes too late for a renewal."""
    put(store, TOKEN)
    for seen in (NOTHING, replace(TOKEN, sealed=b"sealed zero")):
        assert not store.claim_app_token(seen, FIRST, NOW, UNTIL)
    assert store.get_app_token(APP) == TOKEN


def test_a_claim_puts_one_token(store: WholeStore) -> None:
    put(store, TOKEN)
    assert not store.put_app_token(replace(TOKEN, sealed=b"again"), FIRST)
    assert not store.put_app_token(replace(TOKEN, sealed=b"never claimed"), SECOND)
    assert store.get_app_token(APP) == TOKEN


def test_a_late_renewal_replaces_no_later_token(store: WholeStore) -> None:
    """Whose claim has ended loses it to the next one, before and after that one's renewal."""
    assert store.claim_app_token(NOTHING, FIRST, NOW, UNTIL)
    assert store.claim_app_token(store.get_app_token(APP), SECOND, UNTIL, UNTIL + 10)
    late = replace(TOKEN, sealed=b"late")
    assert not store.put_app_token(late, FIRST)
    store.release_app_token(APP, FIRST)
    assert store.get_app_token(APP) == replace(NOTHING, claimed_until=UNTIL + 10)
    assert store.put_app_token(TOKEN, SECOND)
    assert not store.put_app_token(late, FIRST)
    assert store.get_app_token(APP) == TOKEN


def test_a_claim_that_nobody_took_over_may_come_late(store: WholeStore) -> None:
    assert store.claim_app_token(NOTHING, FIRST, NOW, UNTIL)
    assert store.put_app_token(TOKEN, FIRST)
    assert store.get_app_token(APP) == TOKEN


def test_a_released_claim_is_free(store: WholeStore) -> None:
    put(store, TOKEN)
    assert store.claim_app_token(TOKEN, FIRST, NOW, UNTIL)
    store.release_app_token(APP, FIRST)
    assert store.get_app_token(APP) == TOKEN
    assert not store.put_app_token(replace(TOKEN, sealed=b"released"), FIRST)
    assert store.claim_app_token(TOKEN, SECOND, NOW, UNTIL)
    store.release_app_token(APP, FIRST)
    assert store.put_app_token(replace(TOKEN, sealed=b"sealed two"), SECOND)


def test_to_release_what_is_not_there_does_nothing(store: WholeStore) -> None:
    store.release_app_token(APP, FIRST)
    assert store.get_app_token(APP) == NOTHING


def test_the_token_is_not_shown() -> None:
    assert repr(TOKEN) == f"AppToken(app='{APP}', expires_at={NOW + 7200}, claimed_until=0)"


@pytest.mark.parametrize("seen", [NOTHING, TOKEN], ids=["first", "next"])
def test_one_of_many_claims_it(reference: DynamoStore, seen: AppToken) -> None:
    """And all of them put: the token of the one that has the claim is kept."""
    if seen.sealed:
        assert reference.claim_app_token(NOTHING, FIRST, NOW, UNTIL)
        assert reference.put_app_token(seen, FIRST)

    def renew(number: int) -> tuple[bool, bool]:
        claim = bytes([number]) * 8
        claimed = reference.claim_app_token(seen, claim, NOW, UNTIL)
        return claimed, reference.put_app_token(replace(TOKEN, sealed=claim), claim)

    outcomes = race([partial(renew, number) for number in range(RACERS)])
    (winner,) = [number for number, outcome in enumerate(outcomes) if outcome == (True, True)]
    assert outcomes.count((False, False)) == RACERS - 1
    assert reference.get_app_token(APP) == replace(TOKEN, sealed=bytes([winner]) * 8)
