"""The life of a session against a model of it that a reader can check by eye.

Hypothesis plays owner, thief and clock: it issues, refreshes, retries, steals, forges, narrows, revokes and
lets time pass in any order, on memory and on the reference store, and holds each answer against the model.
"""

from dataclasses import dataclass, field
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from lingpai import bootstrap
from lingpai.accounts import ended_accounts
from lingpai.accounts import service as accounts
from lingpai.accounts.model import User
from lingpai.clients.service import new_client
from lingpai.kernel.errors import LingpaiError
from lingpai.sessions import rotation, token_family
from lingpai.sessions import service as sessions
from lingpai.sessions.model import Session, TokenSet
from tests.support import stores
from tests.support.memory_store import MemoryStore
from tests.support.time import Time

GRACE = 30
# By client: one with a secret, and a public one.
RETRY = {"hers": 600, "another": 60}
# A session that ends soon after its first refresh token would: so its absolute end is met often.
ACCESS, REFRESH, SESSION = 100, 1000, 1020
SCOPE = ("read", "write")
OWNERS = {
    name: new_client(
        name, "standard", secret, scopes=SCOPE, access_ttl=ACCESS, refresh_ttl=REFRESH, session_ttl=SESSION
    )
    for name, secret in (("hers", "secret"), ("another", None))
}


@dataclass
class Family:
    """What the model knows of a session. `refresh` and `access` are the tokens ever given, newest last."""

    client: str
    ends_at: int
    refresh: list[str] = field(default_factory=list)
    access: list[str] = field(default_factory=list)
    scope: dict[str, tuple[str, ...]] = field(default_factory=dict)
    expires_at: dict[str, int] = field(default_factory=dict)
    replaced_at: dict[str, int] = field(default_factory=dict)
    rotated_at: int = -GRACE - 1
    alive: bool = True

    def current(self, tokens: list[str], token: str) -> bool:
        return tokens[-1] == token

    def previous(self, tokens: list[str], token: str, now: int) -> bool:
        return len(tokens) > 1 and tokens[-2] == token and now <= self.rotated_at + GRACE

    def repeats(self, token: str, now: int) -> bool:
        """Whether a replaced refresh token still gets the pair of now."""
        span = RETRY[self.client] if self.refresh[-2:-1] == [token] else GRACE
        return token in self.replaced_at and now <= self.replaced_at[token] + span


