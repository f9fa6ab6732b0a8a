"""docs/security.md lists every threat and requirement with its tests, and is as the tests are."""

from tools import security_page


def test_every_entry_has_a_test_or_a_note() -> None:
    tests = security_page.find_tests()
    bare = [
        entry.id
        for group in security_page.read_groups()
        for entry in group.entries
        if entry.id not in tests and entry.note is None
    ]
    assert bare == []


def test_every_marker_names_an_entry() -> None:
    listed = {entry.id for group in security_page.read_groups() for entry in group.entries}
    assert set(security_page.find_tests()) - listed == set()


def test_page_is_current() -> None:
    """`make security-page` writes it."""
    expected = security_page.page(security_page.read_groups(), security_page.find_tests())
    assert security_page.PAGE.read_text("utf-8") == expected
