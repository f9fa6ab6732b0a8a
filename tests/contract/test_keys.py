"""The protocols KeyStore and KeyWrapper: what each keeps, makes and opens, also under many at once."""

import base64
import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding

from lingpai.aws.botocore_client import BotocoreClient
from lingpai.aws.json_format import KMS
from lingpai.kernel.errors import LingpaiError
from lingpai.signing_keys import service as keys
from lingpai.signing_keys.kms import KmsKeyWrapper
from lingpai.signing_keys.model import KeyPair, StoredKey
from lingpai.signing_keys.service import LEAD, PERIOD, PRIVATE_RETENTION, RETENTION, KeyRing
from lingpai.signing_keys.storage import KeyStore, KeyWrapper
from lingpai.signing_keys.stores import FileKeys, LocalKeyWrapper, MemoryKeys
from tests.deploy import stand_in
from tests.support import kms, stores
from tests.support.api import signing_keys
from tests.support.kms import Kms
from tests.support.races import RACERS, race, refusals, won
from tests.support.time import START, Time

ES, RS = "ES256", "RS256"


def a_key(number: int = 1, algorithm: str = ES, **changes: Any) -> StoredKey:
    key = StoredKey(algorithm, number, f"kid {algorithm} {number}", START, b"\x00public\xff", b"\x00private\xff")
    return replace(key, **changes)


@pytest.fixture(params=["memory", "file", "moto", pytest.param("dynamodb-local", marks=pytest.mark.dynamodb_local)])
def key_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[KeyStore]:
    """An empty store of keys, one of each kind in turn."""
    with ExitStack() as stack:
        match request.param:
            case "memory":
                yield MemoryKeys()
            case "file":
                yield FileKeys(tmp_path / "keys.json")
            case "moto":
                yield stack.enter_context(stores.on_moto())
            case _:
                endpoint = request.getfixturevalue("dynamodb_endpoint")
                yield stack.enter_context(stores.on_dynamodb_local(endpoint))


@pytest.fixture
def kms_here() -> Iterator[Kms]:
    """A KMS of our own, which counts."""
    with kms.running() as running:
        yield running


@pytest.fixture(scope="module")
def ministack() -> Iterator[Callable[[], KmsKeyWrapper]]:
    """Key wrappers of somebody else's KMS, each on a key of its own."""
    reason = stand_in.missing()
    if reason is not None:
        pytest.skip(f"ministack: {reason}")
    with stand_in.running() as running:

        def wrapper() -> KmsKeyWrapper:
            key_id = running.client("kms").create_key()["KeyMetadata"]["Arn"]
            return KmsKeyWrapper(
                stores.settings(keys_kms_key=key_id), lambda: BotocoreClient(running.client("kms"), KMS)
            )

        yield wrapper


@pytest.fixture(params=["open", "kms", "ministack"])
def wrapper(request: pytest.FixtureRequest) -> KeyWrapper:
    """A key wrapper, one of each kind in turn."""
    match request.param:
        case "open":
            return LocalKeyWrapper()
        case "kms":
            here: Kms = request.getfixturevalue("kms_here")
            return here.wrapper()
        case _:
            new: Callable[[], KmsKeyWrapper] = request.getfixturevalue("ministack")
            return new()


def kept(pair: KeyPair, algorithm: str = ES, number: int = 1, **changes: Any) -> StoredKey:
    key = StoredKey(algorithm, number, keys.thumbprint(pair.public), START, pair.public, pair.private)
    return replace(key, **changes)


def as_set(store: KeyStore) -> set[StoredKey]:
    found = store.load_keys()
    assert len(set(found)) == len(found)
    return set(found)


# --- the store ----------------------------------------------------------------------------------------------------


def test_what_is_added_comes_back(key_store: KeyStore) -> None:
    """Every field, in any order; keys of another algorithm have numbers of their own."""
    assert key_store.load_keys() == ()
    added = {a_key(), a_key(2, signs_from=START + 5), a_key(1, RS), a_key(2, RS, private=None), *signing_keys()}
    added = {key for key in added if key not in signing_keys()} | {
        replace(key, number=key.number + 10) for key in signing_keys()
    }
    for key in added:
        assert key_store.add_key(key) is True
    assert as_set(key_store) == added


def test_a_number_is_given_once(key_store: KeyStore) -> None:
    """The first stays as it is; the same key again, as after a lost answer, is no other one."""
    assert key_store.add_key(a_key())
    for other in (a_key(kid="other"), a_key(private=b"other"), a_key(signs_from=0), a_key(private=None)):
        assert key_store.add_key(other) is False
    assert key_store.add_key(a_key()) is True
    assert key_store.load_keys() == (a_key(),)


