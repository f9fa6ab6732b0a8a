"""The checks of `lingpai doctor`. Each reads only, and yields findings.

A check that fails with an error is a finding too, and the others go on.
"""

import os
import urllib.error
from collections.abc import Callable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

import botocore.exceptions

from lingpai import bootstrap
from lingpai.clients import redirect_uris
from lingpai.kernel import messages, phone_numbers
from lingpai.kernel.errors import LingpaiError, SettingsError
from lingpai.settings import Settings, from_environment
from lingpai.signing_keys.service import ALGORITHMS, standing
from lingpai.sms import texts
from lingpai.sms.model import Message
from lingpai.sms.sender import MaybeSent, NotSent, Sender
from local import deployment, template
from local.errors import LocalError
from local.operator import api_checks, china_checks, credentials
from local.operator.findings import Case, Finding, State, verdict
from local.operator.keys import place_of
from local.seed import clients_of

type Check = Callable[[Case], Iterator[Finding]]

# The age in seconds at which a key needs a successor, where no schedule makes one.
KEY_AGE = 180 * 24 * 3600
# In seconds. AWS refuses requests whose clock is five minutes off.
_SKEW_WARN, _SKEW_FAIL = 30, 300
_SHORTEST_PEPPER = 16
# Six months, which the Cybersecurity Law of China (article 21) wants of logs.
_AUDIT_DAYS = 180
_DENIED = {"AccessDenied", "AccessDeniedException"}
_ABSENT_KEY: Mapping[str, Any] = {"S": "doctor:nobody", "N": "0", "B": b"\0"}


def all_of(case: Case) -> Iterator[Finding]:
    """Yield every finding, always in the same order; those that need the store only if it answers."""
    answers = True
    for name, check in _CHECKS.items():
        if answers or name not in _OF_STORE:
            for finding in _guarded(name, check, case):
                answers = answers and not (finding.check == "store" and finding.state is State.fail)
                yield finding


def store_answers(case: Case) -> Iterator[Finding]:
    """Check that DynamoDB answers, and compare the clocks."""
    finding = Finding("store", State.ok, "DynamoDB answers")
    try:
        answer: Any = case.client.list_tables(Limit=1)["ResponseMetadata"]
    except botocore.exceptions.ClientError as error:
        # A refusal is an answer: a caller who may not list tables may still use them.
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
    text = f"{abs(skew)} s {'ahead of' if skew > 0 else 'behind'} the store's"
    otherwise = State.fail if abs(skew) >= _SKEW_FAIL else State.warn
    yield verdict("clock", abs(skew) < _SKEW_WARN, text, f"{text}: set this machine's clock (NTP)", otherwise)


def tables(case: Case) -> Iterator[Finding]:
    """Check each table: its key, access, time to live and point-in-time recovery."""
    for described, table in zip(template.own().tables, case.tables, strict=True):
        yield from _table(case, table, described.name.removesuffix("Table").lower())


def _table(case: Case, table: template.Table, name: str) -> Iterator[Finding]:
    real = table.name
    try:
        there: Any = case.client.describe_table(TableName=real)["Table"]
    except botocore.exceptions.ClientError as error:
        yield Finding(f"table {name}", State.fail, _refused(error, real, "dynamodb:DescribeTable"))
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            yield _readable(case, table, name)
        return
    if _keys(there) != _keys(table.create):
        text = f"{real} has the key {_spelt(there)}, and needs {_spelt(table.create)}: it is not this service's table"
        yield Finding(f"table {name}", State.fail, text)
        return
    state = there.get("TableStatus", "ACTIVE")
    mend = f"{real} is {state}: look again in a minute"
    yield verdict(f"table {name}", state in {"ACTIVE", "UPDATING"}, real, mend)
    yield _readable(case, table, name)
    if table.ttl:
        yield _expires(case, real, name, table.ttl)
    if table.recoverable and not case.target.local:
        yield _recoverable(case, real, name)


def _readable(case: Case, table: template.Table, name: str) -> Finding:
    key = {attribute: {kind: _ABSENT_KEY[kind]} for _, attribute, kind in _keys(table.create)}
    get = partial(case.client.get_item, TableName=table.name, Key=key)
    _, refused = _ask(table.name, "dynamodb:GetItem", get)
    return verdict(f"access {name}", not refused, "can be read", refused, State.fail)


def _ask(table: str, action: str, call: Callable[[], Any]) -> tuple[Any, str]:
    """Return what the call answers, and an empty text; or nothing, and why it was refused and how to mend that."""
    try:
        return call(), ""
    except botocore.exceptions.ClientError as error:
        return {}, _refused(error, table, action)


