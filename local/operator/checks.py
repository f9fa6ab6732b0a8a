"""What doctor looks at. Each check reads alone and gives findings.

One that breaks is a finding too, and the others go on.
"""

import json
import os
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

import botocore.exceptions

from lingpai import bootstrap
from lingpai.kernel import messages
from lingpai.kernel import phone_numbers as numbers
from lingpai.kernel.errors import LingpaiError, SettingsError
from lingpai.services import Services
from lingpai.settings import Settings, from_environment
from lingpai.signing_keys import service as keys
from lingpai.sms.model import Message
from lingpai.sms.sender import MaybeSent, NotSent, Sender
from local import deployment, dynamodb, environment, template
from local.operator import credentials
from local.operator.command_context import clients_of
from local.operator.keys import place_of, standing
from local.operator.target import Target

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# How old a key may grow with none to follow it where no schedule makes the next one, in seconds.
KEY_AGE = 180 * 24 * 3600
# AWS refuses requests whose time is five minutes off.
_SKEW_WARN, _SKEW_FAIL = 30, 300
_SHORTEST_PEPPER = 16
_ANSWERS_WITHIN = 5.0
_LONGEST_ANSWER = 1 << 20
_DENIED = {"AccessDenied", "AccessDeniedException"}
_NOBODYS_KEY: Mapping[str, Any] = {"S": "doctor:nobody", "N": "0", "B": b"\0"}


class State(StrEnum):
    """How grave it is."""

    ok = "ok"
    warn = "warn"
    fail = "fail"


@dataclass(frozen=True)
class Finding:
    """What one check found; the text says how to mend what is wrong."""

    check: str
    state: State
    text: str


@dataclass(frozen=True)
class Case:
    """What is looked at: `url` is the API's, None where nobody knows; `send_test` a number that wants a message."""

    target: Target
    services: Services
    url: str | None
    send_test: str | None = None

    @cached_property
    def client(self) -> "DynamoDBClient":
        """Of the tables' store."""
        return dynamodb.connect(self.services.settings.aws_region)

    @cached_property
    def tables(self) -> tuple[template.Table, ...]:
        """As the template describes them, with the names that they have here."""
        described = template.load(template.FILE).tables
        return tuple(environment.named(described, self.services.settings))


type Check = Callable[[Case], Iterator[Finding]]


def all_of(case: Case) -> Iterator[Finding]:
    """Every finding, in an order that holds."""
    store = list(_guarded("store", store_answers, case))
    yield from store
    answers = all(finding.state is not State.fail for finding in store if finding.check == "store")
    of_store: tuple[tuple[str, Check], ...] = (
        ("tables", tables),
        ("roles", roles),
        ("clients", clients),
    )
    for name, check in of_store if answers else ():
        yield from _guarded(name, check, case)
    others: tuple[tuple[str, Check], ...] = (
        ("keys", signing_keys),
        ("pepper", pepper),
        ("sms", sms),
        ("health", health),
        ("jwks", jwks),
        ("test message", test_message),
    )
    for name, check in others:
        yield from _guarded(name, check, case)


def store_answers(case: Case) -> Iterator[Finding]:
    """Whether DynamoDB answers, and what time it has."""
    finding = Finding("store", State.ok, "DynamoDB answers")
    try:
        answer: Any = case.client.list_tables(Limit=1)["ResponseMetadata"]
    except botocore.exceptions.ClientError as error:
        # Refused, and so answered: who may not list tables may still use them.
        answer = error.response["ResponseMetadata"]
        if error.response["Error"]["Code"] not in _DENIED:
            text = credentials.advice(error) or f"DynamoDB refuses: {error}"
            finding = Finding("store", State.fail, text)
    yield finding
    told = answer.get("HTTPHeaders", {}).get("date")
    if not told:
        yield Finding("clock", State.warn, "cannot be compared: the store tells no time")
        return
    skew = round(case.services.clock.time() - parsedate_to_datetime(told).timestamp())
    state = State.fail if abs(skew) >= _SKEW_FAIL else State.warn if abs(skew) >= _SKEW_WARN else State.ok
    mend = "" if state is State.ok else ": set this machine's clock (NTP)"
    yield Finding("clock", state, f"{abs(skew)} s {'ahead of' if skew > 0 else 'behind'} the store's{mend}")


def tables(case: Case) -> Iterator[Finding]:
    """Each table: there, with the key that the code asks by, items that expire, a past to go back to, and readable."""
    for table, name in zip(case.tables, _logical_names(), strict=True):
        yield from _table(case, table, name)


