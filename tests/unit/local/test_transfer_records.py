"""One account as a record: what is taken, what is refused and why."""

from typing import Any

import pytest

from lingpai.accounts.model import Agreement, Profile, RoleBook, User
from lingpai.passwords import service as passwords
from local.transfer import records
from local.transfer.records import Refused
from tests.support.memory_store import MemoryStore
from tests.support.stores import settings
from tests.support.transfer import BCRYPT, services_on

SERVICES = services_on(MemoryStore())
BOOK = RoleBook(((1, "admin"), (2, "a, b")), 3, 1)
RULES = records.rules(SERVICES, BOOK, "wechat:wx1", new_roles=False)
ARGON2 = passwords.hash_password("correct horse battery", settings())


def read(**record: Any) -> User:
    return records.read(record, RULES, 1).user


NO_AGREEMENTS: list[Any] = [{}, [1], [["terms"]], [["other", "1", 1, "", ""]], [["terms", "1", True, "", ""]]]

FULL = User(
    id=2**53 - 1,
    created_at=1_700_000_000,
    username="王小明 🔑𠮷 é",
    mobile="+8613312341234",
    openids=(("trusted:default", 'o,"1"'), ("wechat:wx1", "oABC")),
    password="md5+" + ARGON2,
    digests=ARGON2,
    password_set_at=1_750_000_000,
    roles=frozenset({1, 2}),
    disabled=True,
    closes_at=1_800_000_000,
    agreements=(Agreement("terms", "第二版", 1_700_000_000, "2001:db8::1", "web-client"),),
    profile=Profile(
        name="王小明",
        age="",
        phone_number="12345",
        address="一行\n两行 🏠",
        created_at="2024-01-02 03:04:05",
        birthdate="2000-02-29",
        picture="{}",
    ),
)


@pytest.mark.parametrize(
    "user", [FULL, User(id=1, created_at=0, username="a"), User(id=2, created_at=1, mobile="+12015550123")]
)
def test_what_is_written_is_read_as_the_same_account(user: User) -> None:
    account = records.read(records.written(user, BOOK), RULES)
    assert records.kept(account.user, SERVICES) == user


def test_a_profile_has_the_names_of_its_route() -> None:
    assert records.written(FULL, BOOK)["profile"] == {
        "name": "王小明",
        "age": "",
        "phone": "12345",
        "addr": "一行\n两行 🏠",
        "createTime": "2024-01-02 03:04:05",
        "images": "{}",
        "birthday": "2000-02-29",
    }


def test_a_role_that_is_gone_is_left_out() -> None:
    user = User(id=1, created_at=0, username="a", roles=frozenset({1, 99}))
    assert records.written(user, BOOK)["roles"] == ["admin"]


def test_a_record_as_another_system_dumps_it() -> None:
    user = read(
        id="17",
        created_at="2024-01-02 03:04:05+08:00",
        username="alice",
        mobile="133 1234 1234",
        openid="oABC",
        openids='{"trusted:default": "t1"}',
        password_hash=BCRYPT,
        roles="admin",
        disabled="f",
        **{"profile.name": "Alice", "profile.age": 17, "profile.birthday": "2000-01-02T00:00:00", "profile": ""},
    )
    assert user == User(
        id=17,
        created_at=1_704_135_845,
        username="alice",
        mobile="+8613312341234",
        openids=(("trusted:default", "t1"), ("wechat:wx1", "oABC")),
        password=BCRYPT,
        roles=frozenset({1}),
        profile=Profile(name="Alice", age="17", birthdate="2000-01-02"),
    )


@pytest.mark.security("F30")
@pytest.mark.parametrize(
    ("given", "day", "moment"),
    [
        ("2000-01-01T20:00:00Z", "2000-01-02", "2000-01-02 04:00:00"),
        ("2000-01-02T00:30:00+09:00", "2000-01-01", "2000-01-01 23:30:00"),
        ("2000-01-02T00:30:00", "2000-01-02", "2000-01-02 00:30:00"),
        ("2000-01-02", "2000-01-02", "2000-01-02 00:00:00"),
    ],
)
def test_a_time_with_an_offset_is_moved_to_the_deployments(given: str, day: str, moment: str) -> None:
    for profile in (
        {"profile.birthday": given, "profile.createTime": given},
        {"profile": {"birthday": given, "createTime": given}},
    ):
        assert read(username="a", **profile).profile == Profile(birthdate=day, created_at=moment)


@pytest.mark.security("F27")
def test_names_and_numbers_as_somebody_pasted_them() -> None:
    user = read(username="\u200bmei\u3000", mobile="\u202a１３３ 1234\u00a01234\u202c")
    assert (user.username, user.mobile) == ("mei", "+8613312341234")
    for wrong in ("13312341234 ext 5", "13312341234/13312341235", "1331234123²"):
        with pytest.raises(Refused, match="mobile: is no mobile number"):
            read(mobile=wrong)


