"""The protocol SecretWrapper: what each wraps and opens."""

from collections.abc import Callable, Iterator

import pytest

from lingpai.aws.botocore_client import BotocoreClient
from lingpai.aws.json_format import KMS
from lingpai.aws.secret_wrapping import KmsSecretWrapper, LocalSecretWrapper, SecretWrapper
from lingpai.bootstrap import secret_wrapper
from lingpai.kernel.errors import LingpaiError
from lingpai.second_factors.model import SECRETS
from lingpai.signing_keys.model import StoredKey
from lingpai.webhooks.model import SECRETS as WEBHOOK_SECRETS
from tests.deploy import stand_in
from tests.support import kms
from tests.support.kms import KEY_ARN, Kms
from tests.support.stores import settings

SECRET = b"\x00twenty bytes of it\xff"


@pytest.fixture
def kms_here() -> Iterator[Kms]:
    with kms.running() as running:
        yield running


@pytest.fixture(scope="module")
def ministack() -> Iterator[Callable[[], KmsSecretWrapper]]:
    """Wrappers of somebody else's KMS, each on a key of its own."""
    reason = stand_in.missing()
    if reason is not None:
        pytest.skip(f"ministack: {reason}")
    with stand_in.running() as running:

        def wrapper() -> KmsSecretWrapper:
            key_id = running.client("kms").create_key()["KeyMetadata"]["Arn"]
            return KmsSecretWrapper(
                settings(keys_kms_key=key_id), SECRETS, lambda: BotocoreClient(running.client("kms"), KMS)
            )

        yield wrapper


def on(running: Kms, key: str = KEY_ARN) -> KmsSecretWrapper:
    return KmsSecretWrapper(settings(keys_kms_key=key), SECRETS, running.client)


@pytest.fixture(params=["open", "kms", "ministack"])
def wrapper(request: pytest.FixtureRequest) -> SecretWrapper:
    """A wrapper, one of each kind in turn."""
    match request.param:
        case "open":
            return LocalSecretWrapper()
        case "kms":
            return on(request.getfixturevalue("kms_here"))
        case _:
            new: Callable[[], KmsSecretWrapper] = request.getfixturevalue("ministack")
            return new()


def test_what_is_wrapped_opens(wrapper: SecretWrapper) -> None:
    assert wrapper.unwrap(wrapper.wrap(SECRET, 1), 1) == SECRET


@pytest.mark.security("TOTP-RFC6238-5.1")
def test_kms_opens_it_for_its_account_alone(kms_here: Kms) -> None:
    """Nor under another key, nor as a signing key, nor after a change of a byte."""
    wrapper = on(kms_here)
    wrapped = wrapper.wrap(SECRET, 1)
    assert SECRET not in wrapped
    assert wrapped != wrapper.wrap(SECRET, 1)
    other = on(kms_here, KEY_ARN.replace("1234abcd", "9876abcd"))
    as_key = StoredKey("ES256", 1, "kid", 0, b"", wrapped)
    attempts: list[Callable[[], bytes]] = [
        lambda: wrapper.unwrap(wrapped, 2),
        lambda: other.unwrap(wrapped, 1),
        lambda: wrapper.unwrap(wrapped[:-1] + bytes([wrapped[-1] ^ 1]), 1),
        lambda: kms_here.wrapper().unwrap(as_key),
    ]
    for attempt in attempts:
        with pytest.raises(LingpaiError) as refused:
            attempt()
        assert refused.value.status == 503
    contexts = [context for _, context in kms_here.asked]
    assert contexts[0] == {"purpose": "lingpai totp secret", "user": "1"}


@pytest.mark.security("HOOK-secret")
def test_kms_opens_it_for_its_webhook_alone(kms_here: Kms) -> None:
    """Nor as another secret of the same deployment: an account's, or a signing key."""
    wrapper = KmsSecretWrapper(settings(keys_kms_key=KEY_ARN), WEBHOOK_SECRETS, kms_here.client)
    wrapped = wrapper.wrap(SECRET, "1")
    assert wrapper.unwrap(wrapped, "1") == SECRET
    as_key = StoredKey("ES256", 1, "kid", 0, b"", wrapped)
    attempts: list[Callable[[], bytes]] = [
        lambda: wrapper.unwrap(wrapped, "2"),
        lambda: on(kms_here).unwrap(wrapped, 1),
        lambda: wrapper.unwrap(on(kms_here).wrap(SECRET, 1), "1"),
        lambda: kms_here.wrapper().unwrap(as_key),
    ]
    for attempt in attempts:
        with pytest.raises(LingpaiError) as refused:
            attempt()
        assert refused.value.status == 503
    assert kms_here.asked[0][1] == {"purpose": "lingpai webhook secret", "webhook": "1"}


def test_kms_refuses(kms_here: Kms) -> None:
    """A 503, whose detail is for the log."""
    wrapper = on(kms_here)
    wrapped = wrapper.wrap(SECRET, 1)
    kms_here.denied |= {"Encrypt", "Decrypt"}
    calls: dict[str, Callable[[], bytes]] = {
        "Encrypt": lambda: wrapper.wrap(SECRET, 1),
        "Decrypt": lambda: wrapper.unwrap(wrapped, 1),
    }
    for operation, call in calls.items():
        with pytest.raises(LingpaiError) as refused:
            call()
        assert (refused.value.status, refused.value.reason) == (503, "store_unavailable")
        assert refused.value.detail == f"KMS {operation}: AccessDeniedException"


def test_the_settings_choose() -> None:
    chosen = {key: type(secret_wrapper(settings(keys_kms_key=key), SECRETS)) for key in ("", "local", KEY_ARN)}
    assert chosen == {"": LocalSecretWrapper, "local": LocalSecretWrapper, KEY_ARN: KmsSecretWrapper}
