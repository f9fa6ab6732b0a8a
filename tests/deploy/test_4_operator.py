"""What the policy of the stack's operator says of KMS: keys are made for signing alone, and none is opened."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import botocore.exceptions
import pytest

from tests.deploy.stack import Stack, policy

STATEMENT = "ToMakeKeysAndOpenNone"


@contextmanager
def without(stack: Stack, sid: str) -> Iterator[None]:
    """The operator's policy without this statement, for as long as the context lasts."""
    whole = policy("operator", stack.name)
    less = [statement for statement in whole["Statement"] if statement["Sid"] != sid]
    assert len(less) == len(whole["Statement"]) - 1

    def put(document: Any) -> None:
        stack.client("iam").put_user_policy(
            UserName="operator", PolicyName="all-it-may", PolicyDocument=json.dumps(document)
        )

    put({**whole, "Statement": less})
    try:
        yield
    finally:
        put(whole)


def test_rotating_keys_needs_the_statement(stack: Stack) -> None:
    rotate = ("keys", "rotate", "--algorithm", "ES256", "--yes", "--json")
    done = stack.command(*rotate)
    assert (done.returncode, [key["algorithm"] for key in json.loads(done.stdout)["keys"]]) == (0, ["ES256"]), done
    with without(stack, STATEMENT):
        refused = stack.command(*rotate)
    assert refused.returncode != 0
    assert "KMS refuses" in refused.stderr + refused.stdout
    assert stack.command(*rotate).returncode == 0


@pytest.mark.parametrize("context", [{"purpose": "another"}, {"number": "1"}, None], ids=str)
def test_keys_are_made_for_signing_alone(stack: Stack, context: dict[str, str] | None) -> None:
    """The condition on the encryption context. (The stand-in is given the key of it: docs/deployment-tests.md.)"""
    kms, key = stack.stand_in.client("kms", stack.operator), stack.physical("KeysKey")

    def make(given: dict[str, str] | None) -> Any:
        more = {} if given is None else {"EncryptionContext": given}
        return kms.generate_data_key_pair_without_plaintext(KeyId=key, KeyPairSpec="ECC_NIST_P256", **more)

    assert make({"purpose": "lingpai signing key", "number": "1"})["PrivateKeyCiphertextBlob"]
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        make(context)
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"


def test_no_key_is_opened(stack: Stack) -> None:
    kms, context = stack.stand_in.client("kms", stack.operator), {"purpose": "lingpai signing key"}
    made = kms.generate_data_key_pair_without_plaintext(
        KeyId=stack.physical("KeysKey"), KeyPairSpec="ECC_NIST_P256", EncryptionContext=context
    )
    blob = made["PrivateKeyCiphertextBlob"]
    assert stack.client("kms").decrypt(CiphertextBlob=blob, EncryptionContext=context)["Plaintext"]
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"