def _logical_names() -> list[str]:
    described = template.load(template.FILE).tables
    return [table.name.removesuffix("Table").lower() for table in described]


def _table(case: Case, table: template.Table, name: str) -> Iterator[Finding]:
    real = table.name
    try:
        there: Any = case.client.describe_table(TableName=real)["Table"]
    except botocore.exceptions.ClientError as error:
        yield Finding(f"table {name}", State.fail, _refused(error, real, "dynamodb:DescribeTable"))
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            yield from _readable(case, table, real, name)
        return
    if _keys(there) != _keys(table.create):
        text = f"{real} has the key {_spelt(there)}, and needs {_spelt(table.create)}: it is not this service's table"
        yield Finding(f"table {name}", State.fail, text)
        return
    if there.get("TableStatus", "ACTIVE") not in {"ACTIVE", "UPDATING"}:
        yield Finding(f"table {name}", State.warn, f"{real} is {there['TableStatus']}: look again in a minute")
    else:
        yield Finding(f"table {name}", State.ok, real)
    yield from _readable(case, table, real, name)
    if table.ttl:
        yield from _expires(case, real, name, table.ttl)
    if table.recoverable and not case.target.local:
        yield from _recoverable(case, real, name)


def _readable(case: Case, table: template.Table, real: str, name: str) -> Iterator[Finding]:
    kinds = {entry["AttributeName"]: entry["AttributeType"] for entry in table.create["AttributeDefinitions"]}
    key = {
        entry["AttributeName"]: {kinds[entry["AttributeName"]]: _NOBODYS_KEY[kinds[entry["AttributeName"]]]}
        for entry in table.create["KeySchema"]
    }
    try:
        case.client.get_item(TableName=real, Key=key)
    except botocore.exceptions.ClientError as error:
        yield Finding(f"access {name}", State.fail, _refused(error, real, "dynamodb:GetItem"))
    else:
        yield Finding(f"access {name}", State.ok, "can be read")


def _expires(case: Case, real: str, name: str, attribute: str) -> Iterator[Finding]:
    try:
        told: Any = case.client.describe_time_to_live(TableName=real)["TimeToLiveDescription"]
    except botocore.exceptions.ClientError as error:
        yield Finding(f"ttl {name}", State.warn, _refused(error, real, "dynamodb:DescribeTimeToLive"))
        return
    on = told.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"} and told.get("AttributeName") == attribute
    mend = f"what has expired is never deleted: turn on time to live of {real}, by the attribute {attribute}"
    yield Finding(f"ttl {name}", State.ok if on else State.warn, f"by the attribute {attribute}" if on else mend)


def _recoverable(case: Case, real: str, name: str) -> Iterator[Finding]:
    try:
        told: Any = case.client.describe_continuous_backups(TableName=real)["ContinuousBackupsDescription"]
    except botocore.exceptions.ClientError as error:
        yield Finding(f"recovery {name}", State.warn, _refused(error, real, "dynamodb:DescribeContinuousBackups"))
        return
    on = told.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus") == "ENABLED"
    mend = f"what is lost cannot be brought back: turn on point-in-time recovery of {real}"
    yield Finding(f"recovery {name}", State.ok if on else State.fail, "to a point in time" if on else mend)


def roles(case: Case) -> Iterator[Finding]:
    """Whether anybody could be an admin."""
    admin = case.services.settings.admin_role
    there = case.services.store.directory().roles.id_of(admin) is not None
    mend = f"there is no role {admin}, so nobody is an admin: `lingpai seed` makes roles"
    yield Finding("roles", State.ok if there else State.warn, f"{admin} is there" if there else mend)


def clients(case: Case) -> Iterator[Finding]:
    """Whether anybody could ask for a token."""
    found = clients_of(case.services).list_clients()
    count = sum(not client.disabled for client in found)
    mend = "there is no client, so nobody gets a token: `lingpai client create`"
    yield Finding("clients", State.ok if count else State.warn, f"{count} enabled of {len(found)}" if count else mend)


