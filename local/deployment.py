"""Look up a deployed stack.

In: the stack's name, and AWS credentials that may read it. Out: the API's address, and the settings with which this
process uses the stack's tables as its functions do.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import botocore.config
import botocore.exceptions

from lingpai.settings import Settings
from local.errors import LocalError

_CONFIG = botocore.config.Config(connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 3})
# The stack's parameters that are settings of the operator's command too. SmsProvider is none of them: the command
# sends nothing, and need not have the settings that a sender requires.
_PARAMETERS = {
    "DigestLogin": "DIGEST_LOGIN",
    "Mfa": "MFA",
    "MfaRoles": "MFA_ROLES",
    "WechatAppsSecret": "WECHAT_APPS_SECRET",
    "OidcProviders": "OIDC_PROVIDERS",
    "Issuer": "ISSUER",
    "WebhookPorts": "WEBHOOK_PORTS",
    "AuditDays": "AUDIT_DAYS",
}
# The stack's outputs that are settings of the command, beside the tables.
_QUEUES = {
    "WEBHOOKS_QUEUE": "WebhooksQueue",
    "WEBHOOKS_FAILED_QUEUE": "WebhooksFailedQueue",
    "EVENTS_FAILED_QUEUE": "EventsFailedQueue",
    "EVENT_BUS": "EventBus",
}
# The template's names of the tables, which are the settings' defaults, by setting.
_TABLES = {name: str(field.default) for name, field in Settings.model_fields.items() if name.endswith("_table")}
_SENDERS = "SmsProvider"


class DeploymentError(LocalError):
    """The stack cannot be found or read. The message says why."""


@dataclass(frozen=True)
class Deployment:
    """What CloudFormation tells about a stack. `tables` and `parameters` have the names of settings.

    `queues` are the addresses of its queues and the name of its event bus, by setting. `keys_key` is the ARN of the
    KMS key that wraps signing keys; `senders` is the functions' SMS_PROVIDER. `given` has all parameters of the
    template, by their names there.
    """

    stack: str
    url: str
    region: str
    tables: Mapping[str, str]
    parameters: Mapping[str, str]
    queues: Mapping[str, str]
    keys_key: str
    senders: str
    given: Mapping[str, str]

    @property
    def environment(self) -> dict[str, str]:
        """The settings of the stack's functions that the stack tells."""
        return {
            **self.tables,
            **self.parameters,
            **self.queues,
            "KEYS_KMS_KEY": self.keys_key,
            "AWS_REGION": self.region,
        }


def find(stack: str) -> Deployment:
    """Return the stack of this name; raises DeploymentError if there is none, or it is of another service."""
    import boto3.session

    client = boto3.session.Session().client("cloudformation", config=_CONFIG)
    try:
        found = client.describe_stacks(StackName=stack)["Stacks"][0]
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        raise DeploymentError(f"{stack}: {error}") from error
    outputs = {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}
    wanted = ["ApiUrl", *_TABLES.values(), "KeysKey"]
    missing = [name for name in wanted if name not in outputs]
    if missing:
        raise DeploymentError(f"{stack}: is no stack of this service: it has no output {missing[0]}")
    given = {entry["ParameterKey"]: entry["ParameterValue"] for entry in found.get("Parameters", [])}
    return Deployment(
        stack=stack,
        url=outputs["ApiUrl"],
        region=client.meta.region_name,
        tables={name.upper(): outputs[table] for name, table in _TABLES.items()},
        parameters={setting: given[name] for name, setting in _PARAMETERS.items() if name in given},
        queues={name: outputs[queue] for name, queue in _QUEUES.items() if queue in outputs},
        keys_key=outputs["KeysKey"],
        senders=given.get(_SENDERS, "console"),
        given=given,
    )


def pepper(deployment: Deployment) -> str:
    """Return the key of the codes' hashes. It reveals codes in the table, so it is for checks and tests only."""
    import boto3.session

    session = boto3.session.Session()
    try:
        resource = session.client("cloudformation", config=_CONFIG).describe_stack_resource(
            StackName=deployment.stack, LogicalResourceId="CodePepper"
        )
        name = resource["StackResourceDetail"]["PhysicalResourceId"]
        return session.client("secretsmanager", config=_CONFIG).get_secret_value(SecretId=name)["SecretString"]
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        raise DeploymentError(f"{deployment.stack}: {error}") from error
