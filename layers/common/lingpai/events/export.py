"""Events as CSV, for a spreadsheet."""

import csv
import io
import json
from collections.abc import Iterable

from lingpai.events.model import Event, document

COLUMNS = ("time", "type", "subject", "actor", "client", "address", "request_id", "action", "data", "id")
# A spreadsheet runs a field that begins so as a formula; some of East Asia do where the characters are wide.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def as_csv(events: Iterable[Event], *, header: bool = True) -> str:
    """The events as lines of CSV (RFC 4180), with the names of the columns before them."""
    text = io.StringIO()
    writer = csv.writer(text)
    if header:
        writer.writerow(COLUMNS)
    for event in events:
        fields = document(event)
        fields["data"] = json.dumps(fields["data"], ensure_ascii=False)
        writer.writerow([harmless(str(fields[name])) for name in COLUMNS])
    return text.getvalue()


def harmless(field: str) -> str:
    """The field with an apostrophe before it where a spreadsheet would run it."""
    return f"'{field}" if field.startswith(_FORMULA) else field