def signing_keys(case: Case) -> Iterator[Finding]:
    """Of each algorithm: a key that signs, not too old, or one to follow it."""
    wanted = _algorithms_wanted(case)
    settings, store = case.services.settings, place_of(case.services)
    if store is None:
        state = State.fail if wanted else State.warn
        whom = f", and clients are to get JWTs ({', '.join(sorted(wanted))})" if wanted else ""
        yield Finding("keys", state, f"there is no place for keys{whom}: name one by KEYS_KMS_KEY or KEYS_FILE")
        return
    if settings.keys_kms_key == bootstrap.UNWRAPPED:
        yield Finding(
            "keys", State.warn, "KEYS_KMS_KEY=local: private halves lie in the table unwrapped, as for `sam local`"
        )
    now = case.services.clock.now()
    known = standing(store.load_keys(), now)
    oldest = settings.key_period if settings.keys_kms_key else KEY_AGE
    tended = "; the schedule should have made it: see the log of KeysFunction" if settings.keys_kms_key else ""
    for algorithm in keys.ALGORITHMS:
        check = f"keys {algorithm}"
        rotate = f"`lingpai keys rotate --algorithm {algorithm}`"
        mine = [each for each in known if each.key.algorithm == algorithm]
        signing = [each.key for each in mine if each.state == "signing"]
        following = any(each.state == "next" for each in mine)
        if not signing:
            state = State.fail if algorithm in wanted else State.warn
            yield Finding(check, state, f"no key signs: {rotate} makes one{tended}")
            continue
        days = (now - signing[-1].signs_from) // 86400
        if now - signing[-1].signs_from > oldest and not following:
            yield Finding(check, State.warn, f"the key has signed for {days} days, and none follows: {rotate}{tended}")
        else:
            after = ", and the next one is published" if following else ""
            yield Finding(check, State.ok, f"the key has signed for {days} days{after}")


