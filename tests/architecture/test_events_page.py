"""docs/events.md and docs/events.schema.json say what the types of events are."""

import json

from tools.events_page import PAGE, SCHEMA, page, schema


def test_the_page_has_all_types() -> None:
    """`make events-page` writes them."""
    assert PAGE.read_text("utf-8") == page()


def test_the_schema() -> None:
    assert SCHEMA.read_text("utf-8") == schema()
    assert json.loads(schema())["properties"]["version"] == {"description": "The version of this document.", "const": 1}
