"""Refreshing (contract, section 2): rotation, the grace time, reuse, other clients, scopes, and the two lives."""

import base64
import hmac
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from lingpai.clients.service import new_client
from lingpai.sessions import service as sessions
from lingpai.sessions import token_family
from lingpai.sessions.dynamodb import serialize_session
from lingpai.sessions.model import SessionKey
from tests.support.api import Api, make_api
from tests.support.time import Time
from tests.support.tokens import (
    ALICE,
    APP,
    BAD_REFRESH_TOKEN,
    BAD_SCOPE,
    FIFTEEN_DAYS,
    STANDARD,
    WEB,
    calls,
    opens,
    opens_nothing,
    refresh,
    spring_tokens,
    standard_tokens,
    stored,
)

DAY = 86400
START = int(Time().at)


@pytest.fixture
def wide(api: Api) -> Api:
    """With a spring client that has three scopes."""
    store: Any = api.services.store
    store.put_client(new_client("wide", "spring", "wide-secret", scopes=("a", "b", "c")))
    return api


WIDE = ("wide", "wide-secret")


@pytest.fixture
def open_api(api_store: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Api]:
    """Opens an API with settings of its own."""
    return lambda **settings: make_api(monkeypatch, api_store, **settings)


def start(api: Api, client: tuple[str, str] = WEB, **more: str) -> Any:
    """The first tokens of a session."""
    answer = api.post("/oauth/token", form={**ALICE, **more}, basic=client)
    assert answer.status == 200, answer
    return answer.json


# --- rotation -------------------------------------------------------------------------------------------------


@pytest.mark.security("RFC9700-2.2.2", "ASVS-7.2.2")
def test_every_refresh_gives_a_new_pair(api: Api) -> None:
    first = start(api)
    second = spring_tokens(refresh(api, first["refresh_token"]))
    third = spring_tokens(refresh(api, second["refresh_token"]))
    tokens = [given[name] for given in (first, second, third) for name in ("access_token", "refresh_token")]
    assert len(set(tokens)) == 6
    assert opens(api, third)["username"] == "alice"


def test_the_account_stays_the_same(api: Api) -> None:
    before = opens(api, first := start(api))
    assert opens(api, spring_tokens(refresh(api, first["refresh_token"]))) == before


def test_standard_clients_rotate_as_well(api: Api) -> None:
    first = start(api, STANDARD)
    second = standard_tokens(refresh(api, first["refresh_token"], STANDARD))
    assert {first["access_token"], first["refresh_token"]}.isdisjoint(second.values())
    api.time.advance(601)
    assert refresh(api, first["refresh_token"], STANDARD) == BAD_REFRESH_TOKEN
    assert refresh(api, second["refresh_token"], STANDARD) == BAD_REFRESH_TOKEN


# --- the grace time -------------------------------------------------------------------------------------------


def test_the_same_token_at_once_gives_the_same_pair(api: Api) -> None:
    first = start(api)
    answer = refresh(api, first["refresh_token"])
    spring_tokens(answer)
    before = stored(api)
    assert [refresh(api, first["refresh_token"]) for _ in range(3)] == [answer] * 3
    assert stored(api) == before


@pytest.mark.parametrize("later", [1, 29, 30])
def test_the_same_token_within_the_grace_time_gives_the_same_pair(api: Api, later: int) -> None:
    """With what is left of its life."""
    first = start(api)
    second = spring_tokens(refresh(api, first["refresh_token"]))
    api.time.advance(later)
    again = spring_tokens(refresh(api, first["refresh_token"]), expires_in=FIFTEEN_DAYS - later)
    assert again == {**second, "expires_in": FIFTEEN_DAYS - later}