def _algorithms_wanted(case: Case) -> set[str]:
    """What clients are to get JWTs by; nothing where that cannot be read, which another check says."""
    try:
        found = clients_of(case.services).list_clients()
    except (LingpaiError, botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
        return set()
    return {client.token_alg for client in found if client.token_format == "jwt" and not client.disabled}


def pepper(case: Case) -> Iterator[Finding]:
    """Whether the key of the codes' hashes can be read; what it is stays untold."""
    if case.target.stack is not None:
        secret = deployment.pepper(case.target.stack).encode()
    else:
        settings = case.services.settings
        if not settings.code_pepper.get_secret_value() and not settings.code_pepper_secret:
            yield Finding("pepper", State.warn, "is not named here: CODE_PEPPER_SECRET, or --stack, says where it is")
            return
        secret = case.services.pepper()
    if len(secret) < _SHORTEST_PEPPER:
        yield Finding("pepper", State.fail, "is too short: codes could be told from their hashes. Make a long one")
    else:
        yield Finding("pepper", State.ok, "can be read")


def sms(case: Case) -> Iterator[Finding]:
    """Who delivers messages. What the settings lack has been said by now: the command would not have begun.

    Not so of a stack, whose functions alone have them.
    """
    stack = case.target.stack
    senders = stack.senders if stack else ",".join(case.services.settings.sms_provider)
    if senders == "console":
        state = State.ok if case.target.local else State.warn
        named = "the parameter SmsProvider" if stack else "SMS_PROVIDER"
        yield Finding("sms", state, f"console: no message is delivered; {named} names who shall")
    elif stack:
        yield Finding("sms", State.ok, f"{senders}, by the functions' settings, which are not looked at")
    else:
        yield Finding("sms", State.ok, f"{senders}: the settings are there; --send-test NUMBER tries it")


def _sending(case: Case) -> tuple[Settings, Sender]:
    """What a message is sent by; SettingsError where this environment lacks what the senders of a stack need."""
    services, stack = case.services, case.target.stack
    if stack is None:
        return services.settings, services.sms
    settings = from_environment({**os.environ, "SMS_PROVIDER": stack.senders})
    return settings, bootstrap.sender(settings, services.store, services.clock, services.meter)


def health(case: Case) -> Iterator[Finding]:
    """Whether the API answers, and its store it."""
    if case.url is None:
        yield Finding("health", State.warn, "where the API answers is not known: --url says it")
        return
    answer = _fetch(f"{case.url.rstrip('/')}/health")
    right = answer == {"status": "ok"}
    text = f"{case.url} answers" if right else f"{case.url}/health gives another answer: is this the API?"
    yield Finding("health", State.ok if right else State.fail, text)


def jwks(case: Case) -> Iterator[Finding]:
    """Whether the API publishes the keys that there are."""
    if case.url is None:
        return
    answer = _fetch(f"{case.url.rstrip('/')}/.well-known/jwks.json")
    entries = answer.get("keys") if isinstance(answer, dict) else None
    if not isinstance(entries, list):
        yield Finding("jwks", State.fail, "the API publishes no list of keys")
        return
    published = {entry.get("kid") for entry in entries}
    now = case.services.clock.now()
    store = place_of(case.services)
    stored = standing(store.load_keys() if store else (), now)
    missing = sorted(each.key.kid for each in stored if each.state != "gone" and each.key.kid not in published)
    if missing:
        seconds = case.services.settings.key_cache_ttl
        text = f"the API does not publish {', '.join(missing)}: look again in {seconds} s; else it has other keys"
        yield Finding("jwks", State.warn, text)
    else:
        yield Finding("jwks", State.ok, f"{len(published)} keys are published")


def test_message(case: Case) -> Iterator[Finding]:
    """A message by the provider, where one was asked for."""
    if case.send_test is None:
        return
    check = "test message"
    try:
        settings, sender = _sending(case)
    except SettingsError as error:
        lacking = "; ".join(str(error).splitlines())
        yield Finding(check, State.fail, f"not sent: this environment lacks what the functions have: {lacking}")
        return
    try:
        number = numbers.parse_mobile(case.send_test, settings)
    except LingpaiError as error:
        yield Finding(check, State.fail, f"not sent: {messages.text(error.reason, 'en', error.values)}")
        return
    code, minutes = "000000", settings.code_ttl // 60
    text = messages.message("login", "zh", {"code": code, "minutes": minutes})
    try:
        sender.send(Message(number, code, text, case.services.clock.now(), minutes))
    except NotSent as error:
        yield Finding(check, State.fail, f"not sent: {error.detail}")
    except MaybeSent as error:
        yield Finding(check, State.warn, f"nobody knows whether it was sent: {error.detail}")
    else:
        delivered = settings.sms_provider != ("console",)
        state = State.ok if delivered else State.warn
        yield Finding(check, state, "taken by the provider" if delivered else "console keeps it, and delivers none")


def _guarded(name: str, check: Check, case: Case) -> Iterator[Finding]:
    """The check's findings; what breaks it becomes one."""
    try:
        yield from check(case)
    except LingpaiError as error:
        advice = credentials.advice(error.__cause__)
        yield Finding(name, State.fail, advice or f"no answer: {error.__cause__ or error}")
    except botocore.exceptions.ClientError as error:
        yield Finding(name, State.fail, credentials.advice(error) or f"refused: {error}")
    except (deployment.DeploymentError, botocore.exceptions.BotoCoreError) as error:
        yield Finding(name, State.fail, credentials.advice(error) or str(error))
    except template.TemplateError as error:
        yield Finding(name, State.fail, str(error))
    except urllib.error.HTTPError as error:
        with error:
            yield Finding(name, State.fail, f"{error.url} answers {error.code}")
    except OSError as error:
        yield Finding(name, State.fail, f"no answer: {getattr(error, 'reason', None) or error}")
    except ValueError as error:
        yield Finding(name, State.fail, str(error))


def _fetch(url: str) -> Any:
    """The JSON at the address."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in {"http", "https"}:
        raise ValueError(f"{url} is no address such as https://login.example.com")
    context = ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE") or None)
    handlers: list[urllib.request.BaseHandler] = [urllib.request.HTTPSHandler(context=context)]
    if parts.hostname in {"127.0.0.1", "localhost"}:
        handlers.append(urllib.request.ProxyHandler({}))
    with urllib.request.build_opener(*handlers).open(url, timeout=_ANSWERS_WITHIN) as answer:
        body = answer.read(_LONGEST_ANSWER)
    try:
        return json.loads(body)
    except ValueError:
        raise ValueError(f"{url} answers no JSON: is this the API?") from None


def _refused(error: botocore.exceptions.ClientError, table: str, action: str) -> str:
    match error.response["Error"]["Code"]:
        case "ResourceNotFoundException":
            return f"there is no table {table}: deploy the stack, or name the right one (--stack, or its variable)"
        case code if code in _DENIED:
            return f"the caller lacks {action} on {table}: give it the permission"
        case code:
            return f"{table}: {code}: {error.response['Error'].get('Message', '')}"


def _keys(table: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    kinds = {entry["AttributeName"]: entry["AttributeType"] for entry in table["AttributeDefinitions"]}
    return [(entry["KeyType"], entry["AttributeName"], kinds[entry["AttributeName"]]) for entry in table["KeySchema"]]


def _spelt(table: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} ({kind})" for _, name, kind in _keys(table))
