"""What the policies of the functions grant, and the ways to take one action away and see what a call says then.

The policy of a role is put without the action, the call is made, the policy is put back. A call that fails for want of
a permission is a fault (500) or a busy store (503); whatever else it answers, it was let through.
"""

import contextlib
import copy
import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lingpai.authorization import codes
from lingpai.authorization.dynamodb import serialize_code
from lingpai.authorization.model import AuthorizationCode, Login
from lingpai.kernel import base64url
from lingpai.sessions.dynamodb import serialize_session
from lingpai.sessions.model import Session, SessionKey
from tests.blackbox.service import Person, Service, new_name, somebody
from tests.deploy.stack import ALIAS, Stack, role_policies
from tests.deploy.stand_in import ACCOUNT, REGION
from tests.support.api import Answer
from tests.support.browsers import challenge
from tests.support.stores import TEMPLATE

Call = Callable[[], Answer]
# Function, resource and action, by the names of the template; a resource that a parameter names bears that one's.
Line = tuple[str, str, str]

GET, BATCH_GET, QUERY, SCAN = "dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:Scan"
PUT, UPDATE, DELETE = "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"
BATCH_WRITE, CHECK = "dynamodb:BatchWriteItem", "dynamodb:ConditionCheckItem"
DESCRIBE, DESCRIBE_TTL = "dynamodb:DescribeTable", "dynamodb:DescribeTimeToLive"
DESCRIBE_BACKUPS = "dynamodb:DescribeContinuousBackups"
SECRET = "secretsmanager:GetSecretValue"
ENCRYPT, DECRYPT, MAKE_PAIR = "kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKeyPairWithoutPlaintext"
SEND_TEXT, PUBLISH = "sms-voice:SendTextMessage", "sns:Publish"
RECEIVE, DELETE_MESSAGE = "sqs:ReceiveMessage", "sqs:DeleteMessage"
SEND_MESSAGE, PUT_EVENTS = "sqs:SendMessage", "events:PutEvents"
READ_STREAM = ("dynamodb:DescribeStream", "dynamodb:GetShardIterator", "dynamodb:GetRecords")
LIST_STREAMS = "dynamodb:ListStreams"
POSTPONE, LOOK_AT_QUEUE = "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"
# To IAM a phone number is no resource of SNS.
ANYTHING = "*"


def is_read_once(resource: str, action: str) -> bool:
    """Whether it is read once for an execution environment: a new one has to be made to see that it is read."""
    return action in {SECRET, DECRYPT} or (resource, action) in {("KeysTable", SCAN), ("WebhooksTable", SCAN)}


