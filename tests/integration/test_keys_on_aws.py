"""Keys wrapped by KMS, from the schedule's function to the token: who asks KMS what, and how often, at the wire."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import jwt as pyjwt
import pytest

from lingpai import bootstrap
from lingpai.signing_keys.service import ALGORITHMS, LEAD, PERIOD, PRIVATE_RETENTION, RETENTION
from lingpai.signing_keys.storage import KeyStore
from lingpai.signing_keys.stores import MemoryKeys
from local import functions
from tests.support import kms, stores
from tests.support.api import Api, populate
from tests.support.kms import KEY_ARN, Kms
from tests.support.memory_store import MemoryStore
from tests.support.meter import MemoryMeter
from tests.support.stores import ROOT, TEMPLATE, settings
from tests.support.time import START, Time

ISSUER = "https://login.example.com"
MADE, OPENED = "GenerateDataKeyPairWithoutPlaintext", "Decrypt"
PASSWORD = {"grant_type": "password", "username": "alice", "password": "correct horse battery"}
PASSPORT = {**PASSWORD, "client_id": "2", "client_secret": "passport-secret"}
MACHINE = ("machine-jwt", "machine-jwt-secret")

_invoke = functions.load(TEMPLATE, ROOT)


@dataclass
class Stack:
    """A deployment's tables and KMS, and a clock for all who run on it."""

    tables: Any
    keys: KeyStore
    kms: Kms
    time: Time
    monkeypatch: pytest.MonkeyPatch

    def environment(self) -> Api:
        """A new execution environment, which is the one that is called from now on."""
        own = settings(keys_kms_key=KEY_ARN, issuer=ISSUER)
        built = bootstrap.build(own, self.tables, self.time.clock(), keys=self.keys, wrapper=self.kms.wrapper())
        services = replace(built, meter=MemoryMeter())
        self.monkeypatch.setattr(bootstrap, "services", lambda: services)
        self.monkeypatch.setattr(bootstrap, "key_store", lambda *_: self.keys)
        self.monkeypatch.setattr(bootstrap, "key_wrapper", lambda _: self.kms.wrapper())
        return Api(services, self.time)

    def maintain(self, **event: Any) -> Any:
        """What the function of the schedule answers."""
        return _invoke("KeysFunction", event)


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """An empty one with the inhabitants of `make_api`."""
    with stores.on_moto() as tables, kms.running() as running:
        opened = Stack(tables, tables, running, Time(), monkeypatch)
        populate(opened.environment().services)
        yield opened


@pytest.fixture
def quick_stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """The same on memory, for tests that live through years."""
    with kms.running() as running:
        opened = Stack(MemoryStore(), MemoryKeys(), running, Time(), monkeypatch)
        populate(opened.environment().services)
        yield opened


def kid(token: str) -> str:
    found: str = pyjwt.get_unverified_header(token)["kid"]
    return found


def machine_token(api: Api) -> str:
    answer = api.post("/oauth/token", form={"grant_type": "client_credentials"}, basic=MACHINE)
    assert answer.status == 200, answer
    token: str = answer.json["access_token"]
    return token


def passport_token(api: Api) -> str:
    answer = api.post("/oauth/token", form=PASSPORT)
    assert answer.status == 200, answer
    token: str = answer.json["access_token"]
    return token


def published(api: Api) -> dict[str, Any]:
    answer = api.call("GET", "/.well-known/jwks.json")
    assert answer.status == 200
    return {key["kid"]: key for key in answer.json["keys"]}


def verifies(jwk_set: dict[str, Any], token: str) -> None:
    """By the JWK set alone; times are not compared, since PyJWT would look at the real clock."""
    key = pyjwt.PyJWK(jwk_set[kid(token)])
    options: Any = {"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": False}
    assert pyjwt.decode(token, key, [key.algorithm_name], options=options)["iss"] == ISSUER


# --- the first keys -----------------------------------------------------------------------------------------------


