"""The settings of the checks."""

from typing import Annotated

from pydantic import BeforeValidator

from lingpai.kernel.setting_types import FeatureSettings, words
from lingpai.sms.settings import Provider


class HealthSettings(FeatureSettings):
    """Health: what the console's function cannot know of the others by itself."""

    health_senders: Annotated[tuple[Provider, ...], BeforeValidator(words)] = ()
    """names: the `SMS_PROVIDER` of the deployment's other functions, which the [console](console.md) tells; without it
    its own
    """
