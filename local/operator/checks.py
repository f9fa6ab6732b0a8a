"""The checks of `lingpai doctor`: those of the console's page (`lingpai.health`), and what only a caller can tell.

Each reads only, and yields findings. A check that fails with an error is a finding too, and the others go on.
"""

import os
import urllib.error
from collections.abc import Callable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

import botocore.exceptions

from lingpai import bootstrap
from lingpai.health import checks, tables
from lingpai.health import model as health
from lingpai.health.model import State
from lingpai.health.storage import TableRefused
from lingpai.kernel import messages, phone_numbers
from lingpai.kernel.errors import LingpaiError, SettingsError
from lingpai.settings import Settings, from_environment
from lingpai.sms import texts
from lingpai.sms.model import Message
from lingpai.sms.sender import MaybeSent, NotSent, Sender
from local import template
from local.errors import LocalError
from local.operator import api_checks, credentials
from local.operator.findings import Case, Finding, in_english, verdict

type Check = Callable[[Case], Iterator[Finding]]

# In seconds. AWS refuses requests whose clock is five minutes off.
_SKEW_WARN, _SKEW_FAIL = 30, 300
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


def store(case: Case) -> Iterator[Finding]:
    """Check that DynamoDB answers."""
    try:
        yield from map(in_english, checks.store(case.deployment))
    except (LingpaiError, TableRefused) as error:
        yield Finding("store", State.fail, credentials.advice(error) or _why_no_answer(error))


def _why_no_answer(error: Exception) -> str:
    cause = error.__cause__ or error
    return str(cause) if isinstance(error, LingpaiError) else f"DynamoDB refuses: {cause}"


def clock(case: Case) -> Iterator[Finding]:
    """Compare this machine's clock with the store's."""
    try:
        answer: Any = case.client.list_tables(Limit=1)["ResponseMetadata"]
    except botocore.exceptions.ClientError as error:
        # A refusal tells the time, too: a caller who may not list tables may still use them.
        answer = error.response["ResponseMetadata"]
    told = answer.get("HTTPHeaders", {}).get("date")
    if not told:
        yield Finding("clock", State.warn, "cannot be compared: the store tells no time")
        return
    skew = round(case.services.clock.time() - parsedate_to_datetime(told).timestamp())
    text = f"{abs(skew)} s {'ahead of' if skew > 0 else 'behind'} the store's"
    otherwise = State.fail if abs(skew) >= _SKEW_FAIL else State.warn
    yield verdict("clock", abs(skew) < _SKEW_WARN, text, f"{text}: set this machine's clock (NTP)", otherwise)


def readable_tables(case: Case) -> Iterator[Finding]:
    """Check each table, and that the caller may read it."""
    for described in template.own().tables:
        for finding in tables.table(described.name.removesuffix("Table").lower(), case.deployment):
            yield in_english(finding)
            if finding.check == "table" and finding.text not in {"table_absent", "table_foreign"}:
                yield _readable(case, finding.subject)


def _readable(case: Case, table: str) -> Finding:
    shape, name = tables.shapes(case.deployment)[table], tables.real_name(case.deployment, table)
    key = {attribute: {kind: _ABSENT_KEY[kind]} for _, attribute, kind in shape.key}
    mend = ""
    try:
        case.client.get_item(TableName=name, Key=key)
    except botocore.exceptions.ClientError as error:
        code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
        denied = f"the caller lacks dynamodb:GetItem on {name}: give it the permission"
        mend = denied if code in _DENIED else f"{name}: {code}: {message}"
    return verdict(f"access {table}", not mend, "can be read", mend, State.fail)


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


def _shared(check: health.Check, case: Case) -> Iterator[Finding]:
    """Yield the findings of a check that the console shows, too."""
    return map(in_english, check(case.deployment))


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


# Those that only somebody outside of the functions can make, beside `access` of each table.
OUTSIDE: Mapping[str, Check] = {
    "clock": clock,
    "health": api_checks.health,
    "issuer": api_checks.issuer,
    "jwks": api_checks.jwks,
    "pages": api_checks.pages,
    "test message": test_message,
}
_CHECKS: Mapping[str, Check] = {
    "store": store,
    "clock": clock,
    "tables": readable_tables,
    **{name: partial(_shared, check) for name, check in checks.CHECKS.items() if name != "store"},
    **OUTSIDE,
}
_OF_STORE = {"clock", "tables", "roles", "clients", "addresses"}
