"""Races on the reference store: 32 callers at once, and what may come out of it and what never."""

import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from lingpai.accounts import closing, identities, last_admin, roles
from lingpai.accounts import service as accounts
from lingpai.accounts.model import Email, RoleBook, User
from lingpai.accounts.storage import ChangeUser, CheckUser, PutUser
from lingpai.authentication import factors, password_change
from lingpai.authorization import codes, request
from lingpai.bootstrap import build
from lingpai.clients.model import Client
from lingpai.clients.service import new_client
from lingpai.dpop import service as dpop
from lingpai.http.request import Request
from lingpai.identity_providers.model import Identity
from lingpai.kernel.errors import LingpaiError
from lingpai.kernel.writes import Conflict, Write
from lingpai.passwords import service as passwords
from lingpai.rate_limits import service as rate_limits
from lingpai.services import Services
from lingpai.sessions import rotation
from lingpai.sessions import service as sessions
from lingpai.sessions.model import SessionKey, TokenSet
from lingpai.sessions.storage import PutSession
from lingpai.sms.senders.console import ConsoleSender
from lingpai.sms_codes import service as sms_codes
from lingpai.sms_codes.model import Presenter
from lingpai.store import DynamoStore
from tests.support import logins
from tests.support.browsers import CALLBACK, VERIFIER, browser_login, request_pairs, web_app
from tests.support.contention import queued_or_refused, racing_store
from tests.support.dialects import ISSUER
from tests.support.dpop import ProofKey
from tests.support.races import RACERS, race, refusals, won
from tests.support.samples import NUMBER, WholeStore, a_code, a_guess, a_rotation, a_session, consume, open_sessions
from tests.support.time import START, Time

if TYPE_CHECKING:
    from lingpai.kernel.language import Language

CLIENT = new_client("web-client", "spring", "web-secret", scopes=("web",), sign_provider="trusted")
HERE = Presenter(CLIENT, "192.0.2.1")
OTHER_CLIENT = new_client("app-client", "spring", "app-secret", scopes=("web",))
OLD, NEW = "correct horse battery", "battery staple correct"
OPENID = Identity("trusted", "default", "o-1")


@pytest.fixture
def services(request: pytest.FixtureRequest, reference: DynamoStore) -> Services:
    """The use cases on DynamoDB Local, with a clock that stands still."""
    store = racing_store(request, reference)
    return build(reference.settings, store, Time().clock())


def everybody(services: Services) -> list[User]:
    """All accounts."""
    page = services.store.list_users(1000, None)
    assert page.next is None
    return list(page.users)


def add(services: Services, number: int = 0, **fields: Any) -> int:
    """An account, the `number`th of its test."""
    user = User(id=1000 + number, created_at=START, username=f"user {number}")
    return accounts.add(services, replace(user, **fields))


def with_password(services: Services) -> int:
    """Alice, who logs in by OLD."""
    return add(services, username="alice", password=passwords.hash_password(OLD, services.settings))


def log_in(services: Services, password: str = OLD) -> TokenSet:
    """Alice logs in by a password."""
    return logins.by_password(services, CLIENT, ("web",), "alice", password, "192.0.2.1")


def log_in_by_code(services: Services, code: str) -> TokenSet:
    """The holder of NUMBER logs in."""
    return logins.by_code(services, CLIENT, ("web",), NUMBER, code, HERE)


def log_in_by_openid(services: Services) -> TokenSet:
    """The holder of OPENID logs in."""
    return logins.by_identity(services, CLIENT, ("web",), OPENID)


def send(services: Services, client_id: str = "web-client") -> None:
    """Send a code to NUMBER."""
    sms_codes.send(services, sms_codes.SendRequest(NUMBER, client_id, "en"), "192.0.2.1")


def outbox(services: Services) -> list[str]:
    """The codes sent."""
    assert isinstance(services.sms, ConsoleSender)
    return [message.code for message in services.sms.outbox]


def sent_code(services: Services) -> str:
    """Send a code to NUMBER; gives it."""
    send(services)
    return outbox(services)[-1]


def wrong_codes(right: str, count: int) -> list[str]:
    """So many others."""
    return [f"{(int(right) + i) % 1_000_000:06d}" for i in range(1, count + 1)]


def key_of(token: str | None) -> SessionKey:
    """The session that a token belongs to."""
    presented = sessions.parse(token or "")
    assert presented is not None
    return presented.key


def everywhere[T](call: Callable[[], T], count: int = RACERS) -> list[Callable[[], T]]:
    """The same call by everybody."""
    return [call] * count


# --- names ------------------------------------------------------------------------------------------------