@pytest.mark.security("RFC9700-2.2.2", "RFC9700-4.14", "ASVS-10.4.5")
@pytest.mark.parametrize("later", [601, DAY])
def test_after_the_time_of_a_retry_it_is_reuse_and_ends_the_family(api: Api, later: int) -> None:
    other = start(api)
    first = start(api)
    second = spring_tokens(refresh(api, first["refresh_token"]))
    api.time.advance(later)
    assert refresh(api, first["refresh_token"]) == BAD_REFRESH_TOKEN
    opens_nothing(api, second)
    assert refresh(api, second["refresh_token"]) == BAD_REFRESH_TOKEN
    assert opens(api, other)["username"] == "alice"
    spring_tokens(refresh(api, other["refresh_token"]))


@pytest.mark.security("F16")
def test_any_token_replaced_within_the_grace_time_gives_the_pair_of_now(api: Api) -> None:
    """However often the session was refreshed since, in one second or in many."""
    tokens = [start(api)]
    for pause in (0, 0, 1, 0, 12, 16, 1, 0):
        api.time.advance(pause)
        tokens.append(spring_tokens(refresh(api, tokens[-1]["refresh_token"])))
    before = stored(api)
    for older in tokens[:-1]:
        assert spring_tokens(refresh(api, older["refresh_token"])) == tokens[-1]
    assert stored(api) == before
    assert opens(api, tokens[-1])["username"] == "alice"


@pytest.mark.security("F16")
def test_a_hundred_refreshes_in_a_second(api: Api) -> None:
    first = last = start(api)
    for _ in range(100):
        last = spring_tokens(refresh(api, last["refresh_token"]))
    assert spring_tokens(refresh(api, first["refresh_token"])) == last


@pytest.mark.security("F16")
@pytest.mark.parametrize("later", [30, 31])
def test_each_token_has_its_own_grace_time(api: Api, later: int) -> None:
    """From the second in which it was replaced, whatever was replaced since."""
    first = start(api)
    second = spring_tokens(refresh(api, first["refresh_token"]))
    api.time.advance(20)
    third = spring_tokens(refresh(api, second["refresh_token"]))
    api.time.advance(later - 20)
    last = spring_tokens(refresh(api, third["refresh_token"]))
    answer = refresh(api, first["refresh_token"])
    if later == 30:
        assert spring_tokens(answer) == last
        assert spring_tokens(refresh(api, second["refresh_token"])) == last
    else:
        assert answer == BAD_REFRESH_TOKEN
        opens_nothing(api, last)


@pytest.mark.security("F16")
@pytest.mark.parametrize("rotations", [1, 2, 5])
def test_a_token_from_a_busy_second_is_reuse_once_its_time_is_over(api: Api, rotations: int) -> None:
    """Though the one that was issued in the same second is replaced much later."""
    tokens = [start(api)]
    for _ in range(rotations):
        tokens.append(spring_tokens(refresh(api, tokens[-1]["refresh_token"])))
    api.time.advance(31)
    last = spring_tokens(refresh(api, tokens[-1]["refresh_token"]))
    assert refresh(api, tokens[0]["refresh_token"]) == BAD_REFRESH_TOKEN
    opens_nothing(api, last)


@pytest.mark.security("F16")
@pytest.mark.parametrize("later", [31, 40, 600])
def test_the_last_refresh_may_be_repeated_while_its_answer_is_unused(api: Api, later: int) -> None:
    """A store, or a network, that loses answers for a while."""
    first = start(api)
    second = spring_tokens(refresh(api, first["refresh_token"]))
    api.time.advance(later)
    again = spring_tokens(refresh(api, first["refresh_token"]), expires_in=FIFTEEN_DAYS - later)
    assert again == {**second, "expires_in": FIFTEEN_DAYS - later}
    spring_tokens(refresh(api, again["refresh_token"]))


@pytest.mark.security("F16")
def test_the_last_refresh_may_not_be_repeated_once_its_answer_was_used(api: Api) -> None:
    first = start(api)
    second = spring_tokens(refresh(api, first["refresh_token"]))
    api.time.advance(31)
    third = spring_tokens(refresh(api, second["refresh_token"]))
    assert refresh(api, first["refresh_token"]) == BAD_REFRESH_TOKEN
    opens_nothing(api, third)