def test_until_the_first_run_nothing_can_be_signed(stack: Stack) -> None:
    """503 for who is to get a signed token; the same environment signs as soon as the keys are there."""
    api = stack.environment()
    assert published(api) == {}
    assert api.post("/oauth/token", form=PASSPORT).status == 503
    assert api.token(), "an opaque token needs no key"
    made = stack.maintain()
    assert {len(made["made"]), made["emptied"] == made["deleted"] == []} == {2, True}
    stack.time.advance(1)
    assert kid(passport_token(api)) in made["made"]
    assert kid(machine_token(api)) in made["made"]
    stack.time.advance(300)
    assert set(published(api)) == set(made["made"])


def test_a_run_finds_nothing_to_do(stack: Stack) -> None:
    """Nor does it ask KMS."""
    stack.maintain()
    asked = len(stack.kms.asked)
    for _ in range(3):
        stack.time.advance(3600)
        assert stack.maintain() == {"made": [], "emptied": [], "deleted": []}
    assert len(stack.kms.asked) == asked == 2
    assert stack.kms.operations() == [MADE, MADE], "whoever makes the keys opens none"


def test_a_run_that_fails_says_so(stack: Stack) -> None:
    """So that the schedule's retries and alarms see it; and the next one makes up for it."""
    stack.kms.denied = {MADE}
    with pytest.raises(Exception, match="temporarily_unavailable"):
        stack.maintain()
    stack.kms.denied = set()
    assert len(stack.maintain()["made"]) == 2


def test_an_operator_asks_for_the_next_key(stack: Stack) -> None:
    """As after a leak: it signs after the lead, as any other."""
    first = stack.maintain()["made"]
    asked = stack.maintain(rotate=["ES256"])
    assert len(asked["made"]) == 1
    api = stack.environment()
    assert set(published(api)) == {*first, *asked["made"]}
    assert kid(machine_token(api)) in first
    stack.time.advance(LEAD)
    assert kid(machine_token(api)) == asked["made"][0]
    with pytest.raises(ValueError, match="HS256: not of ES256, RS256"):
        stack.maintain(rotate=["HS256"])


# --- who asks KMS, and how often ----------------------------------------------------------------------------------


def test_each_private_half_is_opened_once_in_an_environment(stack: Stack) -> None:
    """Whatever the number of tokens, and when the keys are read anew as well; another environment opens its own."""
    stack.maintain()
    for environment in (1, 2):
        api = stack.environment()
        del stack.kms.asked[:]
        for round_ in range(4):
            assert {kid(machine_token(api)) for _ in range(3)} <= set(published(api)), (environment, round_)
            passport_token(api)
            stack.time.advance(301)
        assert stack.kms.operations() == [OPENED, OPENED]
        assert {context["algorithm"] for _, context in stack.kms.asked} == set(ALGORITHMS)


def test_nobody_asks_kms_to_verify(stack: Stack) -> None:
    """Nor for the JWK set: an environment that may not open a private half does all but sign."""
    stack.maintain()
    issuing = stack.environment()
    user, machine = passport_token(issuing), machine_token(issuing)
    api = stack.environment()
    stack.kms.denied = {OPENED, MADE}
    del stack.kms.asked[:]
    assert len(published(api)) == 2
    assert api.post("/user/getUserByToken", form={"accessToken": user}).json["data"]["username"] == "alice"
    assert api.post("/oauth/introspect", form={"token": machine}, basic=MACHINE).json["active"] is True
    assert api.post("/oauth/revoke", form={"token": machine}, basic=MACHINE).status == 200
    assert stack.kms.asked == []
    refused = api.post("/oauth/token", form=PASSPORT)
    assert refused.status == 503
    assert refused.json["error"] == "temporarily_unavailable"
    assert stack.kms.operations() == [OPENED]
    assert api.token(), "an opaque token is signed by nobody"
    stack.kms.denied = set()
    assert passport_token(api)


def test_opaque_tokens_read_no_keys(stack: Stack) -> None:
    """Nor does a deployment whose clients take no signed ones need any."""
    api = stack.environment()
    token = api.token()
    assert api.post("/users/current", bearer=token).status == 200
    assert stack.kms.asked == []