@queued_or_refused
def test_a_name_is_registered_once(services: Services) -> None:
    """However it is spelled: one account, 31 clear refusals, and nothing left of the losers."""
    spellings = ("wanda", "WANDA", "Ｗanda", "wAnda")
    outcomes = race(
        [
            partial(accounts.register, services, spellings[i % 4], f"password of racer {i}", f"192.0.2.{i}")
            for i in range(RACERS)
        ]
    )
    (user_id,) = won(outcomes)
    assert refusals(outcomes) == {"409 conflict username_taken": RACERS - 1}
    (user,) = everybody(services)
    winner = outcomes.index(user_id)
    assert (user.id, user.username) == (user_id, spellings[winner % 4])
    assert services.store.find_user_id(identities.username_key("wanda")) == user_id
    assert passwords.verify(f"password of racer {winner}", user.password, services.settings)


def test_different_names_are_registered_all(services: Services) -> None:
    """Ids drawn in the same millisecond may meet: they are drawn again, and every account has its own."""
    low = services.clock.new_user_id() >> 12 << 12
    for taken in range(0, 4096, 100):
        services.store.commit(PutUser(User(low | taken, START)))
    outcomes = race(
        [
            partial(accounts.register, services, f"racer {i}", "long enough to keep", f"192.0.2.{i}")
            for i in range(RACERS)
        ]
    )
    assert len(set(won(outcomes))) == RACERS
    found = {user.username: user.id for user in everybody(services) if user.username}
    assert found == {f"racer {i}": user_id for i, user_id in enumerate(outcomes)}


@queued_or_refused
def test_a_number_is_given_to_one_account(services: Services) -> None:
    """32 accounts want it; one has it, and the others keep what they had."""
    ids = [add(services, i, mobile=f"+86138000000{i:02d}") for i in range(RACERS)]
    outcomes = race([partial(factors.link, services, user_id, NUMBER, None, None, HERE) for user_id in ids])
    (winner,) = won(outcomes)
    assert refusals(outcomes) == {"409 conflict mobile_taken": RACERS - 1}
    assert services.store.find_user_id(identities.mobile_key(NUMBER)) == winner.id
    for i, user_id in enumerate(ids):
        user = services.store.get_user(user_id)
        own = identities.mobile_key(f"+86138000000{i:02d}")
        assert user is not None
        assert user.mobile == (NUMBER if user_id == winner.id else own.removeprefix("mobile:"))
        assert services.store.find_user_id(own) == (None if user_id == winner.id else user_id)


@queued_or_refused
def test_an_email_address_is_given_to_one_account(services: Services) -> None:
    """In whatever case, and whether or not those who want it have proven it."""
    spellings = (Email("Mei.Lin@example.com", verified=True), Email("mei.lin@example.com"))
    ids = [add(services, i) for i in range(RACERS)]

    def with_address(email: Email, user: User) -> User:
        return replace(user, email=email)

    outcomes = race(
        [
            partial(accounts.change, services, user_id, partial(with_address, spellings[i % 2]))
            for i, user_id in enumerate(ids)
        ]
    )
    (winner,) = won(outcomes)
    assert refusals(outcomes) == {"409 conflict email_taken": RACERS - 1}
    assert services.store.find_user_id(identities.email_key("mei.lin@example.com")) == winner.id
    assert [user.id for user in everybody(services) if user.email is not None] == [winner.id]


@queued_or_refused
def test_a_proven_number_is_given_to_one_account(services: Services) -> None:
    """The code is used up once, by the account that has the number then."""
    ids = [add(services, i) for i in range(services.settings.code_tries)]
    code = sent_code(services)
    outcomes = race([partial(factors.link, services, user_id, NUMBER, code, None, HERE) for user_id in ids])
    (winner,) = won(outcomes)
    assert set(refusals(outcomes)) <= {"409 conflict mobile_taken", "400 invalid_grant bad_code"}
    assert services.store.find_user_id(identities.mobile_key(NUMBER)) == winner.id
    assert [user.id for user in everybody(services) if user.mobile == NUMBER] == [winner.id]
    known = services.store.get_code(NUMBER)
    assert known is not None
    assert known.digest is None


@queued_or_refused
def test_an_account_that_is_given_many_numbers_has_one(services: Services) -> None:
    """Whoever changed it last: the names that find it are those that it has."""
    user_id = add(services)
    numbers = [f"+86138000000{i:02d}" for i in range(RACERS)]
    outcomes = race([partial(factors.link, services, user_id, number, None, None, HERE) for number in numbers])
    assert won(outcomes)
    assert set(refusals(outcomes)) <= {"409 conflict changed_meanwhile"}
    user = services.store.get_user(user_id)
    assert user is not None
    finding = [number for number in numbers if services.store.find_user_id(identities.mobile_key(number)) is not None]
    assert finding == [user.mobile]