@pytest.mark.security("F16")
@pytest.mark.parametrize("later", [60, 61])
def test_a_public_client_has_less_time_to_repeat(api: Api, later: int) -> None:
    """Longer would let a thief follow the owner."""
    store: Any = api.services.store
    store.put_client(new_client("public-app", "standard", grants=("password", "refresh_token"), scopes=("read",)))
    public = {"client_id": "public-app"}

    def ask(**form: str) -> Any:
        return api.post("/oauth/token", form={**form, **public})

    first = ask(**ALICE).json
    second = ask(grant_type="refresh_token", refresh_token=first["refresh_token"]).json
    api.time.advance(later)
    answer = ask(grant_type="refresh_token", refresh_token=first["refresh_token"])
    if later == 60:
        assert answer.json["refresh_token"] == second["refresh_token"]
    else:
        assert answer == BAD_REFRESH_TOKEN
        opens_nothing(api, second)


def test_the_grace_time_is_a_setting(open_api: Callable[..., Api]) -> None:
    api = open_api(refresh_grace=5, refresh_retry=0)
    first = start(api)
    spring_tokens(refresh(api, first["refresh_token"]))
    api.time.advance(5)
    spring_tokens(refresh(api, first["refresh_token"]), expires_in=FIFTEEN_DAYS - 5)
    api.time.advance(1)
    assert refresh(api, first["refresh_token"]) == BAD_REFRESH_TOKEN


def test_the_time_of_a_retry_is_a_setting(open_api: Callable[..., Api]) -> None:
    api = open_api(refresh_grace=0, refresh_retry=7)
    first = start(api)
    spring_tokens(refresh(api, first["refresh_token"]))
    api.time.advance(7)
    spring_tokens(refresh(api, first["refresh_token"]), expires_in=FIFTEEN_DAYS - 7)
    api.time.advance(1)
    assert refresh(api, first["refresh_token"]) == BAD_REFRESH_TOKEN


@pytest.mark.security("F16")
def test_reuse_is_logged_and_counted(api: Api) -> None:
    first = start(api)
    spring_tokens(refresh(api, first["refresh_token"]))
    api.time.advance(601)
    assert refresh(api, first["refresh_token"]) == BAD_REFRESH_TOKEN
    assert api.counted["RefreshReuse"] == 1


