"""Files of accounts for the tests, and imports and exports without a terminal."""

import io
import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from lingpai import bootstrap
from lingpai.services import Services
from lingpai.settings import Settings
from lingpai.store import Store
from local.transfer import exporting, files, importing, records
from local.transfer.adaptive_concurrency import AdaptiveConcurrency

BCRYPT = "$2b$04$ttT1dTXiypwiZpLLss6o4.3lw4NFC0KneoRWMntawb5EEV3HJcEOK"
PASSWORD = "correct horse battery"

Record = Mapping[str, Any]


def services_on(store: Any) -> Services:
    """Services on `store`, with its own settings where it has some."""
    return bootstrap.build(getattr(store, "settings", Settings(argon2_memory_kib=8, argon2_time=1)), store)


def as_file(given: Iterable[Record], kind: files.Format = "jsonl") -> io.BytesIO:
    """The records as a file, as `export` would write it."""
    text = io.StringIO(newline="")
    write = files.writer(text, kind, records.FIELDS)
    for record in given:
        write(record)
    return io.BytesIO(text.getvalue().encode("utf-8", "surrogatepass"))


def bring_in(
    store: Any,
    given: Iterable[Record] | io.BytesIO,
    kind: files.Format = "jsonl",
    *,
    parallel: int = 4,
    dry_run: bool = False,
    create_roles: bool = False,
    openid_app: str = records.DEFAULT_OPENID_APP,
    source: str = importing.DEFAULT_NAME,
    stop: threading.Event | None = None,
    report: importing.Report | None = None,
) -> importing.Report:
    """Import them; gives the report."""
    services = services_on(store)
    rules = records.rules(services, services.store.directory().roles, openid_app, new_roles=create_roles)
    stream = given if isinstance(given, io.BytesIO) else as_file(given, kind)
    report = report or importing.Report()
    importing.run(
        importing.Source(stream, kind, rules, source),
        report,
        stop or threading.Event(),
        parallel=parallel,
        dry_run=dry_run,
    )
    return report


def take_out(store: Store) -> list[dict[str, Any]]:
    """What an export holds, in the order of the ids."""
    services = services_on(store)
    exported = exporting.accounts(services, store.directory().roles, AdaptiveConcurrency(1, threading.Event()))
    return sorted(exported, key=lambda record: int(record["id"]))


def plain(number: int, start: int = 0) -> Iterator[dict[str, Any]]:
    """So many records, each with one, two or three names."""
    for i in range(start, start + number):
        record = {"username": f"user-{i}", "password_hash": BCRYPT, "profile": {"name": f"用户 {i}"}}
        if i % 3 == 0:
            record["mobile"] = f"+86139{i:08d}"
        if i % 5 == 0:
            record["openid"] = f"o{i}"
        yield record


def lines_of(report: importing.Report) -> dict[int, str]:
    """The refused lines and why."""
    return dict(report.first_refused)


def jsonl(given: Iterable[Record]) -> str:
    """The records as text."""
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in given)