def test_a_private_half_goes(key_store: KeyStore) -> None:
    """Of this key alone, once and for all; of one that is not there nothing is made."""
    for key in (a_key(), a_key(2), a_key(1, RS)):
        key_store.add_key(key)
    for _ in range(2):
        key_store.forget_private(a_key())
    key_store.forget_private(a_key(3))
    assert as_set(key_store) == {a_key(private=None), a_key(2), a_key(1, RS)}


def test_a_key_goes(key_store: KeyStore) -> None:
    for key in (a_key(), a_key(2), a_key(1, RS)):
        key_store.add_key(key)
    for _ in range(2):
        key_store.delete_key(a_key())
    assert as_set(key_store) == {a_key(2), a_key(1, RS)}


def test_many_keys_come_back(reference: Any) -> None:
    """More than one page of DynamoDB's, which is a megabyte."""
    many = {a_key(number, public=bytes(60_000)) for number in range(1, 31)}
    for key in many:
        assert reference.add_key(key)
    assert as_set(reference) == many


# --- the key wrapper ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", [ES, RS])
def test_a_pair_belongs_together(wrapper: KeyWrapper, algorithm: str) -> None:
    """What the private half signs, the public half verifies (RFC 7518 sections 3.3, 3.4: P-256, 2048 bits at least)."""
    pair = wrapper.generate(algorithm, 7)
    private: Any = serialization.load_der_private_key(wrapper.unwrap(kept(pair, algorithm, 7)), None)
    public: Any = serialization.load_der_public_key(pair.public)
    assert public.key_size == {ES: 256, RS: 2048}[algorithm]
    if algorithm == ES:
        public.verify(private.sign(b"x", ec.ECDSA(hashes.SHA256())), b"x", ec.ECDSA(hashes.SHA256()))
    else:
        public.verify(
            private.sign(b"x", padding.PKCS1v15(), hashes.SHA256()), b"x", padding.PKCS1v15(), hashes.SHA256()
        )


def refused(wrapper: KeyWrapper, key: StoredKey) -> None:
    with pytest.raises(LingpaiError) as raised:
        wrapper.unwrap(key)
    assert (raised.value.status, raised.value.code, raised.value.reason) == (
        503,
        "temporarily_unavailable",
        "no_signing_key",
    )


@pytest.mark.parametrize("wrapper", ["kms", "ministack"], indirect=True)
def test_a_wrapped_half_is_of_use_for_its_key_alone(wrapper: KeyWrapper) -> None:
    """Neither under another number or algorithm, nor when it was changed."""
    pair = wrapper.generate(ES, 3)
    opened = wrapper.unwrap(kept(pair, ES, 3))
    assert opened[-32:] not in pair.private
    for key in (kept(pair, ES, 4), kept(pair, RS, 3), kept(pair, ES, 3, private=bytes(len(pair.private)))):
        refused(wrapper, key)


def test_what_one_key_of_kms_wrapped_no_other_opens(kms_here: Kms) -> None:
    """(ministack opens it: it reads the key's name out of what is wrapped.)"""
    pair = kms_here.wrapper().generate(ES, 3)
    refused(kms_here.wrapper(kms.KEY_ARN.replace("1234abcd", "0000abcd")), kept(pair, ES, 3))


@pytest.mark.parametrize("swap", ["private", "public"])
def test_a_ring_uses_no_halves_that_were_swapped(wrapper: KeyWrapper, swap: str) -> None:
    """By whoever can write the table: what is signed must be what the published key of this id verifies."""
    first, second = (kept(wrapper.generate(ES, number), ES, number) for number in (1, 2))
    swapped = replace(first, **{swap: getattr(second, swap)})
    ring = KeyRing(MemoryKeys(swapped), wrapper, Time().clock(), 300)
    with pytest.raises(LingpaiError, match="no_signing_key"):
        ring.signing(ES, START)
    untouched = KeyRing(MemoryKeys(first), wrapper, Time().clock(), 300)
    assert untouched.signing(ES, START).kid == first.kid


def test_what_kms_refuses_is_told_to_the_log_alone(kms_here: Kms) -> None:
    """With its error's name, and nothing else of it."""
    pair = kms_here.wrapper().generate(ES, 1)
    kms_here.denied = {"Decrypt", "GenerateDataKeyPairWithoutPlaintext"}
    with pytest.raises(LingpaiError) as opening:
        kms_here.wrapper().unwrap(kept(pair))
    assert opening.value.detail == "KMS Decrypt: AccessDeniedException"
    with pytest.raises(LingpaiError) as making:
        kms_here.wrapper().generate(ES, 1)
    assert making.value.detail == "KMS GenerateDataKeyPairWithoutPlaintext: AccessDeniedException"