@dataclass(frozen=True)
class World:
    """The deployed API, its admin, and the operator's hand in its tables."""

    stack: Stack
    service: Service
    admin: str

    def somebody(self, *, number: bool = False) -> Person:
        """A new account."""
        return somebody(self.service, self.admin, number=number)

    def table(self, logical: str) -> str:
        """The name of a table."""
        return self.stack.physical(logical)

    def machine(self) -> tuple[str, str]:
        """A client with the role admin that no function has in its cache yet: a copy of machine-client."""
        return self.copy("machine-client")

    def signed(self) -> tuple[str, str]:
        """A copy of web-client whose access tokens are signed ones."""
        return self.copy("web-client", token_format={"S": "jwt"})

    def telling(self) -> tuple[str, str]:
        """A copy of web-client whose signed tokens tell the roles of their users."""
        return self.copy(
            "web-client", token_format={"S": "jwt"}, access_ttl={"N": "3600"}, claims={"L": [{"S": "roles"}]}
        )

    def copy(self, known: str, **changes: Any) -> tuple[str, str]:
        """A new client like one of the seed, but for these attributes (as DynamoDB writes them): id and secret."""
        dynamodb, table = self.stack.client("dynamodb"), self.table("ClientsTable")
        _, secret = self.service.client(known)
        item = dynamodb.get_item(TableName=table, Key={"client_id": {"S": known}})["Item"]
        name = new_name()
        dynamodb.put_item(TableName=table, Item={**item, **changes, "client_id": {"S": name}})
        return name, secret

    def crowd(self, user_id: int, most: int = 100) -> None:
        """So many live sessions, by default as many as an account may have, and the account with their count."""
        dynamodb, table, now = self.stack.client("dynamodb"), self.table("SessionsTable"), int(time.time())
        requests = []
        for number in range(most):
            key = SessionKey(user_id, b"crowd" + number.to_bytes(3))
            session = Session(key, "web-client", (), now, now + 3600, bytes(32), now + 3600, ())
            requests.append({"PutRequest": {"Item": serialize_session(session, now + 3600)}})
        for start in range(0, most, 25):
            dynamodb.batch_write_item(RequestItems={table: requests[start : start + 25]})
        dynamodb.update_item(
            TableName=self.table("UsersTable"),
            Key={"id": {"N": str(user_id)}},
            UpdateExpression="SET sessions = :most",
            ExpressionAttributeValues={":most": {"N": str(most)}},
        )

    def authorization_code(self, client_id: str, redirect_uri: str, user_id: int) -> str:
        """A code for the client, and the browser session that it was issued to."""
        dynamodb, now, secret = self.stack.client("dynamodb"), int(time.time()), secrets.token_bytes(32)
        browser = Session(SessionKey(user_id, secrets.token_bytes(8)), "a-browser", (), now, now + 600, b"x", now, ())
        code = AuthorizationCode(
            digest=codes.digest(secret),
            client_id=client_id,
            redirect_uri=redirect_uri,
            code_challenge=challenge(),
            scope=("openid",),
            resource=(),
            nonce=None,
            login=Login(user_id, ("pwd",), now, browser.key, now),
            opens=SessionKey(user_id, secrets.token_bytes(8)),
            salt=secrets.token_bytes(32),
            expires_at=now + codes.LIFETIME,
        )
        dynamodb.put_item(TableName=self.table("SessionsTable"), Item=serialize_session(browser, now + 600))
        dynamodb.put_item(TableName=self.table("CodesTable"), Item=serialize_code(code).serialize())
        return base64url.encode(secret)

    def put_old_key(self, number: int, days: int) -> None:
        """A copy of the first key ES256 that has signed since so many days ago."""
        dynamodb, table = self.stack.client("dynamodb"), self.table("KeysTable")
        first = {"algorithm": {"S": "ES256"}, "number": {"N": "1"}}
        item = dynamodb.get_item(TableName=table, Key=first)["Item"]
        began = int(item["signs_from"]["N"]) - days * 24 * 3600
        old = {"number": {"N": str(number)}, "kid": {"S": f"old{number}"}, "signs_from": {"N": str(began)}}
        dynamodb.put_item(TableName=table, Item={**item, **old})

    def post(self, path: str, **arguments: Any) -> Call:
        """The call, to be made later."""
        return lambda: self.service.post(path, **arguments)

    def by_web(self, path: str, **form: str) -> Call:
        """The call of the client web-client."""
        return self.post(path, form=form, basic=self.service.client("web-client"))

    def by_admin(self, path: str, **body: Any) -> Call:
        """The call of the admin."""
        return self.post(path, json_body=body, bearer=self.admin)

    def by_standard(self, grant: str, **form: str) -> Call:
        """A token by an extension grant."""
        form["grant_type"] = f"urn:lingpai:grant:{grant}"
        return self.post("/oauth/token", form=form, basic=self.service.client("standard-client"))


def check_needed[W: World](world: W, line: Line, prepare: Callable[[W], Call]) -> None:
    """The call is let through; taken away the line's action alone, it is not.

    `prepare` sets up what the call needs while nothing is missing, and gives the call itself.
    """
    function, resource, action = line
    answer = prepare(world)()
    assert answer.status < 500, answer
    call = prepare(world)
    with without(world.stack, function, resource, action):
        if is_read_once(resource, action):
            renew(world.stack, function)
        answer = call()
    assert answer.status in {500, 503}, answer


