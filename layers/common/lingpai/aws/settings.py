"""The AWS settings."""

from typing import Annotated, Literal

from pydantic import Field

from lingpai.kernel.setting_types import FeatureSettings, TimeOut


class AwsSettings(FeatureSettings):
    """How AWS is called."""

    aws_region: str = "us-east-1"
    aws_transport: Literal["bare", "botocore"] = "bare"
    store_connect_timeout: TimeOut = 1.0
    store_read_timeout: TimeOut = 2.0
    store_attempts: Annotated[int, Field(ge=1)] = 3
