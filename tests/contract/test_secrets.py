"""Secret settings: from the environment, or from Secrets Manager (moto), fetched once."""

from collections.abc import Iterator
from typing import Any

import botocore.session
import moto
import pytest

from lingpai.aws import secrets
from lingpai.kernel.errors import LingpaiError
from tests.support.stores import settings

NAME = "lingpai/pepper"


@pytest.fixture
def manager() -> Iterator[Any]:
    with moto.mock_aws():
        yield botocore.session.get_session().create_client("secretsmanager", region_name="us-east-1")


def refused(read: Any) -> tuple[int, str]:
    with pytest.raises(LingpaiError) as error:
        read()
    return error.value.status, error.value.reason


def test_what_is_given_is_taken_and_nothing_is_fetched() -> None:
    """No Secrets Manager is there to ask."""
    given = settings(code_pepper="as it is", code_pepper_secret=NAME)
    assert secrets.secret(given, "code_pepper")() == "as it is"
    assert secrets.pepper(given)() == b"as it is"


def test_what_is_kept_is_fetched_once(manager: Any) -> None:
    arn = manager.create_secret(Name=NAME, SecretString="from the manager 密")["ARN"]
    by_name = secrets.secret(settings(code_pepper="", code_pepper_secret=NAME), "code_pepper")
    by_arn = secrets.pepper(settings(code_pepper="", code_pepper_secret=arn))
    assert (by_name(), by_arn()) == ("from the manager 密", "from the manager 密".encode())
    manager.put_secret_value(SecretId=NAME, SecretString="another by now")
    assert (by_name(), by_arn()) == ("from the manager 密", "from the manager 密".encode())


def test_what_cannot_be_read_is_no_secret_and_is_asked_for_again(manager: Any) -> None:
    read = secrets.secret(settings(code_pepper="", code_pepper_secret=NAME), "code_pepper")
    assert refused(read) == (503, "store_unavailable")
    manager.create_secret(Name=NAME, SecretString="here now")
    assert read() == "here now"


def test_nothing_set_is_no_empty_secret(manager: Any) -> None:
    """An empty key would hash the codes as if there were none."""
    assert refused(secrets.pepper(settings(code_pepper=""))) == (503, "store_unavailable")


def test_a_binary_secret_is_none(manager: Any) -> None:
    manager.create_secret(Name=NAME, SecretBinary=b"\x00\x01")
    assert refused(secrets.pepper(settings(code_pepper="", code_pepper_secret=NAME))) == (503, "store_unavailable")