# --- first logins -----------------------------------------------------------------------------------------


@queued_or_refused
def test_a_code_opens_one_session_and_makes_one_account(services: Services) -> None:
    """The first login of a number, 32 times by the same right code; the number's guesses hold as well."""
    code = sent_code(services)
    outcomes = race(everywhere(partial(log_in_by_code, services, code)))
    (tokens,) = won(outcomes)
    refused = refusals(outcomes)
    assert set(refused) <= {"400 invalid_grant bad_code", "429 too_many_requests too_many_tries"}
    assert refused["400 invalid_grant bad_code"] <= services.settings.code_tries
    (user,) = everybody(services)
    assert (user.id, user.mobile) == (tokens.user_id, NUMBER)
    assert services.store.sessions_of(user.id) == (key_of(tokens.access_token),)


@queued_or_refused
def test_a_code_opens_one_session_of_a_known_account(services: Services) -> None:
    user_id = add(services, mobile=NUMBER)
    code = sent_code(services)
    outcomes = race(everywhere(partial(log_in_by_code, services, code)))
    (tokens,) = won(outcomes)
    assert services.store.sessions_of(user_id) == (key_of(tokens.access_token),)
    assert tokens.user_id == user_id


@queued_or_refused
def test_an_openid_makes_one_account(services: Services) -> None:
    """32 first logins at once: all of them succeed, in one account."""
    outcomes = race(everywhere(partial(log_in_by_openid, services)))
    assert refusals(outcomes) == {}
    (user,) = everybody(services)
    assert {tokens.user_id for tokens in won(outcomes)} == {user.id}
    assert user.openids == (("trusted:default", "o-1"),)
    assert set(services.store.sessions_of(user.id)) == {key_of(tokens.access_token) for tokens in won(outcomes)}
    assert len(services.store.sessions_of(user.id)) == RACERS


# --- authorization codes -----------------------------------------------------------------------------------


@pytest.mark.security("ASVS-10.4.2")
def test_an_authorization_code_opens_one_session(services: Services) -> None:
    """Redeemed 32 times at once: everybody has the same tokens, of one session. Later the same code ends it."""
    user_id, client = add(services), web_app()
    _, asked = request.read(with_client(services, client), request_pairs(scope="read"))
    login = browser_login(services, user_id)
    code = codes.issue(services, client, asked, login)
    redeem = partial(codes.redeem, services, client, code, CALLBACK, VERIFIER)
    outcomes = race(everywhere(redeem))
    assert set(refusals(outcomes)) <= {"503 temporarily_unavailable store_unavailable"}
    (tokens,) = set(won(outcomes))
    opened = key_of(tokens.access_token)
    assert set(services.store.sessions_of(user_id)) == {opened, login.session}
    assert redeem() == tokens
    later = replace(services, clock=replace(services.clock, time=lambda: START + codes.RETRY + 1))
    with pytest.raises(LingpaiError, match="bad_authorization_code"):
        codes.redeem(later, client, code, CALLBACK, VERIFIER)
    assert services.store.sessions_of(user_id) == (login.session,)


def with_client(services: Services, client: Client) -> Services:
    """The same services, where there is this client."""
    store: Any = services.store
    store.put_client(client)
    return services


# --- sessions ---------------------------------------------------------------------------------------------


def refresh(services: Services, token: str | None, client: Client = CLIENT) -> TokenSet:
    """New tokens for a refresh token."""
    return rotation.refresh(services, client, token or "", None)


def test_a_refresh_token_rotates_once(services: Services) -> None:
    """32 times within the grace time: everybody has the same new pair, which works."""
    first = log_in_by_openid(services)
    outcomes = race(everywhere(partial(refresh, services, first.refresh_token)))
    assert refusals(outcomes) == {}
    (second,) = set(won(outcomes))
    assert second.refresh_token != first.refresh_token
    store, now = services.store, services.clock.now()
    assert sessions.check(store, second.access_token, now, grace=0).key == key_of(first.access_token)
    assert sessions.check(store, first.access_token, now, grace=0).key == key_of(first.access_token)
    third = refresh(services, second.refresh_token)
    assert third.refresh_token not in {first.refresh_token, second.refresh_token}


