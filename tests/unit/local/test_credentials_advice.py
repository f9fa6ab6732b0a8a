"""What is told where AWS does not know who asks."""

import botocore.exceptions
import pytest
from botocore.exceptions import ClientError

from lingpai.kernel.errors import unavailable
from local.deployment import DeploymentError
from local.operator.credentials import advice

pytestmark = pytest.mark.security("F4")


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {}}, "GetItem")  # type: ignore[typeddict-item]  # the rest is not read


def caused(by: Exception, error: Exception) -> Exception:
    error.__cause__ = by
    return error


NONE = botocore.exceptions.NoCredentialsError()


@pytest.mark.parametrize(
    ("error", "start"),
    [
        (NONE, "there are no AWS credentials: "),
        (caused(NONE, unavailable()), "there are no AWS credentials: "),
        (caused(NONE, DeploymentError("lingpai: no")), "there are no AWS credentials: "),
        (botocore.exceptions.NoRegionError(), "no AWS region is known: "),
        (botocore.exceptions.ProfileNotFound(profile="dev"), "there is no profile dev, which AWS_PROFILE names: "),
        (
            botocore.exceptions.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"),
            "the AWS credentials cannot be used (",
        ),
        (botocore.exceptions.UnauthorizedSSOTokenError(), "the AWS credentials cannot be used ("),
        (refused("ExpiredTokenException"), "AWS does not take these credentials (ExpiredTokenException): "),
        (caused(refused("UnrecognizedClientException"), DeploymentError("x")), "AWS does not take these credentials ("),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_it_says_what_to_name(error: Exception, start: str) -> None:
    line = advice(error)
    assert line is not None
    assert line.startswith(start)
    assert len(line.splitlines()) == 1
    assert all(word in line for word in ("--local", "--stack", "AWS_PROFILE"))


@pytest.mark.parametrize("error", [None, ValueError("x"), refused("AccessDeniedException"), unavailable()], ids=repr)
def test_of_other_errors_it_says_nothing(error: Exception | None) -> None:
    assert advice(error) is None
