"""The tables as a whole: what stands in them, back to what stood, and compared with what another run left."""

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lingpai.settings import Settings
from tests.support.stores import TABLE_FIELDS, TEMPLATE

Item = Mapping[str, Mapping[str, Any]]
# By table (the setting's name without `_table`), by key.
Dump = dict[str, dict[str, Item]]

_KEYS = {
    table.name.removesuffix("Table").lower(): tuple(part["AttributeName"] for part in table.create["KeySchema"])
    for table in TEMPLATE.tables
}
_BATCH = 25
# Of an account.
_COUNTS = ("logins", "sessions")
# Until when the sessions of accounts have ended: of an account, and of the deployment.
_MARKS = ("ended_until", "ended")
# What random texts begin with.
_RANDOM = ("$argon2", "authorization:", "passkey-challenge:", "pending-login:")
# Ids of users and owners are longer than any time or count.
_LONG = 2**40


@dataclass(frozen=True)
class Tables:
    """The tables of `settings`, asked by `client`."""

    client: Any
    settings: Settings

    def dump(self) -> Dump:
        """All items."""
        return {name: dict(self._items(name)) for name in _KEYS}

    def dump_again(self, known: Dump, written: Collection[str]) -> Dump:
        """All items, where they were `known` before writes to the tables of these names."""
        return {
            name: dict(self._items(name)) if self._table(name) in written else items for name, items in known.items()
        }

    def restore(self, base: Dump, current: Dump) -> None:
        """Make of `current`, which is there, `base` again."""
        for name, stood in base.items():
            there = current[name]
            requests = [{"PutRequest": {"Item": item}} for key, item in stood.items() if there.get(key) != item]
            requests += [
                {"DeleteRequest": {"Key": {part: item[part] for part in _KEYS[name]}}}
                for key, item in there.items()
                if key not in stood
            ]
            for start in range(0, len(requests), _BATCH):
                batch = {self._table(name): requests[start : start + _BATCH]}
                self.client.call("BatchWriteItem", {"RequestItems": batch})

    def _items(self, name: str) -> Iterator[tuple[str, Item]]:
        page: dict[str, Any] = {"TableName": self._table(name), "ConsistentRead": True}
        while True:
            answer = self.client.call("Scan", page)
            for item in answer["Items"]:
                yield repr([item[part] for part in _KEYS[name]]), item
            if "LastEvaluatedKey" not in answer:
                return
            page["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _table(self, name: str) -> str:
        table: str = getattr(self.settings, f"{name}_table")
        return table


assert {f"{name}_table" for name in _KEYS} == set(TABLE_FIELDS)


def alike(known: Collection[Any], one: Dump, without: Collection[str] = ()) -> dict[str, Counter[str]]:
    """The items of each table as text, with the same word for everything random that is not `known`.

    Attributes `without` which they are compared are left out.
    The ids of writes are left out: they tell nothing but that one was done. So are the ids of requests in causes, and
    tombstones, which no reader sees.
    """

    def text(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: text(part) for name, part in value.items()}
        if isinstance(value, list):
            return [text(part) for part in value]
        if value in known:
            return repr(value)
        random = isinstance(value, bytes) or str(value).startswith(_RANDOM)
        long = isinstance(value, str) and value.isdigit() and int(value) >= _LONG
        return "new" if random or long else value

    def cause(value: Mapping[str, str]) -> dict[str, str]:
        told: dict[str, str] = json.loads(value["S"])
        # An actor is a kind and an id.
        parts = {name: [text(part) for part in told[name].split(":")] for name in told if name != "request_id"}
        return {name: ":".join(each) for name, each in parts.items()}

    def shown(item: Item) -> str:
        names = (name for name in item if name not in without and not _is_write_id(name))
        left = {name: cause(item[name]) if name == "cause" else text(item[name]) for name in names}
        return json.dumps(left, sort_keys=True, ensure_ascii=False)

    return {name: Counter(map(shown, filter(_stands, items.values()))) for name, items in one.items()}


def _stands(item: Item) -> bool:
    """Whether more than a tombstone is left of the item."""
    return "deleted" not in item


def differences(base: Dump, expected: Dump, found: Dump) -> list[str]:
    """What `found` has more and less than `expected`."""
    known = _values(base)
    wanted, there = alike(known, expected), alike(known, found)
    more = [f"{name}: too much: {item}" for name in wanted for item in there[name] - wanted[name]]
    return more + [f"{name}: missing: {item}" for name in wanted for item in wanted[name] - there[name]]


def repeated_differences(base: Dump, expected: Dump, found: Dump) -> list[str]:
    """As `differences` between a request that went well, and one that was refused as busy and then repeated.

    What was counted for the first may be counted again for the second, and a session that the first one opened may be
    there, whose tokens nobody knows. An account whose sessions have ended up to some time may have been marked by both,
    by the second up to a later time.
    """
    result = _unmarked(expected, found)
    expected, found = _without_ended(expected), _without_ended(found)
    left_out = (*_COUNTS, *_MARKS)
    known = _values(base)
    wanted, there = alike(known, expected, left_out), alike(known, found, left_out)
    sessions = wanted["sessions"] - alike(known, {"sessions": base["sessions"]})["sessions"]
    there["sessions"] -= (there["sessions"] - wanted["sessions"]) & sessions
    for name in wanted:
        if name in {"counters", "codes"}:
            continue
        result += [f"{name}: too much: {item}" for item in there[name] - wanted[name]]
        result += [f"{name}: missing: {item}" for item in wanted[name] - there[name]]
    return [*result, *_miscounted(base, expected, found)]


def _unmarked(expected: Dump, found: Dump) -> list[str]:
    """The accounts whose mark is missing, or is an earlier one."""
    wanted, there = _marks(expected), _marks(found)
    return [f"{name}: marked until {there.get(name, 0)}" for name, at in wanted.items() if there.get(name, 0) < at]


def _marks(dump: Dump) -> dict[str, int]:
    """Until when sessions of accounts have ended, by the accounts themselves and by the deployment's list."""
    own = {key: int(item["ended_until"]["N"]) for key, item in dump["users"].items() if "ended_until" in item}
    listed = [json.loads(item["ended"]["S"]) for item in dump["clients"].values() if "ended" in item]
    return own | {f"listed {user_id}": until for accounts in listed for user_id, until, _ in accounts}


def _without_ended(dump: Dump) -> Dump:
    """The dump without the sessions that the deployment's list has ended: they are as good as deleted."""
    listed = [entry for item in dump["clients"].values() if "ended" in item for entry in json.loads(item["ended"]["S"])]
    until = {str(user_id): at for user_id, at, kept in listed if kept is None}

    def lives(item: Item) -> bool:
        return int(item["created_at"]["N"]) > until.get(item["owner"]["N"], 0) if "created_at" in item else True

    return {**dump, "sessions": {key: item for key, item in dump["sessions"].items() if lives(item)}}


def _miscounted(base: Dump, expected: Dump, found: Dump) -> Iterator[str]:
    """Counts that are neither those of one request nor of two, nor between them."""
    for table in ("counters", "codes", "users"):
        keys = base[table].keys() | expected[table].keys() | found[table].keys()
        # A new account has another id each time, and a note tells that the first request was answered 503.
        for key in base[table] if table == "users" else (key for key in keys if "unanswered:" not in key):
            before, once, now = (_counts(dump[table].get(key, {})) for dump in (base, expected, found))
            for name in before.keys() | once.keys() | now.keys():
                start, end = before.get(name, 0), once.get(name, 0)
                least, most = min(start, end), max(start, end) + abs(end - start)
                if name == "tries" or "second-factor:" in key:  # a right code takes back the guess that found it
                    most += 1
                if not least <= now.get(name, 0) <= most:
                    yield f"{table}: {key} {name}: {now.get(name, 0)} is not between {least} and {most}"


def _counts(item: Item) -> dict[str, int]:
    """The counts of a counter, the guesses at a number's codes, or the logins and sessions of an account."""
    counts = (name for name in item if name.startswith("n:") or name.endswith("tries") or name in _COUNTS)
    return {name: int(item[name]["N"]) for name in counts if not _is_write_id(name)}


def half_written(dump: Dump) -> list[str]:
    """Names that find no account, and accounts that are not found by one of their names."""
    users = {item["id"]["N"]: item for item in dump["users"].values() if _stands(item)}
    names = {item["key"]["S"]: item["user_id"]["N"] for item in dump["identities"].values()}
    found = [f"{name} finds {user_id}, who is not there" for name, user_id in names.items() if user_id not in users]
    for user_id, item in users.items():
        if "mobile" in item and names.get(f"mobile:{item['mobile']['S']}") != user_id:
            found.append(f"{user_id} is not found by its number")
        if "username" in item and names.get(f"username:{item['username']['S'].casefold()}") != user_id:
            found.append(f"{user_id} is not found by its name")
    return found


def _values(value: Any) -> set[Any]:
    """All that stands in `value`, but names."""
    found: set[Any] = set()
    left = [value]
    while left:
        part = left.pop()
        if isinstance(part, dict):
            left += part.values()
        elif isinstance(part, list):
            left += part
        else:
            found.add(part)
    return found


def _is_write_id(name: str) -> bool:
    return name in {"used_by", "unsent"} or name.startswith("n:use-") or (name[:1] == "w" and name[1:].isdigit())
