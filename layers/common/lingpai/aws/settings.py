"""The AWS settings."""

from typing import Annotated, Literal

from pydantic import Field

from lingpai.kernel.setting_types import FeatureSettings, TimeOut


class AwsSettings(FeatureSettings):
    """AWS: how it is called."""

    aws_region: str = "us-east-1"
    """region: where the tables are; Lambda sets it"""
    aws_transport: Literal["bare", "botocore"] = "bare"
    """`bare`, `botocore`: the client for DynamoDB, KMS and Secrets Manager: Lingpai's own small one, or botocore's
    ([why](decisions/0010-transport.md))
    """
    store_connect_timeout: TimeOut = 1.0
    """seconds: how long to wait for a connection to DynamoDB"""
    store_read_timeout: TimeOut = 2.0
    """seconds: how long to wait for its answer, or the next part of it"""
    store_attempts: Annotated[int, Field(ge=1)] = 3
    """times: how often a call is tried at most, within the function's time-out"""