def _expires(case: Case, real: str, name: str, attribute: str) -> Finding:
    describe = partial(case.client.describe_time_to_live, TableName=real)
    answer, refused = _ask(real, "dynamodb:DescribeTimeToLive", describe)
    told = answer.get("TimeToLiveDescription", {})
    on = told.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"} and told.get("AttributeName") == attribute
    mend = f"what has expired is never deleted: turn on time to live of {real}, by the attribute {attribute}"
    return verdict(f"ttl {name}", on, f"by the attribute {attribute}", refused or mend)


def _recoverable(case: Case, real: str, name: str) -> Finding:
    describe = partial(case.client.describe_continuous_backups, TableName=real)
    answer, refused = _ask(real, "dynamodb:DescribeContinuousBackups", describe)
    told = answer.get("ContinuousBackupsDescription", {}).get("PointInTimeRecoveryDescription", {})
    mend = f"what is lost cannot be brought back: turn on point-in-time recovery of {real}"
    on = told.get("PointInTimeRecoveryStatus") == "ENABLED"
    return verdict(f"recovery {name}", on, "to a point in time", refused or mend, State.warn if refused else State.fail)


def roles(case: Case) -> Iterator[Finding]:
    """Check that the admin role exists, and the roles that settings name."""
    admin = case.services.settings.admin_role
    there = case.services.store.directory().roles.id_of(admin) is not None
    mend = f"there is no role {admin}, so nobody is an admin: `lingpai seed` makes roles"
    yield verdict("roles", there, f"{admin} is there", mend)
    names = dict(case.services.store.directory().roles.names).values()
    settings = case.services.settings
    for check, setting, named in (
        ("second factors", "MFA_ROLES", settings.mfa_roles),
        ("old passwords", "PASSWORD_MAX_AGE_ROLES", settings.password_max_age_roles),
    ):
        for role in named:
            if role not in names:
                yield Finding(check, State.warn, f"there is no role {role}, which {setting} names")


def clients(case: Case) -> Iterator[Finding]:
    """Check that there is an enabled client."""
    found = clients_of(case.services).list_clients()
    count = sum(not client.disabled for client in found)
    mend = "there is no client, so nobody gets a token: `lingpai client create`"
    yield verdict("clients", count > 0, f"{count} enabled of {len(found)}", mend)
    for client in found:
        if client.mfa == "ignore":
            text = f"{client.id} logs users in without their second factor: `mfa` of its record is `ignore`"
            yield Finding("second factors", State.warn, text)


def addresses(case: Case) -> Iterator[Finding]:
    """Check where enabled clients may send their users, as when a record is written (RFC 9700 section 4.1.3)."""
    wrong, loopback, count = [], [], 0
    for client in clients_of(case.services).list_clients():
        if client.disabled:
            continue
        for uri in (*client.redirect_uris, *client.post_logout_redirect_uris):
            count += 1
            try:
                redirect_uris.check(uri, private_use=not client.confidential)
            except ValueError as error:
                wrong.append(f"{client.id}: {uri!r} {error}")
            else:
                # A back end on the user's own machine; a native app there has no secret.
                if uri.startswith("http:") and client.confidential and not case.target.local:
                    loopback.append(f"{client.id}: {uri}")
    if wrong:
        yield Finding("addresses", State.fail, f"{'; '.join(wrong)}: correct it in the seed file, and `lingpai seed`")
        return
    mend = f"{', '.join(loopback)}: it is for development: take it out of the record in a deployment"
    yield verdict("addresses", not loopback, f"{count} that clients may redirect to can be used", mend)


def signing_keys(case: Case) -> Iterator[Finding]:
    """Check that each algorithm has a key that signs, and that it is not too old without a successor."""
    wanted = case.algorithms
    settings, store = case.services.settings, place_of(case.services)
    if store is None:
        state = State.fail if wanted else State.warn
        whom = f", and clients are to get JWTs ({', '.join(sorted(wanted))})" if wanted else ""
        yield Finding("keys", state, f"there is no place for keys{whom}: name one by KEYS_KMS_KEY or KEYS_FILE")
        return
    if settings.keys_kms_key == bootstrap.UNWRAPPED:
        text = "KEYS_KMS_KEY=local: private halves lie in the table unwrapped, as for `sam local`"
        yield Finding("keys", State.warn, text)
    now = case.services.clock.now()
    known = standing(store.load_keys(), now)
    oldest = settings.key_period if settings.keys_kms_key else KEY_AGE
    tended = "; the schedule should have made it: see the log of KeysFunction" if settings.keys_kms_key else ""
    for algorithm in ALGORITHMS:
        check, rotate = f"keys {algorithm}", f"`lingpai keys rotate --algorithm {algorithm}`"
        mine = [each for each in known if each.key.algorithm == algorithm]
        signing = [each.key for each in mine if each.state == "signing"]
        following = any(each.state == "next" for each in mine)
        if not signing:
            state = State.fail if algorithm in wanted else State.warn
            yield Finding(check, state, f"no key signs: {rotate} makes one{tended}")
            continue
        age = now - signing[-1].signs_from
        text = f"the key has signed for {age // 86400} days"
        after = ", and the next one is published" if following else ""
        mend = f"{text}, and none follows: {rotate}{tended}"
        yield verdict(check, following or age <= oldest, text + after, mend)