def forget_counts(stack: Stack) -> None:
    """No limit of an address is met: all calls come from one, as many as a day's work of a hundred people."""
    dynamodb, table = stack.client("dynamodb"), stack.physical("CountersTable")
    for item in dynamodb.scan(TableName=table)["Items"]:
        dynamodb.delete_item(TableName=table, Key={"key": item["key"]})


def granted(stack: Stack) -> Iterator[Line]:
    """Function, resource and action of all that the template's policies allow."""
    names = {arn: logical for logical, arn in arns(stack).items()}
    for function, (_, _, document) in role_policies(stack).items():
        for statement in document["Statement"]:
            if statement["Effect"] == "Allow":
                for resource in as_list(statement["Resource"]):
                    yield from ((function, names[resource], action) for action in as_list(statement["Action"]))


def arns(stack: Stack) -> dict[str, str]:
    """What policies can name, by its name in the template."""
    tables = [table.name for table in TEMPLATE.tables]
    found = {name: f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{stack.physical(name)}" for name in tables}
    for table in TEMPLATE.tables:
        for index in table.create.get("GlobalSecondaryIndexes", ()):
            found[f"{table.name}/{index['IndexName']}"] = f"{found[table.name]}/index/{index['IndexName']}"
    named = {name: value for name, value in stack.parameters().items() if value.startswith("arn:")}
    secret = stack.client("secretsmanager").describe_secret(SecretId=stack.physical("CodePepper"))
    key = stack.client("kms").describe_key(KeyId=stack.physical("KeysKey"))["KeyMetadata"]
    # Of a queue CloudFormation tells the address.
    queues = {
        name: f"arn:aws:sqs:{REGION}:{ACCOUNT}:{stack.physical(name).rpartition('/')[2]}"
        for name in ("WebhooksQueue", "WebhooksFailedQueue", "EventsFailedQueue")
    }
    bus = {"EventBus": f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{stack.physical('EventBus')}"}
    return {
        **found,
        **named,
        **queues,
        **streams(stack),
        **bus,
        "CodePepper": secret["ARN"],
        "KeysKey": key["Arn"],
        ANYTHING: ANYTHING,
    }


def streams(stack: Stack) -> dict[str, str]:
    """The streams of the tables, by the table's name and `.StreamArn`."""
    client = stack.client("dynamodb")
    return {
        f"{table.name}.StreamArn": client.describe_table(TableName=stack.physical(table.name))["Table"][
            "LatestStreamArn"
        ]
        for table in TEMPLATE.tables
        if table.stream
    }


@contextlib.contextmanager
def without(stack: Stack, function: str, resource: str, action: str) -> Iterator[None]:
    """The function's policy without this one, for as long as the context lasts."""
    iam = stack.client("iam")
    role, name, document = role_policies(stack)[function]
    less = copy.deepcopy(document)
    arn = arns(stack)[resource]
    statements: list[Any] = []
    for statement in less["Statement"]:
        rest = [other for other in as_list(statement.get("Resource", [])) if other != arn]
        if rest != as_list(statement.get("Resource", [])) and action in as_list(statement["Action"]):
            kept = [other for other in as_list(statement["Action"]) if other != action]
            statements += [{**statement, "Resource": arn, "Action": kept}] if kept else []
            statements += [{**statement, "Resource": rest}] if rest else []
        else:
            statements.append(statement)
    assert statements != document["Statement"]
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps({**less, "Statement": statements}))
    try:
        yield
    finally:
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))


def renew(stack: Stack, function: str, settings: Mapping[str, str] | None = None) -> None:
    """Have the function's next call met by a new execution environment: one of a new version, with these settings too.

    They are those that the template has no parameter for, such as the address of a vendor.
    """
    client, name = stack.client("lambda"), stack.physical(function)
    known = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    client.update_function_configuration(
        FunctionName=name, Description=secrets.token_hex(8), Environment={"Variables": {**known, **(settings or {})}}
    )
    version = client.publish_version(FunctionName=name)["Version"]
    client.update_alias(FunctionName=name, Name=ALIAS, FunctionVersion=version)


def as_list(value: Any) -> list[Any]:
    """A policy may name one thing without a list."""
    return value if isinstance(value, list) else [value]