@pytest.mark.moto
@pytest.mark.security("F16")
def test_more_refreshes_than_a_session_remembers_are_slowed_down(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is logged out by it, and the next second but a few is free again."""
    monkeypatch.setattr("lingpai.sessions.dynamodb.HISTORY_MAX", 3)
    tokens = [start(api)]
    for _ in range(3):
        tokens.append(spring_tokens(refresh(api, tokens[-1]["refresh_token"])))
    answer = refresh(api, tokens[-1]["refresh_token"])
    assert (answer.status, answer.headers["retry-after"]) == (429, "1")
    assert answer.json["reason"] == "refreshed_too_often"
    assert spring_tokens(refresh(api, tokens[0]["refresh_token"])) == tokens[-1]
    api.time.advance(31)
    spring_tokens(refresh(api, tokens[-1]["refresh_token"]))


# --- tokens from before -----------------------------------------------------------------------------------------


def keep_as_of_old(api: Api, tokens: Any, secret: bytes, **attributes: Any) -> SessionKey:
    """Keep the session of `tokens` as a version without families kept it, with this refresh secret; gives its key."""
    presented = sessions.parse(tokens["refresh_token"])
    assert presented is not None
    store: Any = api.services.store
    session = store.get_session(presented.key)
    old = replace(session, refresh_hash=token_family.digest(secret), family_hash=None)
    item = serialize_session(old, session.ends_at) | attributes
    store.call("PutItem", TableName=store.settings.sessions_table, Item=item)
    return presented.key


# What looks as if it had been issued now, in the last span of time, in one long ago, and in the future.
OLD_SECRETS = [
    bytes(range(16)) + (START + seconds).to_bytes(4) + bytes(range(12)) for seconds in (0, -20, -(10**8), 10**8)
]


@pytest.mark.moto
@pytest.mark.security("F16")
@pytest.mark.parametrize("secret", OLD_SECRETS)
def test_a_token_from_before_is_rotated_as_any_other(api: Api, secret: bytes) -> None:
    """And its retry has the same answer; from then on its family is known."""
    old = sessions.token_text(keep_as_of_old(api, start(api), secret), secret)
    second = spring_tokens(refresh(api, old))
    assert spring_tokens(refresh(api, old)) == second
    api.time.advance(600)
    assert spring_tokens(refresh(api, old), expires_in=FIFTEEN_DAYS - 600) == {
        **second,
        "expires_in": FIFTEEN_DAYS - 600,
    }
    third = spring_tokens(refresh(api, second["refresh_token"]))
    assert spring_tokens(refresh(api, second["refresh_token"])) == third
    assert refresh(api, old) == BAD_REFRESH_TOKEN
    opens_nothing(api, third)


@pytest.mark.moto
@pytest.mark.security("F16")
def test_a_retry_of_a_refresh_from_before_has_the_answer_it_had(api: Api) -> None:
    """The rotation was done by the version before, which kept a salt alone and derived 32 bytes."""
    old, salt = b"o" * 32, b"s" * 32
    secret = hmac.digest(old, salt + b"refresh", "sha256")
    access = hmac.digest(old, salt + b"access", "sha256")
    key = keep_as_of_old(
        api,
        start(api),
        secret,
        access_hash={"B": token_family.digest(access)},
        rotated_at={"N": str(api.services.clock.now())},
        salt={"B": salt},
        previous_refresh_hash={"B": token_family.digest(old)},
    )
    api.time.advance(40)
    again = spring_tokens(refresh(api, sessions.token_text(key, old)), expires_in=FIFTEEN_DAYS - 40)
    assert again["refresh_token"] == sessions.token_text(key, secret)
    assert again["access_token"] == sessions.token_text(key, access)
    api.time.advance(561)
    assert refresh(api, sessions.token_text(key, old)) == BAD_REFRESH_TOKEN
    opens_nothing(api, again)


def test_the_previous_access_token_stays_good_for_the_grace_time(api: Api) -> None:
    first = start(api)
    second = spring_tokens(refresh(api, first["refresh_token"]))
    assert opens(api, first) == opens(api, second)
    api.time.advance(30)
    assert opens(api, first) == opens(api, second)
    api.time.advance(1)
    opens_nothing(api, first)
    assert opens(api, second)["username"] == "alice"


def test_the_previous_access_token_outlives_its_own_expiry_by_nothing(api: Api) -> None:
    first = start(api, STANDARD)
    api.time.advance(3590)
    standard_tokens(refresh(api, first["refresh_token"], STANDARD))
    assert opens(api, first)["username"] == "alice"
    api.time.advance(10)
    opens_nothing(api, first)


# --- tokens that are none -------------------------------------------------------------------------------------


@pytest.mark.security("F16")
def test_a_secret_that_the_session_never_gave_out_changes_nothing(api: Api) -> None:
    """The first half of a token may be read in logs: whoever has no more ends nothing."""
    first = start(api)
    forged = first["refresh_token"].partition(".")[0] + "." + "A" * 43
    other = start(api)["refresh_token"].partition(".")[2]
    before = stored(api)
    assert refresh(api, forged) == BAD_REFRESH_TOKEN
    assert refresh(api, first["refresh_token"].partition(".")[0] + "." + other) == BAD_REFRESH_TOKEN
    assert stored(api) == before
    assert "RefreshReuse" not in api.counted
    spring_tokens(refresh(api, first["refresh_token"]))


@pytest.mark.security("F16")
def test_one_altered_character_makes_a_secret_that_was_never_given_out(api: Api) -> None:
    first = start(api)
    spring_tokens(refresh(api, first["refresh_token"]))
    api.time.advance(601)
    selected, _, secret = first["refresh_token"].partition(".")
    before = stored(api)
    for place in range(len(secret) - 1):
        other = "B" if secret[place] == "A" else "A"
        assert refresh(api, f"{selected}.{secret[:place]}{other}{secret[place + 1 :]}") == BAD_REFRESH_TOKEN
    assert stored(api) == before


def test_an_access_token_is_no_refresh_token(api: Api) -> None:
    """It is a secret that is neither the current nor the previous one: reuse."""
    first = start(api)
    assert refresh(api, first["access_token"]) == BAD_REFRESH_TOKEN
    opens_nothing(api, first)


def test_a_refresh_token_is_no_access_token(api: Api) -> None:
    first = start(api)
    opens_nothing(api, {"access_token": first["refresh_token"]})
    spring_tokens(refresh(api, first["refresh_token"]))


def test_a_session_that_a_client_opened_for_itself_cannot_be_refreshed(api: Api) -> None:
    answer = api.post("/oauth/token", form={"grant_type": "client_credentials"}, basic=WEB)
    tokens = spring_tokens(answer, refresh=False)
    assert refresh(api, tokens["access_token"]) == BAD_REFRESH_TOKEN


def test_a_session_that_does_not_exist(api: Api) -> None:
    unknown = base64.urlsafe_b64encode(bytes(16)).decode().rstrip("=") + "." + "A" * 43
    before = stored(api)
    assert refresh(api, unknown) == BAD_REFRESH_TOKEN
    assert stored(api) == before


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: token[:-1],
        lambda token: token + "A",
        lambda token: token + "\u200b",
        lambda token: " " + token,
        lambda token: token.replace(".", ".."),
        lambda token: token.replace(".", ""),
        lambda token: token.replace(".", ":"),
        lambda token: token[:-2] + "+/",
        lambda token: token[:-1] + chr(ord(token[-1]) + 1),  # another spelling of the same bytes
        lambda token: token + "=",
        lambda token: "密" + token[1:],
        lambda token: "ce04de44-1da0-4ca0-8310-c26e3f6a4843",  # as in seed 003
        lambda token: ".",
        lambda token: "A" * 60000,
    ],
    ids=range(14),
)
def test_a_token_of_another_shape_costs_no_call_and_changes_nothing(
    api: Api, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[str], str]
) -> None:
    """The client's record is at hand from the login."""
    first = start(api)
    with monkeypatch.context() as patch:
        operations = calls(patch, api)
        assert refresh(api, spoil(first["refresh_token"])) == BAD_REFRESH_TOKEN
        assert operations == []
    spring_tokens(refresh(api, first["refresh_token"]))


# --- other clients --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("client", [APP, STANDARD], ids=["spring", "standard"])
def test_another_client_is_refused_and_changes_nothing(api: Api, client: tuple[str, str]) -> None:
    first = start(api)
    second = spring_tokens(refresh(api, first["refresh_token"]))
    api.time.advance(601)
    before = stored(api)
    forged = first["refresh_token"].partition(".")[0] + "." + "A" * 43
    for token in (second["refresh_token"], first["refresh_token"], forged, second["access_token"]):
        assert refresh(api, token, client) == BAD_REFRESH_TOKEN
    assert stored(api) == before
    spring_tokens(refresh(api, second["refresh_token"]))


def test_a_client_that_does_not_prove_itself_changes_nothing(api: Api) -> None:
    first = start(api)
    before = stored(api)
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"], "client_id": "web-client"}
    assert api.post("/oauth/token", form=form).status == 401
    assert stored(api) == before


# --- scopes ---------------------------------------------------------------------------------------------------


def test_a_scope_may_narrow_and_come_back(wide: Api) -> None:
    """What narrows is the access token; the session keeps what was granted (RFC 6749 section 6)."""
    first = start(wide, WIDE, scope="a b")
    second = spring_tokens(refresh(wide, first["refresh_token"], WIDE, scope="b"), "b")
    third = spring_tokens(refresh(wide, second["refresh_token"], WIDE), "a b")
    spring_tokens(refresh(wide, third["refresh_token"], WIDE, scope="b a"), "b a")


@pytest.mark.parametrize(
    "scope", ["c", "a c", "a b c", "unheard-of", "A", 'a"', " ".join(f"s{i}" for i in range(3000))]
)
def test_a_scope_never_widens_and_the_token_stays_good(wide: Api, scope: str) -> None:
    first = start(wide, WIDE, scope="a b")
    before = stored(wide)
    assert refresh(wide, first["refresh_token"], WIDE, scope=scope) == BAD_SCOPE
    assert stored(wide) == before
    spring_tokens(refresh(wide, first["refresh_token"], WIDE), "a b")


def test_a_narrowed_retry_gets_the_same_pair(wide: Api) -> None:
    first = start(wide, WIDE)
    answer = refresh(wide, first["refresh_token"], WIDE, scope="c a")
    spring_tokens(answer, "c a")
    assert refresh(wide, first["refresh_token"], WIDE, scope="a c") == answer
    assert refresh(wide, first["refresh_token"], WIDE) == answer
    assert refresh(wide, first["refresh_token"], WIDE, scope="a b") == BAD_SCOPE


# --- the two lives --------------------------------------------------------------------------------------------


@pytest.mark.security("RFC9700-4.14", "ASVS-7.3.1")
def test_a_refresh_token_lives_thirty_days(api: Api) -> None:
    first = start(api)
    api.time.advance(30 * DAY - 1)
    second = spring_tokens(refresh(api, first["refresh_token"]))
    api.time.advance(30 * DAY)
    before = stored(api)
    assert refresh(api, second["refresh_token"]) == BAD_REFRESH_TOKEN
    assert stored(api) == before


@pytest.mark.security("ASVS-7.3.2", "ASVS-10.4.8")
def test_rotation_does_not_extend_the_session_beyond_180_days(api: Api) -> None:
    """Towards its end the access token lives no longer than the session."""
    tokens = start(api)
    for _ in range(6):
        api.time.advance(29 * DAY)
        tokens = spring_tokens(refresh(api, tokens["refresh_token"]), expires_in=min(15, 180 - api_days(api)) * DAY)
    assert (api_days(api), tokens["expires_in"]) == (174, 6 * DAY)
    api.time.advance(6 * DAY - 1)
    assert opens(api, tokens)["username"] == "alice"
    last = spring_tokens(refresh(api, tokens["refresh_token"]), expires_in=1)
    api.time.advance(1)
    opens_nothing(api, last)
    assert refresh(api, last["refresh_token"]) == BAD_REFRESH_TOKEN
    assert refresh(api, tokens["refresh_token"]) == BAD_REFRESH_TOKEN


def api_days(api: Api) -> int:
    """Whole days since the clock's beginning."""
    return int(api.time.at - type(api.time)().at) // DAY


def test_both_lives_are_fields_of_the_record(api: Api) -> None:
    store: Any = api.services.store
    store.put_client(new_client("brief", "spring", "brief-secret", access_ttl=50, refresh_ttl=100, session_ttl=250))
    brief = ("brief", "brief-secret")
    first = spring_tokens(api.post("/oauth/token", form=ALICE, basic=brief), "", 50)
    api.time.advance(99)
    second = spring_tokens(refresh(api, first["refresh_token"], brief), "", 50)
    api.time.advance(99)
    third = spring_tokens(refresh(api, second["refresh_token"], brief), "", 50)
    api.time.advance(40)
    fourth = spring_tokens(refresh(api, third["refresh_token"], brief), "", 12)
    api.time.advance(12)
    assert refresh(api, fourth["refresh_token"], brief) == BAD_REFRESH_TOKEN