def audit(case: Case) -> Iterator[Finding]:
    """Check how long events are kept: MLPS wants six months at least."""
    days = case.services.settings.audit_days
    mend = f"events are kept for {days} days: AUDIT_DAYS (AuditDays) of {_AUDIT_DAYS} at least, where MLPS holds"
    yield verdict("audit", days >= _AUDIT_DAYS, f"events are kept for {days} days", mend)


def pepper(case: Case) -> Iterator[Finding]:
    """Check that the key of the codes' hashes can be read. It is not shown."""
    if case.target.stack is not None:
        secret = deployment.pepper(case.target.stack).encode()
    else:
        settings = case.services.settings
        if not settings.code_pepper.get_secret_value() and not settings.code_pepper_secret:
            yield Finding("pepper", State.warn, "is not named here: CODE_PEPPER_SECRET, or --stack, says where it is")
            return
        secret = case.services.pepper()
    mend = "is too short: codes could be told from their hashes. Make a long one"
    yield verdict("pepper", len(secret) >= _SHORTEST_PEPPER, "can be read", mend, State.fail)


def sms(case: Case) -> Iterator[Finding]:
    """Say who delivers messages.

    Missing settings of a sender end the command before this check. A stack's are known to its functions only.
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
    """Return settings and sender; raises SettingsError if this environment lacks what the stack's senders need."""
    services, stack = case.services, case.target.stack
    if stack is None:
        return services.settings, services.sms
    settings = from_environment({**os.environ, "SMS_PROVIDER": stack.senders})
    return settings, bootstrap.sender(settings, services.store, services.clock, services.meter)


def test_message(case: Case) -> Iterator[Finding]:
    """Send a test message, if one was asked for."""
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
        number = phone_numbers.parse_mobile(case.send_test, settings)
    except LingpaiError as error:
        yield Finding(check, State.fail, f"not sent: {messages.text(error.reason, 'en', error.values)}")
        return
    code, minutes = "000000", settings.code_ttl // 60
    text = texts.text("login", "zh", {"code": code, "minutes": minutes})
    try:
        sender.send(Message(number, code, text, case.services.clock.now(), minutes))
    except NotSent as error:
        yield Finding(check, State.fail, f"not sent: {error.detail}")
    except MaybeSent as error:
        yield Finding(check, State.warn, f"nobody knows whether it was sent: {error.detail}")
    else:
        delivered = settings.sms_provider != ("console",)
        yield verdict(check, delivered, "taken by the provider", "console keeps it, and delivers none")


def _guarded(name: str, check: Check, case: Case) -> Iterator[Finding]:
    """Yield the check's findings; an error becomes one."""
    try:
        yield from check(case)
    except urllib.error.HTTPError as error:
        with error:
            yield Finding(name, State.fail, f"{error.url} answers {error.code}")
    except (
        LingpaiError,
        botocore.exceptions.ClientError,
        botocore.exceptions.BotoCoreError,
        LocalError,
        OSError,
        ValueError,
    ) as error:
        yield Finding(name, State.fail, credentials.advice(error) or _described(error))


def _described(error: Exception) -> str:
    match error:
        case LingpaiError():
            return f"no answer: {error.__cause__ or error}"
        case botocore.exceptions.ClientError():
            return f"refused: {error}"
        case OSError():
            return f"no answer: {getattr(error, 'reason', None) or error}"
        case _:
            return str(error)


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


_CHECKS: Mapping[str, Check] = {
    "store": store_answers,
    "tables": tables,
    "roles": roles,
    "clients": clients,
    "addresses": addresses,
    "keys": signing_keys,
    "audit": audit,
    "pepper": pepper,
    "sms": sms,
    "region": china_checks.region,
    "health": api_checks.health,
    "issuer": api_checks.issuer,
    "jwks": api_checks.jwks,
    "pages": api_checks.pages,
    "test message": test_message,
}
_OF_STORE = {"tables", "roles", "clients", "addresses"}
