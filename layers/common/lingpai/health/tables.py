"""The check of the tables: each is as its setting says (`kernel.setting_types.Table`)."""

from collections.abc import Iterator
from functools import partial

from lingpai.health.model import Deployment, Finding, State
from lingpai.health.storage import Key, TableRefused
from lingpai.kernel.setting_types import Table

_USABLE = {"ACTIVE", "UPDATING"}


def shapes(deployment: Deployment) -> dict[str, Table]:
    """What the tables of a deployment have to be like, each by the name of its setting without `_table`."""
    fields = type(deployment.services.settings).model_fields
    return {
        name.removesuffix("_table"): shape
        for name, field in fields.items()
        for shape in field.metadata
        if isinstance(shape, Table)
    }


def real_name(deployment: Deployment, name: str) -> str:
    """The name that the table has in this deployment."""
    real: str = getattr(deployment.services.settings, f"{name}_table")
    return real


def table(name: str, deployment: Deployment) -> Iterator[Finding]:
    """Check one table: its key, its status, time to live and point-in-time recovery; in one to three calls."""
    store, shape, real = deployment.services.store, shapes(deployment)[name], real_name(deployment, name)
    said = {"table": real}
    finding = partial(Finding, subject=name)
    try:
        there = store.describe_table(real)
    except TableRefused as refused:
        yield finding("table", State.fail, *_refused(refused, real, "dynamodb:DescribeTable"))
        return
    if there.key != shape.key:
        keys = {"key": _spelt(there.key), "needed": _spelt(shape.key)}
        yield finding("table", State.fail, "table_foreign", {**said, **keys})
        return
    if there.status in _USABLE:
        yield finding("table", State.ok, "table_ok", said)
    else:
        yield finding("table", State.warn, "table_busy", {**said, "status": there.status})
    if shape.ttl:
        yield _expires(name, shape.ttl, deployment)
    if shape.is_recoverable and not deployment.is_local:
        yield _recovers(name, deployment)


def _expires(name: str, attribute: str, deployment: Deployment) -> Finding:
    real = real_name(deployment, name)
    said = {"table": real, "attribute": attribute}
    try:
        is_on = deployment.services.store.expires_by(real) == attribute
    except TableRefused as refused:
        return Finding("ttl", State.warn, *_refused(refused, real, "dynamodb:DescribeTimeToLive"), name)
    if is_on:
        return Finding("ttl", State.ok, "ttl_ok", said, name)
    return Finding("ttl", State.warn, "ttl_off", said, name)


def _recovers(name: str, deployment: Deployment) -> Finding:
    real = real_name(deployment, name)
    try:
        is_on = deployment.services.store.is_recoverable(real)
    except TableRefused as refused:
        text, values = _refused(refused, real, "dynamodb:DescribeContinuousBackups")
        return Finding("recovery", State.warn, text, values, name)
    if is_on:
        return Finding("recovery", State.ok, "recovery_ok", {}, name)
    return Finding("recovery", State.fail, "recovery_off", {"table": real}, name)


def _refused(refused: TableRefused, table: str, action: str) -> tuple[str, dict[str, str]]:
    """The name of the text that says why it was refused and how to mend that, and its values."""
    if refused.is_absent:
        return "table_absent", {"table": table}
    if refused.is_denied:
        return "table_denied", {"table": table, "action": action}
    return "table_refused", {"table": table, "code": refused.code, "message": refused.message}


def _spelt(key: Key) -> str:
    return ", ".join(f"{name} ({kind})" for _, name, kind in key)
