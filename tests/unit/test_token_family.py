"""The secrets of a token family: each follows from the one before and a salt, and from nothing that is stored."""

import os
from dataclasses import replace

import hypothesis.strategies as st
import pytest
from hypothesis import given

from lingpai import bootstrap
from lingpai.clients.service import new_client
from lingpai.sessions import rotation, token_family
from lingpai.sessions import service as sessions
from lingpai.sessions.dynamodb import serialize_replaced, serialize_session
from lingpai.sessions.model import Session
from lingpai.sessions.service import Presented
from tests.support import stores
from tests.support.memory_store import MemoryStore
from tests.support.time import Time

pytestmark = pytest.mark.security("F16")

GRACE = 30
CLIENT = new_client("web", "standard", "secret", scopes=("read",))


class Family:
    """A session in memory that is refreshed after these pauses, and the secrets that it gave out, newest last."""

    def __init__(self, pauses: list[int]) -> None:
        self.time = Time()
        self.services = bootstrap.build(stores.settings(refresh_grace=GRACE), MemoryStore(), self.time.clock())
        tokens = sessions.issue(self.services, CLIENT, ("read",), 7)
        self.given = [(self.taken(tokens.access_token), self.taken(tokens.refresh_token), int(self.time.at))]
        for pause in pauses:
            self.time.advance(pause)
            tokens = rotation.refresh(self.services, CLIENT, tokens.refresh_token or "", None)
            self.given.append((self.taken(tokens.access_token), self.taken(tokens.refresh_token), int(self.time.at)))

    def taken(self, token: str | None) -> Presented:
        presented = sessions.parse(token or "")
        assert presented is not None
        return presented

    @property
    def session(self) -> Session:
        session = self.services.store.get_session(self.given[0][0].key)
        assert session is not None
        return session


@given(st.lists(st.sampled_from([0, 0, 1, 5, GRACE, GRACE + 1, 2 * GRACE, 3600]), max_size=12))
def test_an_older_secret_leads_to_the_pair_of_now_or_nowhere(pauses: list[int]) -> None:
    """To the pair for the whole grace time at least, nowhere once thrice that time has passed before a rotation."""
    family = Family(pauses)
    session, now = family.session, family.time.at
    access, refresh, _ = family.given[-1]
    for (_, older, _), (_, _, replaced_at) in zip(family.given, family.given[1:], strict=False):
        found = token_family.current_pair(session, older.secret)
        last = older == family.given[-2][1]
        if found is None:
            assert replaced_at < now - GRACE
            assert not last
        else:
            assert found == (access.secret, refresh.secret, replaced_at)
            assert last or replaced_at >= now - 3 * (GRACE + 1)


@given(st.lists(st.sampled_from([0, 1, GRACE + 1, 3600]), max_size=6), st.integers(0, 255))
def test_what_was_given_out_is_known_and_an_altered_bit_is_not(pauses: list[int], bit: int) -> None:
    family = Family(pauses)
    for _, refresh, issued_at in family.given:
        assert token_family.has_issued(family.session, refresh.secret)
        assert token_family.issued_at(refresh.secret) == issued_at
        altered = (int.from_bytes(refresh.secret) ^ 1 << bit).to_bytes(32)
        assert not token_family.has_issued(family.session, altered)
        assert token_family.current_pair(family.session, altered) is None
    assert not token_family.has_issued(family.session, os.urandom(32))


def test_another_family_has_not_issued_it() -> None:
    secret = Family([0])
    assert not token_family.has_issued(Family([0]).session, secret.given[0][1].secret)


def test_nothing_that_is_stored_makes_a_secret() -> None:
    """No part of a secret is in the item, and none of what is in it is a secret, or its family's key."""
    family = Family([0, 5, 5, 40])
    session = family.session
    stored = repr(serialize_session(session, 0)).encode() + b"".join(
        [session.salt or b"", session.previous_refresh_hash or b"", session.previous_access_hash or b""]
        + [serialize_replaced(step) for step in session.earlier + session.recent]
    )
    raw = (
        b"".join(value["B"] for value in serialize_session(session, 0).values() if isinstance(value.get("B"), bytes))
        + stored
    )
    for access, refresh, _ in family.given:
        assert access.secret[:8] not in raw
        assert refresh.secret[:8] not in raw
        assert refresh.secret[20:28] not in raw
        assert token_family._family_key(refresh.secret)[:8] not in raw
    for piece in (session.salt or b"", session.refresh_hash or b"", session.family_hash or b""):
        assert not token_family.has_issued(session, piece.ljust(32, b"\0")[:32])
        assert token_family.current_pair(session, piece.ljust(32, b"\0")[:32]) is None


def test_an_old_secret_and_the_steps_that_are_left_lead_nowhere() -> None:
    """The salts of the rotations in between are gone from the table, too."""
    family = Family([0, 3600, 3600, 3600])
    assert len(family.session.earlier + family.session.recent) == 1
    for _, refresh, _ in family.given[:-2]:
        assert token_family.current_pair(family.session, refresh.secret) is None


def test_the_secret_of_old_gets_a_family_with_its_rotation() -> None:
    old = bytes(range(32))
    following = token_family.next_refresh(old, b"salt", 1_900_000_000)
    assert token_family.key_hash(following) == token_family.key_hash(old)
    session = replace(Family([]).session, family_hash=token_family.key_hash(old))
    assert token_family.has_issued(session, following)