@pytest.mark.parametrize("empty", ["", None])
def test_what_is_empty_is_not_given(empty: str | None) -> None:
    given: dict[str, Any] = dict.fromkeys((*records.FIELDS, "profile.name", "line", "reason"), empty)
    user = records.read({**given, "username": "a"}, RULES).user
    assert user == User(id=0, created_at=user.created_at, username="a")
    assert abs(user.created_at - SERVICES.clock.now()) < 60


def test_the_account_s_own_number_as_its_username_is_one_name() -> None:
    assert read(username="13312341234", mobile="13312341234").username is None


@pytest.mark.security("F5")
@pytest.mark.parametrize(
    "given",
    [
        1556668800.0,
        1556668800.123456,
        1556668800.999999,
        "1556668800.000000",
        "1556668800.5",
        "1556668800.",
        1556668800,
    ],
)
def test_fractions_of_a_second_are_left_out(given: Any) -> None:
    assert read(username="a", created_at=given).created_at == 1556668800
    assert read(username="a", created_at="2019-05-01 00:00:00.75Z").created_at == 1556668800


@pytest.mark.security("F5")
@pytest.mark.parametrize("padded", [BCRYPT + "   ", "  " + BCRYPT, f" {BCRYPT} ".ljust(128)])
def test_a_hash_from_a_column_of_fixed_width(padded: str) -> None:
    assert read(username="a", password_hash=padded).password == BCRYPT
    assert read(username="a", mobile="13312341234", password_hash="   ").password is None
    digests = ":".join(passwords.digests_of("x").split(":"))
    assert read(username="a", digests=f"{digests}  ").digests == digests


@pytest.mark.security("F5")
@pytest.mark.parametrize("prefix", ["", "argon2", "{argon2}"])
def test_an_argon2_hash_with_the_padding_of_base64(prefix: str) -> None:
    """The PHC string format has none, and argon2 refuses it; some systems write it all the same."""
    start, salt, digest = ARGON2.rsplit("$", 2)
    kept = read(username="a", password_hash=f"{prefix}{start}${salt}==${digest}=").password
    assert kept == prefix + ARGON2
    assert passwords.verify("correct horse battery", kept, settings())


@pytest.mark.security("F5")
@pytest.mark.parametrize(("name", "field"), [("addr", "address"), ("name", "name"), ("instruction", "introduction")])
def test_lines_in_a_profile(name: str, field: str) -> None:
    """As at `/userDetail/update`."""
    user = read(username="a", profile={name: "one\ttwo\r\nthree"})
    assert getattr(user.profile, field) == "one\ttwo\r\nthree"


@pytest.mark.security("F5")
@pytest.mark.parametrize("control", ["\x00", "\x07", "\x1b", "\x7f", "\x85"])
@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("username", lambda control: {"username": f"a{control}b"}),
        ("mobile", lambda control: {"mobile": f"1331234{control}1234"}),
        ("openid", lambda control: {"openid": f"o{control}1"}),
        ("openids", lambda control: {"openids": {"wechat:wx1": f"o{control}"}}),
        ("password_hash", lambda control: {"username": "a", "password_hash": f"{BCRYPT}{control}"}),
        ("digests", lambda control: {"username": "a", "digests": f"{ARGON2}{control}"}),
        ("roles", lambda control: {"username": "a", "roles": [f"ro{control}le"]}),
        ("profile.name", lambda control: {"username": "a", "profile": {"name": f"x{control}"}}),
        ("profile.addr", lambda control: {"username": "a", "profile.addr": f"x{control}"}),
    ],
)
def test_control_characters_are_refused_as_by_the_api(field: str, make: Any, control: str) -> None:
    rules = records.rules(SERVICES, BOOK, "wechat:wx1", new_roles=True)
    with pytest.raises(Refused, match=f"^{field}: "):
        records.read(make(control), rules)


@pytest.mark.parametrize("roles", ["admin", " admin , ", '["admin"]', ["admin"], ["admin", "admin"]])
def test_roles_as_text_and_as_a_list(roles: Any) -> None:
    assert read(username="a", roles=roles).roles == {1}


def test_a_role_with_a_comma_in_its_name() -> None:
    assert read(username="a", roles='["a, b"]').roles == {2}


def test_a_role_that_is_to_be_made_is_no_fault() -> None:
    rules = records.rules(SERVICES, BOOK, "trusted:default", new_roles=True)
    account = records.read({"username": "a", "roles": ["new", "admin"]}, rules)
    assert account.roles == ("new", "admin")
    assert account.user.roles == {1}