class SessionLife(RuleBasedStateMachine):
    """One user, two clients, any number of sessions."""

    refresh_tokens = Bundle("refresh_tokens")

    def __init__(self, store: Any) -> None:
        super().__init__()
        self.time = Time()
        self.services = bootstrap.build(stores.settings(refresh_grace=GRACE), store, self.time.clock())
        # In one moment, which is all the time there is here, two ids may be the same: `add` then draws again.
        user_id = accounts.add(self.services, User(id=self.services.clock.new_user_id(), created_at=self.now))
        self.user = User(id=user_id, created_at=self.now)
        self.families: dict[str, Family] = {}

    @property
    def now(self) -> int:
        return self.services.clock.now()

    def family(self, token: str) -> Family:
        return self.families[token.partition(".")[0]]

    def learn(self, family: Family, tokens: TokenSet, scope: tuple[str, ...]) -> str:
        """A fresh pair: new to the family, of the promised scope and life."""
        assert tokens.refresh_token is not None
        for kind, token, ttl in (
            (family.refresh, tokens.refresh_token, REFRESH),
            (family.access, tokens.access_token, ACCESS),
        ):
            assert token not in family.expires_at
            kind.append(token)
            family.expires_at[token] = min(self.now + ttl, family.ends_at)
            family.scope[token] = scope
        assert tokens.scope == scope
        assert tokens.expires_in == family.expires_at[tokens.access_token] - self.now
        assert tokens.user_id == self.user.id
        return tokens.refresh_token

    def present(self, token: str, client: str, scope: tuple[str, ...] | None = None) -> TokenSet | str:
        """Refresh; gives the tokens, or the error's code."""
        try:
            return rotation.refresh(self.services, OWNERS[client], token, scope)
        except LingpaiError as error:
            return error.code

    def opened(self, token: str) -> Session | None:
        """The session that an access token opens, if it does."""
        try:
            return sessions.check(self.services.store, token, self.now, GRACE)
        except LingpaiError:
            return None

    @rule(target=refresh_tokens, client=st.sampled_from(sorted(OWNERS)))
    def issue(self, client: str) -> str:
        tokens = sessions.issue(self.services, OWNERS[client], SCOPE, self.user.id)
        family = Family(client, ends_at=self.now + SESSION)
        self.families[tokens.access_token.partition(".")[0]] = family
        return self.learn(family, tokens, SCOPE)

    @rule(target=refresh_tokens, token=refresh_tokens, scope=st.sampled_from([None, ("read",), SCOPE]))
    def refresh(self, token: str, scope: tuple[str, ...] | None) -> Any:
        """Present any refresh token ever given: the current, the one before, or a stolen old one."""
        family = self.family(token)
        outcome = self.present(token, family.client, scope)
        if family.alive and family.current(family.refresh, token):
            if self.now < min(family.expires_at[token], family.ends_at):
                assert isinstance(outcome, TokenSet)
                family.rotated_at = family.replaced_at[token] = self.now
                return self.learn(family, outcome, scope or SCOPE)
            assert outcome == "invalid_grant"
        elif family.alive and family.repeats(token, self.now):
            newest = family.access[-1]
            if family.ends_at <= self.now:
                assert outcome == "invalid_grant"
            elif scope is not None and set(scope) != set(family.scope[newest]):
                assert outcome == "invalid_scope"
            else:
                assert isinstance(outcome, TokenSet)
                assert (outcome.access_token, outcome.refresh_token) == (newest, family.refresh[-1])
                assert outcome.scope == family.scope[newest]
                assert outcome.expires_in == max(0, family.expires_at[newest] - self.now)
        else:
            assert outcome == "invalid_grant"
            family.alive = False
        return multiple()

    @rule(token=refresh_tokens)
    def widen(self, token: str) -> None:
        """More than was granted is refused, and the good token stays good."""
        family = self.family(token)
        if family.alive and family.current(family.refresh, token):
            expected = "invalid_scope" if self.now < family.expires_at[token] else "invalid_grant"
            assert self.present(token, family.client, ("read", "admin")) == expected

    @rule(token=refresh_tokens)
    def steal_by_another_client(self, token: str) -> None:
        """Another client presents it: refused, nothing changes."""
        other = next(name for name in OWNERS if name != self.family(token).client)
        assert self.present(token, other) == "invalid_grant"

    @rule(token=refresh_tokens, place=st.integers(0, 31), bit=st.integers(0, 7))
    def alter(self, token: str, place: int, bit: int) -> None:
        """One bit of a secret is altered: nobody issued that, so it is refused and nothing changes."""
        presented = sessions.parse(token)
        assert presented is not None
        secret = bytearray(presented.secret)
        secret[place] ^= 1 << bit
        forged = sessions.token_text(presented.key, bytes(secret))
        assert self.present(forged, self.family(token).client) == "invalid_grant"

    @rule(token=refresh_tokens)
    def make_up(self, token: str) -> None:
        """The right selector with a made-up secret: the same."""
        forged = token.partition(".")[0] + "." + "A" * 43
        assert self.present(forged, self.family(token).client) == "invalid_grant"

    @rule(token=refresh_tokens)
    def forge(self, token: str) -> None:
        """Who holds any token of the family makes one as if just issued: it gets nothing, as it was stolen."""
        presented = sessions.parse(token)
        assert presented is not None
        key = token_family._family_key(presented.secret)
        forged = sessions.token_text(presented.key, token_family.first_secret(b"forged by thief!" + key, self.now))
        assert self.present(forged, self.family(token).client) == "invalid_grant"
        self.family(token).alive = False

    @rule(token=consumes(refresh_tokens))
    def revoke(self, token: str) -> None:
        presented = sessions.parse(token)
        assert presented is not None
        sessions.end(self.services.store, presented.key)
        self.family(token).alive = False

    @rule(
        seconds=st.sampled_from(
            [1, GRACE - 1, GRACE, GRACE + 1, 60, 61, ACCESS - 1, ACCESS, 599, 600, REFRESH - 1, REFRESH]
        )
    )
    def pass_time(self, seconds: int) -> None:
        self.time.advance(seconds)

    @rule(target=refresh_tokens, token=refresh_tokens, beyond=st.sampled_from([-1, 0, 1]))
    def outlive(self, token: str, beyond: int) -> Any:
        """Refresh in a token's last second, then go to the end of its session, or the second beside it."""
        family = self.family(token)
        self.time.advance(max(0, family.expires_at[token] - 1 - self.now))
        fresh = self.refresh(token, None)
        self.time.advance(max(0, family.ends_at + beyond - self.now))
        return fresh

    @rule()
    def end_all(self) -> None:
        ended_accounts.end_all(self.services, self.user.id)
        for family in self.families.values():
            family.alive = False

    @invariant()
    def access_tokens_open_what_they_should(self) -> None:
        """The last three access tokens of each of the last few families, each by its own rule."""
        for family in list(self.families.values())[-3:]:
            for token in family.access[-3:]:
                good = family.alive and self.now < family.expires_at[token]
                if not family.current(family.access, token):
                    good = good and family.previous(family.access, token, self.now)
                session = self.opened(token)
                assert (session is not None) == good
                if session is not None:
                    assert session.access_scope == family.scope[token]
                    assert session.client_id == family.client

    @invariant()
    def refresh_tokens_open_nothing(self) -> None:
        """A refresh token is no access token."""
        for family in list(self.families.values())[-1:]:
            assert self.opened(family.refresh[-1]) is None


def test_the_life_of_a_session_in_memory() -> None:
    run_state_machine_as_test(
        lambda: SessionLife(MemoryStore()),  # type: ignore[arg-type]  # any factory will do
        settings=settings(max_examples=150, stateful_step_count=40, deadline=None, print_blob=True),
    )


def test_the_life_of_a_session_on_the_reference(reference: Any) -> None:
    run_state_machine_as_test(
        lambda: SessionLife(reference),  # type: ignore[arg-type]  # any factory will do
        settings=settings(
            max_examples=15,
            stateful_step_count=25,
            deadline=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