def test_the_settings_choose_the_keys(tmp_path: Any) -> None:
    """KMS before a file before nothing; nothing is connected to, or read, before it is needed."""
    chosen = [
        (type(bootstrap.key_store(own)).__name__, type(bootstrap.key_wrapper(own)).__name__)
        for own in (
            settings(keys_kms_key=KEY_ARN, keys_file=str(tmp_path / "keys.json")),
            settings(keys_file=str(tmp_path / "keys.json")),
            settings(),
        )
    ]
    assert chosen == [
        ("DynamoStore", "KmsKeyWrapper"),
        ("FileKeys", "LocalKeyWrapper"),
        ("MemoryKeys", "LocalKeyWrapper"),
    ]
    assert bootstrap.build(settings(keys_kms_key=KEY_ARN), MemoryStore()).settings.keys_kms_key == KEY_ARN


# --- over the years -----------------------------------------------------------------------------------------------


def test_three_years_of_keys(quick_stack: Stack) -> None:
    """Day by day: each key is known a day before it signs, and as long as anything that it signed lives: a year."""
    day, lives = 86400, 365 * 86400
    stack = quick_stack
    api = stack.environment()
    stack.maintain()
    known_since: dict[str, int] = {}
    alive: list[tuple[str, int]] = []
    signed_by: list[str] = []
    sizes = set()
    for _ in range(3 * 365):
        stack.maintain()
        now = int(stack.time.at)
        names = published(api)
        for name in names:
            known_since.setdefault(name, now)
        key = api.services.keys.signing("RS256", now)
        if not signed_by or signed_by[-1] != key.kid:
            assert known_since[key.kid] <= now - LEAD or not signed_by
            signed_by.append(key.kid)
        if not alive or key.kid != kid(alive[-1][0]):
            alive.append((passport_token(api), now + lives))
        else:
            # The last token of this key so far.
            alive[-1] = (alive[-1][0], now + lives)
        for token, until in alive:
            assert kid(token) in names
            if until <= now + day:
                verifies(names, token)
        alive = [(token, until) for token, until in alive if until > now + day]
        sizes.add(len(names))
        stack.time.advance(day)
    assert len(signed_by) == -(-3 * 365 * day // PERIOD)
    assert len(set(signed_by)) == len(signed_by)
    # A key that signs, and those of a year and a quarter before, of two kinds; for a day the next ones as well.
    assert max(sizes) <= 2 * (RETENTION // PERIOD + 3)
    assert min(sizes) == 2
    kept = {key.kid: key for key in stack.keys.load_keys() if key.algorithm == "RS256"}
    assert [name for name in signed_by if name in kept] == signed_by[-len(kept) :], "the oldest are gone"
    assert len(kept) < len(signed_by)
    assert [name for name in kept if kept[name].private is not None] == [signed_by[-1]]


def test_what_is_kept_of_a_retired_key(stack: Stack) -> None:
    """Its private half for a day, for answers that are repeated; its public half until nothing it signed can live."""
    first = set(stack.maintain()["made"])
    stack.time.at = START + PERIOD - LEAD - 1
    assert stack.maintain()["made"] == []
    stack.time.advance(1)
    second = set(stack.maintain()["made"])
    assert len(second) == 2
    stack.time.at = START + PERIOD + PRIVATE_RETENTION - 1
    assert stack.maintain() == {"made": [], "emptied": [], "deleted": []}
    stack.time.advance(1)
    assert set(stack.maintain()["emptied"]) == first
    assert {key.kid for key in stack.keys.load_keys() if key.private is None} == first
    stack.time.at = START + PERIOD + RETENTION - 1
    assert set(stack.maintain()["deleted"]) == set()
    stack.time.advance(1)
    assert set(stack.maintain()["deleted"]) == first
    assert first & {key.kid for key in stack.keys.load_keys()} == set()


def test_a_schedule_that_stood_still_goes_on(stack: Stack) -> None:
    """For a year: the old key signs on, the next one is known for a day before it takes over."""
    first = stack.maintain()["made"]
    stack.time.advance(365 * 86400)
    api = stack.environment()
    assert kid(machine_token(api)) in first
    made = stack.maintain()["made"]
    assert len(made) == 2
    stack.time.advance(LEAD - 1)
    assert set(published(api)) == {*first, *made}
    assert kid(machine_token(api)) in first
    stack.time.advance(1)
    assert kid(machine_token(api)) in made