def test_a_kms_that_cannot_be_reached_is_a_503() -> None:
    with kms.running() as gone:
        wrapper = gone.wrapper()
        pair = wrapper.generate(ES, 1)
    with pytest.raises(LingpaiError) as raised:
        wrapper.unwrap(kept(pair))
    assert raised.value.status == 503
    assert raised.value.detail is not None
    assert raised.value.detail.startswith("KMS Decrypt: ")
    assert base64.b64encode(pair.private).decode() not in raised.value.detail


def test_what_kms_is_asked(kms_here: Kms) -> None:
    """The context tells which key it is, as CloudTrail will show it."""
    wrapper = kms_here.wrapper()
    wrapper.unwrap(kept(wrapper.generate(RS, 12), RS, 12))
    context = {"purpose": "lingpai signing key", "algorithm": "RS256", "number": "12"}
    assert kms_here.asked == [("GenerateDataKeyPairWithoutPlaintext", context), ("Decrypt", context)]


# --- many at once -------------------------------------------------------------------------------------------------


class ReadyMade:
    """Gives out a pair that was made before, since 32 RSA keys at once take long; but no two private halves alike."""

    def __init__(self) -> None:
        self._count = itertools.count()

    def generate(self, algorithm: str, number: int) -> KeyPair:
        made = {key.algorithm: key for key in signing_keys()}[algorithm]
        return KeyPair(made.public, f"{number} {next(self._count)}".encode())

    def unwrap(self, key: StoredKey) -> bytes:
        raise NotImplementedError


@pytest.fixture(params=["memory", "file", pytest.param("dynamodb-local", marks=pytest.mark.dynamodb_local)])
def shared_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[KeyStore]:
    """The stores whose writes are conditional under load; moto's are not."""
    with ExitStack() as stack:
        match request.param:
            case "memory":
                yield MemoryKeys()
            case "file":
                yield FileKeys(tmp_path / "keys.json")
            case _:
                yield stack.enter_context(stores.on_dynamodb_local(request.getfixturevalue("dynamodb_endpoint")))


def numbers(store: KeyStore) -> list[tuple[str, int]]:
    return sorted((key.algorithm, key.number) for key in store.load_keys())


def test_runs_that_meet_make_one_key(shared_store: KeyStore) -> None:
    """32 at once: the first keys, then the next ones when they are due; each run that made one says so, no other."""
    time, wrapper = Time(), ReadyMade()
    for round_, at in enumerate((START, START + PERIOD - LEAD, START + 2 * PERIOD - LEAD), start=1):
        time.at = at
        outcomes = race([lambda: keys.maintain(shared_store, wrapper, time.clock())] * RACERS)
        assert refusals(outcomes) == {}
        made = [kid for outcome in won(outcomes) for kid in outcome.made]
        assert numbers(shared_store) == [(name, number) for name in (ES, RS) for number in range(1, round_ + 1)]
        assert sorted(made) == sorted(key.kid for key in shared_store.load_keys() if key.number == round_)


def test_runs_that_meet_take_away_together(shared_store: KeyStore) -> None:
    time, wrapper = Time(), ReadyMade()
    keys.maintain(shared_store, wrapper, time.clock())
    time.at = START + PERIOD - LEAD
    keys.maintain(shared_store, wrapper, time.clock())
    time.at = START + PERIOD + PRIVATE_RETENTION
    race([lambda: keys.maintain(shared_store, wrapper, time.clock())] * RACERS)
    assert {key.number for key in shared_store.load_keys() if key.private is None} == {1}
    time.at = START + PERIOD + RETENTION
    race([lambda: keys.maintain(shared_store, wrapper, time.clock())] * RACERS)
    assert 1 not in {key.number for key in shared_store.load_keys()}


def test_an_operator_and_the_schedule_meet(shared_store: KeyStore) -> None:
    """Whoever wanted a next key finds one, and no number is given twice."""
    time, wrapper = Time(), ReadyMade()
    keys.maintain(shared_store, wrapper, time.clock())
    outcomes = race([lambda: keys.rotate(shared_store, wrapper, time.clock(), ES)] * RACERS)
    assert refusals(outcomes) == {}
    made = [key for key in outcomes if isinstance(key, StoredKey)]
    assert made
    es = sorted(number for name, number in numbers(shared_store) if name == ES)
    assert es == list(range(1, len(made) + 2))