@pytest.mark.security("F16")
def test_older_tokens_and_the_current_one_at_once_log_nobody_out(services: Services) -> None:
    """Tabs that are a rotation or two behind: each gets the pair of its moment, and all have the same at the end."""
    first = log_in_by_openid(services)
    second = refresh(services, first.refresh_token)
    third = refresh(services, second.refresh_token)
    tokens = [first, second, third, third] * (RACERS // 4)
    outcomes = race([partial(refresh, services, each.refresh_token) for each in tokens])
    assert refusals(outcomes) == {}
    (fourth,) = set(won(outcomes)) - {third}
    assert {refresh(services, each.refresh_token) for each in (first, second, third)} == {fourth}
    opened = sessions.check(services.store, fourth.access_token, services.clock.now(), grace=0)
    assert opened.key == key_of(first.access_token)


def test_32_sessions_of_a_user_rotate_each_for_itself(services: Services) -> None:
    opened = [log_in_by_openid(services) for _ in range(RACERS)]
    outcomes = race([partial(refresh, services, tokens.refresh_token) for tokens in opened])
    assert refusals(outcomes) == {}
    for before, after in zip(opened, won(outcomes), strict=True):
        assert key_of(after.access_token) == key_of(before.access_token)
        assert refresh(services, before.refresh_token) == after, "the retry has the answer of its own session"


def test_of_32_rotations_of_a_secret_one_is_done(reference: WholeStore) -> None:
    """Each with new secrets of its own: the others are shown what the winner left."""
    session = a_session()
    open_sessions(reference, [session])
    rotations = [a_rotation(session, salt=bytes([i]) * 32, refresh_hash=bytes([i]) * 32) for i in range(RACERS)]
    outcomes = won(race([partial(reference.rotate, rotation) for rotation in rotations]))
    (done,) = [i for i, outcome in enumerate(outcomes) if outcome.done]
    stored = reference.get_session(session.key)
    assert stored is not None
    assert (stored.salt, stored.refresh_hash) == (bytes([done]) * 32, bytes([done]) * 32)
    assert {outcome.session for outcome in outcomes} == {stored}


def test_another_client_disturbs_nothing(services: Services) -> None:
    """It presents the token at the same moment: it is refused, and the right one has its pair."""
    first = log_in_by_openid(services)
    clients = [CLIENT, OTHER_CLIENT] * (RACERS // 2)
    outcomes = race([partial(refresh, services, first.refresh_token, client) for client in clients])
    assert len(won(outcomes)) == RACERS // 2
    assert len(set(won(outcomes))) == 1
    assert refusals(outcomes[1::2]) == {"400 invalid_grant bad_refresh_token": RACERS // 2}
    second = won(outcomes)[0]
    assert refresh(services, second.refresh_token).refresh_token != second.refresh_token


def test_a_stolen_token_ends_the_family_for_all(services: Services) -> None:
    """Once it may not be repeated any more: whoever comes, nobody gets anything, and the session is gone."""
    first = log_in_by_openid(services)
    second = refresh(services, first.refresh_token)
    later = replace(services, clock=Time(START + services.settings.refresh_retry + 1).clock())
    outcomes = race(everywhere(partial(refresh, later, first.refresh_token)))
    assert refusals(outcomes) == {"400 invalid_grant bad_refresh_token": RACERS}
    assert services.store.get_session(key_of(first.access_token)) is None
    with pytest.raises(LingpaiError, match="invalid_grant"):
        refresh(later, second.refresh_token)


def test_an_ended_session_is_not_refreshed_back_to_life(services: Services) -> None:
    first = log_in_by_openid(services)
    key = key_of(first.access_token)
    calls: list[Callable[[], object]] = [partial(refresh, services, first.refresh_token)] * RACERS
    calls[RACERS // 2] = partial(sessions.end, services.store, key)
    outcomes = race(calls)
    assert set(refusals(outcomes)) <= {"400 invalid_grant bad_refresh_token"}
    assert services.store.get_session(key) is None


@pytest.mark.security("RFC9449-11.1")
def test_a_proof_is_used_once(services: Services) -> None:
    """The same proof 32 times at once: one request is answered. Proofs with ids of their own do not disturb it."""
    services = replace(services, issuer=ISSUER)
    key = ProofKey(services.clock.now)
    proof = key.proof()
    others = [key.proof() for _ in range(4)]
    outcomes = race([partial(dpop.proven_key, services, asking(text)) for text in (*[proof] * RACERS, *others)])
    assert won(outcomes) == [key.jkt] * (1 + len(others))
    assert refusals(outcomes) == {"400 invalid_dpop_proof bad_dpop_proof": RACERS - 1}
    assert won(outcomes[RACERS:]) == [key.jkt] * len(others)


def asking(proof: str) -> Request:
    """A token request with this proof."""
    return Request("POST", "/oauth/token", {"dpop": proof}, "", "", False, "192.0.2.1", "1", ISSUER)


# --- codes and counters -----------------------------------------------------------------------------------


@pytest.mark.parametrize("company", [(), (PutSession(a_session(), START + 6000),)], ids=["alone", "with a session"])
def test_a_code_is_consumed_once(reference: WholeStore, company: tuple[Write, ...]) -> None:
    reference.save_code(None, a_code(), START + 10_000)

    def commit() -> Write | None:
        try:
            reference.commit(consume(), *company)
        except Conflict as failed:
            return failed.write
        return None

    assert Counter(won(race(everywhere(commit)))) == {None: 1, consume(): RACERS - 1}


def test_100_guesses_at_once_are_100_guesses(services: Services) -> None:
    """No more than CODE_TRIES of them are compared; the others are refused unread."""
    guesses = wrong_codes(sent_code(services), 100)
    shares = [guesses[i::RACERS] for i in range(RACERS)]

    def guess(share: list[str], address: str) -> list[str]:
        told = []
        for code in share:
            with pytest.raises(LingpaiError) as refused:
                sms_codes.check(services, NUMBER, code, Presenter(CLIENT, address), "login")
            told.append(refused.value.reason)
        return told

    outcomes = won(race([partial(guess, share, f"203.0.{i}.9") for i, share in enumerate(shares)]))
    assert Counter(reason for told in outcomes for reason in told) == {"bad_code": 5, "too_many_tries": 95}
    known = services.store.get_code(NUMBER)
    assert known is not None
    assert (known.tries, known.tries_until) == (100, START + services.settings.code_tries_window)


def test_the_right_code_beyond_the_limit_opens_nothing(services: Services) -> None:
    """Once the number's guesses are used up, not one of 32 right codes is even compared."""
    right = sent_code(services)
    for code in wrong_codes(right, services.settings.code_tries):
        with pytest.raises(LingpaiError, match="invalid_grant"):
            sms_codes.check(services, NUMBER, code, HERE, "login")
    outcomes = race(everywhere(partial(log_in_by_code, services, right)))
    assert refusals(outcomes) == {"429 too_many_requests too_many_tries": RACERS}
    assert everybody(services) == []


def test_the_right_code_among_guesses_counts_as_one_of_them(services: Services) -> None:
    """It may be among the first five or not; either way five are compared at most, and it opens once at most."""
    right = sent_code(services)
    mixed = [right, right, *wrong_codes(right, RACERS - 2)]
    random.shuffle(mixed)
    outcomes = race([partial(sms_codes.check, services, NUMBER, code, HERE, "login") for code in mixed])
    told = refusals(outcomes)
    assert len(won(outcomes)) + told["400 invalid_grant bad_code"] == services.settings.code_tries
    assert told["429 too_many_requests too_many_tries"] == RACERS - services.settings.code_tries


def test_guesses_and_new_codes_at_once(services: Services) -> None:
    """A code that is sent while a number is guessed at takes none of the guesses back."""
    first = sent_code(services)
    later = replace(services, clock=Time(START + services.settings.code_resend).clock())
    guess = partial(sms_codes.check, later, NUMBER, wrong_codes(first, 1)[0], HERE, "login")
    calls: list[Callable[[], object]] = [guess, partial(send, later)] * (RACERS // 2)
    outcomes = race(calls)
    assert len(outbox(services)) == 2
    assert refusals(outcomes[1::2]) == {"429 too_many_requests resend_too_soon": RACERS // 2 - 1}
    known = services.store.get_code(NUMBER)
    assert known is not None
    assert (known.tries, known.sent) == (RACERS // 2, (START, START + services.settings.code_resend))


def test_the_first_guesses_open_one_window(reference: WholeStore) -> None:
    """And the first of the next window, again: none is lost and none is counted twice."""
    for now, until in ((START, START + 60), (START + 60, START + 120)):
        outcomes = won(race(everywhere(partial(reference.count_try, NUMBER, a_guess(now, 60)))))
        assert sorted(known.tries for known in outcomes) == list(range(1, RACERS + 1))
        assert {known.tries_until for known in outcomes} == {until}


@pytest.mark.parametrize("guessed", [False, True], ids=["unknown number", "guessed at before"])
def test_a_number_gets_one_message(services: Services, guessed: bool) -> None:
    """32 askings at once: one code, the one that is kept, and 31 times "too soon"."""
    if guessed:
        services.store.count_try(NUMBER, a_guess(START, services.settings.code_tries_window))
    languages: list[Language] = ["zh", "en"]
    outcomes = race(
        [
            partial(
                sms_codes.send, services, sms_codes.SendRequest(NUMBER, CLIENT.id, languages[i % 2]), f"192.0.2.{i}"
            )
            for i in range(RACERS)
        ]
    )
    assert won(outcomes) == [None]
    assert refusals(outcomes) == {"429 too_many_requests resend_too_soon": RACERS - 1}
    (code,) = outbox(services)
    assert log_in_by_code(services, code).user_id is not None


def test_a_counter_stops_exactly_at_its_limit(services: Services) -> None:
    """160 tries for 50 places."""

    def increment() -> int:
        return sum(services.store.increment("k", {"all": 50}, START + 60).done for _ in range(5))

    assert sum(won(race(everywhere(increment)))) == 50


def test_a_limit_lets_exactly_so_many_through(services: Services) -> None:
    limit = rate_limits.limit_of("register:192.0.2.0/24", {"all": 10}, rate_limits.HOUR, START)
    outcomes = race(everywhere(partial(rate_limits.increment, services, limit)))
    assert len(won(outcomes)) == 10
    assert refusals(outcomes) == {"429 too_many_requests limit_reached": RACERS - 10}


# --- roles ------------------------------------------------------------------------------------------------


@queued_or_refused
def test_no_role_is_lost(services: Services) -> None:
    """Whoever was told an id finds the role under it; the others were told that something changed."""
    outcomes = race([partial(roles.save, services, f"role {i}") for i in range(RACERS)])
    saved = {f"role {i}": role_id for i, role_id in enumerate(outcomes) if not isinstance(role_id, LingpaiError)}
    assert set(refusals(outcomes)) <= {"409 conflict changed_meanwhile"}
    book = services.store.directory().roles
    assert {name: role_id for role_id, name in book.names} == saved
    assert sorted(saved.values()) == list(range(1, len(saved) + 1))
    assert (book.next_id, book.version) == (len(saved) + 1, len(saved))
    assert saved


@queued_or_refused
def test_a_role_is_made_once(services: Services) -> None:
    outcomes = race(everywhere(partial(roles.save, services, "editor")))
    assert won(outcomes) == [1]
    assert set(refusals(outcomes)) <= {"409 conflict role_taken", "409 conflict changed_meanwhile"}
    assert services.store.directory().roles == RoleBook(names=((1, "editor"),), next_id=2, version=1)


# --- passwords and deletion -------------------------------------------------------------------------------


def log_in_again_and_again(services: Services) -> None:
    """Log in by the old password, twice or until it is wrong: SESSIONS_MAX would end the oldest sessions of more."""
    for _ in range(2):
        try:
            log_in(services)
        except LingpaiError as refused:
            if refused.reason != "bad_credentials":
                raise
            return


@queued_or_refused
def test_no_login_by_the_old_password_outlives_its_change(services: Services) -> None:
    """Sessions opened before the change and during it end; the one that changed it stays."""
    user_id = with_password(services)
    kept, *others = [key_of(log_in(services).access_token) for _ in range(4)]
    change = partial(password_change.change_password, services, user_id, OLD, NEW, kept)
    calls: list[Callable[[], None]] = [partial(log_in_again_and_again, services)] * RACERS
    calls[RACERS // 2] = change
    outcomes = race(calls)
    assert refusals(outcomes) == {}
    assert services.store.sessions_of(user_id) == (kept,)
    assert {services.store.get_session(key) for key in others} == {None}
    with pytest.raises(LingpaiError, match="invalid_grant"):
        log_in(services)
    assert log_in(services, NEW).user_id == user_id


@queued_or_refused
def test_no_login_by_the_old_password_outlives_an_admin_s_change(services: Services) -> None:
    user_id = with_password(services)
    calls: list[Callable[[], None]] = [partial(log_in_again_and_again, services)] * RACERS
    calls[RACERS // 2] = partial(accounts.save, services, user_id, None, NEW, None)
    assert refusals(race(calls)) == {}
    assert services.store.sessions_of(user_id) == ()
    assert log_in(services, NEW).user_id == user_id


@queued_or_refused
def test_a_password_is_changed_once(services: Services) -> None:
    """32 sessions change it at once: one password is the new one, and one session is left."""
    user_id = with_password(services)
    keys = [key_of(log_in(services).access_token) for _ in range(RACERS)]
    outcomes = race(
        [
            partial(password_change.change_password, services, user_id, OLD, f"new password {i:02d}", key)
            for i, key in enumerate(keys)
        ]
    )
    assert len(won(outcomes)) == 1
    assert set(refusals(outcomes)) <= {"409 conflict changed_meanwhile", "400 invalid_request wrong_old_password"}
    winner = outcomes.index(None)
    assert services.store.sessions_of(user_id) == (keys[winner],)
    assert log_in(services, f"new password {winner:02d}").user_id == user_id


@queued_or_refused
def test_right_passwords_meet_a_rehash(services: Services) -> None:
    """Logins that all replace an old hash: nobody who knows the password is refused, and one new hash stands."""
    user_id = with_password(services)
    stronger = replace(services, settings=services.settings.model_copy(update={"argon2_time": 2}))
    outcomes = race(everywhere(partial(log_in, stronger)))
    assert refusals(outcomes) == {}
    assert len(services.store.sessions_of(user_id)) == RACERS
    user = services.store.get_user(user_id)
    assert user is not None
    assert user.password is not None
    assert not passwords.needs_rehash(user.password, stronger.settings)
    assert passwords.verify(OLD, user.password, stronger.settings)


@queued_or_refused
def test_no_session_outlives_its_account(services: Services) -> None:
    """Logins by password while the account is deleted, by three at once: nothing of it is left, its names are free."""
    user_id = with_password(services)
    factors.link(services, user_id, NUMBER, None, None, HERE)
    calls: list[Callable[[], None]] = [partial(log_in_again_and_again, services)] * (RACERS - 3)
    for place in (5, 10, 15):
        calls.insert(place, partial(accounts.delete, services, user_id))
    outcomes = race(calls)
    assert set(refusals(outcomes)) <= {"404 not_found user_not_found"}
    assert None in outcomes[5:16:5], "one of the three deleted it"
    assert services.store.get_user(user_id) is None
    assert services.store.sessions_of(user_id) == ()
    for name in (identities.username_key("alice"), identities.mobile_key(NUMBER)):
        assert services.store.find_user_id(name) is None
    again = accounts.register(services, "alice", NEW, "192.0.2.1")
    assert log_in(services, NEW).user_id == again


@queued_or_refused
def test_no_session_outlives_an_account_that_its_owner_deletes(services: Services) -> None:
    """Logins while the owner deletes it, who tries again where somebody was faster: it is there as before, or gone."""
    user_id = with_password(services)
    owner = key_of(log_in(services).access_token)

    def delete() -> None:
        while services.store.get_user(user_id) is not None:
            with suppress(LingpaiError):
                accounts.delete_own(services, user_id, owner)

    calls: list[Callable[[], object]] = [partial(log_in, services)] * (RACERS - 1)
    calls.insert(RACERS // 4, delete)
    race(calls)
    assert services.store.get_user(user_id) is None
    assert services.store.sessions_of(user_id) == ()
    assert services.store.find_user_id(identities.username_key("alice")) is None


@queued_or_refused
def test_an_account_is_deleted_while_its_names_change(services: Services) -> None:
    """No name stays behind that finds nobody."""
    user_id = add(services)
    numbers = [f"+86138000000{i:02d}" for i in range(RACERS)]
    calls: list[Callable[[], object]] = [
        partial(factors.link, services, user_id, number, None, None, HERE) for number in numbers
    ]
    calls[RACERS // 2] = partial(accounts.delete, services, user_id)
    outcomes = race(calls)
    assert outcomes[RACERS // 2] is None
    assert set(refusals(outcomes)) <= {"404 not_found user_not_found", "409 conflict changed_meanwhile"}
    assert everybody(services) == []
    assert [services.store.find_user_id(identities.mobile_key(number)) for number in numbers] == [None] * RACERS


@queued_or_refused
def test_logins_by_an_openid_while_its_account_is_deleted(services: Services) -> None:
    """Whoever has tokens has them of an account that is there: the old one is gone, a new one may have been made."""
    user_id = log_in_by_openid(services).user_id
    assert user_id is not None
    calls: list[Callable[[], TokenSet | None]] = [partial(log_in_by_openid, services)] * RACERS
    calls[RACERS // 2] = partial(accounts.delete, services, user_id)
    outcomes = race(calls)
    assert outcomes[RACERS // 2] is None
    assert set(refusals(outcomes)) <= {"400 invalid_grant account_disabled"}
    assert services.store.get_user(user_id) is None
    assert services.store.sessions_of(user_id) == ()
    found = services.store.find_user_id(identities.openid_key(OPENID.issuer, OPENID.openid))
    assert [user.id for user in everybody(services)] == ([found] if found else [])
    for tokens in won(outcomes):
        alive = tokens is not None and services.store.get_session(key_of(tokens.access_token)) is not None
        assert not alive or (tokens is not None and tokens.user_id == found)


@queued_or_refused
def test_changes_of_different_fields_lose_nothing(services: Services) -> None:
    """Two callers change an account at once, each another field: both changes stand."""
    user_id = add(services)
    before = services.store.get_user(user_id)
    assert before is not None
    changes = [
        replace(before, password="$argon2id$x"),
        replace(before, roles=frozenset({3})),
        replace(before, mobile=NUMBER),
        replace(before, openids=(("trusted:default", "o-1"),)),
        replace(before, profile=replace(before.profile, name="x")),
    ]
    calls: list[Callable[[], None]] = [
        partial(services.store.commit, ChangeUser(before, after), CheckUser(add(services, i)))
        for i, after in enumerate(changes, start=1)
    ]
    assert refusals(race(calls)) == {}
    assert services.store.get_user(user_id) == User(
        id=user_id,
        created_at=before.created_at,
        username=before.username,
        mobile=NUMBER,
        openids=(("trusted:default", "o-1"),),
        password="$argon2id$x",
        roles=frozenset({3}),
        profile=replace(before.profile, name="x"),
    )


@pytest.mark.security("F18")
@queued_or_refused
def test_two_admins_who_remove_themselves_or_each_other_do_not_both_succeed(services: Services) -> None:
    """Each way of going, at once with each: one admin is left, whatever the order."""
    admin_role = roles.save(services, "admin")
    book = services.store.directory().roles
    names: dict[str, Any] = {"username": None, "password": None, "roles": frozenset()}

    def demote(actor: int, target: int) -> None:
        checks = last_admin.keep_one(services, book, actor, target)
        accounts.save(services, target, *names.values(), *checks)

    def delete(actor: int, target: int) -> None:
        accounts.delete(services, target, *last_admin.keep_one(services, book, actor, target))

    for number, (first, second) in enumerate([(demote, demote), (demote, delete), (delete, delete)] * 4):
        one, two = (add(services, 2 * number + i, roles=frozenset({admin_role})) for i in range(2))
        targets = (one, two) if number % 2 else (two, one)
        outcomes = race([partial(first, one, targets[0]), partial(second, two, targets[1])])
        left = [user for user in everybody(services) if admin_role in user.roles and not user.disabled]
        assert len(left) >= 1, (number, outcomes)
        assert set(refusals(outcomes)) <= {"409 conflict changed_meanwhile", "409 conflict last_admin"}
        for user in left:
            accounts.delete(services, user.id)


@queued_or_refused
def test_a_closed_account_is_kept_or_deleted(services: Services) -> None:
    """Its owner undoes the deletion while it is due, many times at once: it is whole, or nothing of it is left."""
    for number in range(4):
        name = f"user {number}"
        user_id = add(services, number, closes_at=START - 1, mobile=f"+8613800000{number:03d}")
        keys = (identities.username_key(name), identities.mobile_key(f"+8613800000{number:03d}"))
        calls: list[Callable[[], object]] = [partial(closing.delete_closed, services, user_id, START)] * (RACERS // 2)
        calls += [partial(closing.reopen, services, user_id)] * (RACERS // 2)
        random.shuffle(calls)
        outcomes = race(calls)
        assert set(refusals(outcomes)) <= {"404 not_found user_not_found", "409 conflict changed_meanwhile"}
        user, found = services.store.get_user(user_id), services.store.find_user_ids(*keys)
        if user is None:
            assert (found, outcomes.count(True)) == ({}, 1)
        else:
            assert (user.closes_at, found, outcomes.count(True)) == (None, dict.fromkeys(keys, user_id), 1)


@queued_or_refused
def test_no_session_outlives_an_account_that_its_owner_closes(services: Services) -> None:
    """Logins while the owner asks for its deletion, who tries again where somebody was faster."""
    user_id = with_password(services)
    owner = key_of(log_in(services).access_token)

    def close() -> None:
        while (user := services.store.get_user(user_id)) is not None and user.closes_at is None:
            with suppress(LingpaiError):
                closing.close(services, user_id, owner)

    calls: list[Callable[[], object]] = [partial(log_in, services)] * (RACERS - 1)
    calls.insert(RACERS // 4, close)
    outcomes = race(calls)
    assert set(refusals(outcomes)) <= {"400 invalid_grant account_closing"}
    user = services.store.get_user(user_id)
    assert user is not None
    assert user.closes_at == START + 7 * 86400
    assert services.store.sessions_of(user_id) == ()
