"""The protocol Roles: one book, replaced by compare-and-swap."""

import pytest

from lingpai.accounts import roles
from lingpai.accounts.model import RoleBook
from tests.support.samples import WholeStore


def test_a_book_is_kept_as_the_next_version(store: WholeStore) -> None:
    assert store.directory().roles == RoleBook()
    assert store.save_roles(RoleBook(names=((1, "admin"),), next_id=2))
    first = store.directory().roles
    assert first == RoleBook(names=((1, "admin"),), next_id=2, version=1)
    assert store.save_roles(RoleBook(names=((3, "乙"), (1, "admin")), next_id=4, version=first.version))
    assert store.directory().roles == RoleBook(names=((3, "乙"), (1, "admin")), next_id=4, version=2)
    assert store.save_roles(RoleBook(next_id=4, version=2)), "an empty book is a book"
    assert store.directory().roles == RoleBook(next_id=4, version=3)


def test_a_book_of_another_version_is_refused(store: WholeStore) -> None:
    """Too old, from the future, or the first one twice: False, and nothing changes."""
    assert not store.save_roles(RoleBook(names=((1, "x"),), next_id=2, version=1)), "no version 1 is stored"
    assert store.directory().roles == RoleBook()
    assert store.save_roles(RoleBook(names=((1, "admin"),), next_id=2))
    kept = store.directory().roles
    for version in (0, 2, 7):
        assert not store.save_roles(RoleBook(names=((1, "x"),), next_id=2, version=version))
        assert store.directory().roles == kept
    assert not store.save_roles(RoleBook(names=((1, "admin"),), next_id=2)), "the same again is not the same"


@pytest.mark.parametrize("letter", ["a", "令", "😀"])
def test_as_many_roles_as_there_may_be_with_names_as_long_as_they_may_be(store: WholeStore, letter: str) -> None:
    """One item holds them, whatever they are written in."""
    digits = len(str(roles.MOST))
    last = 10**6
    names = tuple((last - i, letter * (roles.NAME_MAX - digits) + f"{i:0{digits}}") for i in range(roles.MOST))
    assert store.save_roles(RoleBook(names=names, next_id=last + 1))
    assert store.directory().roles.names == names