def test_digests_are_hashed_and_fast_hashes_wrapped() -> None:
    md5, sha1 = passwords.digests_of("correct horse battery").split(":")
    account = records.read({"username": "a", "password_hash": md5, "digests": f"{md5.upper()}:{sha1}"}, RULES)
    assert records.is_fast(account)
    user = records.kept(account.user, SERVICES)
    assert passwords.verify("correct horse battery", user.password, settings())
    assert passwords.verify(f"{md5}:{sha1}", user.digests, settings())
    assert md5 not in f"{user.password}{user.digests}"
    assert not records.is_fast(records.read({"username": "a", "password_hash": BCRYPT}, RULES))


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({}, "needs a username, a mobile or an openid"),
        ({"password": "secret", "username": "a"}, "password: no such field"),
        ({"profile.shoe": "43", "username": "a"}, "profile.shoe: no such field"),
        ({"id": 0, "username": "a"}, "id: is not a whole number from 1"),
        ({"id": 2**53, "username": "a"}, "id: is not"),
        ({"id": "1.5", "username": "a"}, "id: is not"),
        ({"id": True, "username": "a"}, "id: is not"),
        ({"id": 1.0, "username": "a"}, "id: is not"),
        ({"created_at": "yesterday", "username": "a"}, "created_at: is neither"),
        ({"created_at": -1, "username": "a"}, "created_at: is not"),
        ({"created_at": 10**15, "username": "a"}, "created_at: is not"),
        ({"created_at": 1e300, "username": "a"}, "created_at: is not"),
        ({"created_at": float("inf"), "username": "a"}, "created_at: is not"),
        ({"created_at": -0.5, "username": "a"}, "created_at: is not"),
        ({"created_at": "-1.5", "username": "a"}, "created_at: is neither"),
        ({"username": ["a"]}, "username: is not text"),
        ({"username": "a\ufe0f"}, "username: This username cannot be used: it holds an invisible"),
        ({"username": "a\u200bb"}, "username: This username cannot be used"),
        ({"username": "a" * 151}, "username: This username cannot be used: it must have 1 to 150"),
        ({"username": "a\udc80"}, "username: is not UTF-8"),
        ({"username": "13312341234"}, "username: A username that looks like a mobile number"),
        ({"username": "13312341234", "mobile": "13312341235"}, "username: A username that looks like a mobile number"),
        ({"mobile": "12345"}, "mobile: is no mobile number"),
        ({"mobile": "010-12345678"}, "mobile: is no mobile number"),
        ({"mobile": 1.5}, "mobile: is not text"),
        ({"openid": "o" * 257}, "openid: is longer than 256"),
        ({"openid": "o1", "openids": {"wechat:wx1": "o2"}}, "openid: openids has another one"),
        ({"openids": {"wechat": "o2"}}, "openids: each name is a provider and its app"),
        ({"openids": {"wechat:wx1": ""}}, "openids: each openid is text"),
        ({"openids": "[]"}, "openids: is no JSON object"),
        ({"openids": "{"}, "openids: is not JSON"),
        ({"openids": {f"p:{i}": "o" for i in range(51)}}, "has 51 names"),
        ({"username": "a", "password_hash": "{noop}secret"}, "password_hash: is a password in clear text"),
        ({"username": "a", "password_hash": "secret"}, "password_hash: is of no format"),
        ({"username": "a", "password_hash": "pbkdf2_sha256$99999999$s$x"}, "password_hash: "),
        ({"username": "a", "digests": "5f4dcc3b5aa765d61d8327deb882cf99"}, "digests: is not MD5:SHA1"),
        ({"username": "a", "digests": ARGON2.replace("t=1", "t=99999999")}, "digests: asks for too much"),
        ({"username": "a", "roles": "nobody"}, "roles: there is no role 'nobody'"),
        ({"username": "a", "roles": [1]}, "roles: is no list of names"),
        ({"username": "a", "roles": "[oops"}, "roles: is not JSON"),
        ({"username": "a", "disabled": "maybe"}, "disabled: is neither true nor false"),
        ({"username": "a", "disabled": 2}, "disabled: is neither true nor false"),
        ({"username": "a", "agreements": "{"}, "agreements: is not JSON"),
        *(
            (
                {"username": "a", "agreements": value},
                "agreements: is no list of [document, version, time, address, client]",
            )
            for value in NO_AGREEMENTS
        ),
        ({"username": "a", "profile": {"shoe": "43"}}, "profile: no such field: shoe"),
        ({"username": "a", "profile": {"name": ["x"]}}, "profile.name: is not text"),
        ({"username": "a", "profile": {"name": "\ud800"}}, "profile.name: is not UTF-8"),
        ({"username": "a", "profile": "[" * 100_000}, "profile: is not JSON"),
        (
            {"username": "a", "profile": {"birthday": "tomorrow"}},
            "profile.birthday: The parameter birthday must look like",
        ),
        (
            {"username": "a", "profile": {"createTime": "now"}},
            "profile.createTime: The parameter createTime must look like",
        ),
    ],
)
def test_why_a_record_is_refused(record: dict[str, Any], reason: str) -> None:
    with pytest.raises(Refused) as refused:
        records.read(record, RULES)
    assert reason in str(refused.value)
    for secret in ("secret", "13312341234", "13312341235"):
        assert secret not in str(refused.value)
