"""The seed file: what is in it when it is right, and one clear line for each thing that is wrong."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from lingpai import bootstrap
from lingpai.accounts import roles
from lingpai.accounts import service as accounts
from lingpai.clients.model import CHALLENGE
from lingpai.clients.service import DialectName, hash_secret
from lingpai.oauth.grants import REGISTRY
from lingpai.passwords import service as passwords
from lingpai.services import Services
from local import seed
from tests.support import stores
from tests.support.memory_store import MemoryStore
from tests.support.time import START, Time

CHEAP = stores.settings()
HASH = passwords.hash_password("from elsewhere", CHEAP)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def services(store: MemoryStore) -> Services:
    return bootstrap.build(CHEAP, store, Time().clock())


def written(tmp_path: Path, content: Any) -> str:
    path = tmp_path / "seed.json"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(json.dumps(content), "utf-8")
    return str(path)


def lines(path: str, **changed: Any) -> list[str]:
    """What is said of the file, without its name, which every line begins with."""
    with pytest.raises(seed.SeedError) as refused:
        seed.load(path, stores.settings(**changed))
    said: list[str] = refused.value.args[0]
    assert all(line.startswith(f"{path}: ") for line in said)
    return [line.removeprefix(f"{path}: ") for line in said]


def everything(store: MemoryStore) -> tuple[Any, ...]:
    return dict(store.clients), dict(store.users), dict(store.identities), store.roles, dict(store.sessions)


# --- what is right ---------------------------------------------------------------------------------------


def test_without_a_file_there_is_the_demo(services: Services, store: MemoryStore) -> None:
    seed.apply(seed.load(None), services)
    spring, standard = {"web-client", "app-client"}, {"standard-client", "machine-client"}
    browser = {"web-app", "single-page-app", "native-app", "mobile-app"}
    example = {"notes-api", "notes-app", "report-app"}
    assert set(store.clients) == spring | standard | browser | example | {"django-app", "2", "23"}
    assert store.roles.names == ((1, "admin"), (2, "user"))
    by_name = {user.username: user for user in store.users.values()}
    assert set(by_name) == {"admin", "alice"}
    assert by_name["admin"].roles == {1}
    assert by_name["alice"].roles == {2}
    assert by_name["alice"].mobile == "+8613312341234"
    assert passwords.verify("correct horse battery", by_name["alice"].password, CHEAP)


def test_the_demo_would_be_a_right_file(tmp_path: Path) -> None:
    assert seed.load(written(tmp_path, seed.DEMO)) == seed.load(None)


@pytest.mark.parametrize("content", [{}, {"clients": [], "roles": [], "users": []}])
def test_an_empty_seed_is_a_seed(tmp_path: Path, services: Services, store: MemoryStore, content: Any) -> None:
    before = everything(store)
    seed.apply(seed.load(written(tmp_path, content)), services)
    assert everything(store) == before


def test_a_client_needs_an_id_and_a_dialect_alone(tmp_path: Path, services: Services, store: MemoryStore) -> None:
    content = {
        "clients": [
            {"client_id": "s", "dialect": "spring"},
            {"client_id": 42, "dialect": "spring", "client_secret": "x", "sign_provider": "trusted"},
            {"client_id": "n", "dialect": "standard"},
        ]
    }
    seed.apply(seed.load(written(tmp_path, content)), services)
    spring, signing, standard = store.clients["s"], store.clients["42"], store.clients["n"]
    assert (spring.dialect, spring.access_ttl, spring.scopes, spring.confidential) == ("spring", 1296000, (), False)
    assert spring.grants == {"client_credentials", "refresh_token", "password", "mobile"}
    # An id of digits only could be taken for a user's.
    assert signing.grants == spring.grants - {"client_credentials"} | {"sign"}
    assert signing.secret_hash == hash_secret("x")
    assert (standard.dialect, standard.access_ttl, standard.scopes) == ("standard", 3600, ())
    assert standard.grants == {"client_credentials", "refresh_token"}
    for client in store.clients.values():
        assert (client.refresh_ttl, client.session_ttl) == (30 * 86400, 180 * 86400)
        assert (client.token_format, client.roles, client.sign_app) == ("opaque", frozenset(), "default")


def test_a_client_may_say_everything_itself(tmp_path: Path, services: Services, store: MemoryStore) -> None:
    content = {
        "clients": [
            {
                "client_id": "all",
                "dialect": "standard",
                "client_secret": "s",
                "grant_types": ["password", "urn:lingpai:grant:mobile-code", "urn:lingpai:grant:sign"],
                "scopes": "read write",
                "access_token_ttl": 60,
                "refresh_token_ttl": 120,
                "session_ttl": 180,
                "token_format": "opaque",
                "roles": ["admin"],
                "sign_provider": "trusted",
                "sign_app": "wx1",
            }
        ]
    }
    seed.apply(seed.load(written(tmp_path, content)), services)
    client = store.clients["all"]
    assert client.grants == {"password", "mobile", "sign"}
    assert (client.scopes, sorted(client.roles)) == (("read", "write"), ["admin"])
    assert (client.access_ttl, client.refresh_ttl, client.session_ttl) == (60, 120, 180)
    assert (client.sign_provider, client.sign_app) == ("trusted", "wx1")


def test_users_of_every_kind(tmp_path: Path, services: Services, store: MemoryStore) -> None:
    content = {
        "roles": [{"id": 7, "roleName": "admin"}, {"id": 3, "roleName": "审核员"}],
        "users": [
            {"username": "named", "password": "weak"},
            {"username": "hashed", "password_hash": HASH, "roles": ["admin", "审核员"]},
            {"mobile": "13312341234"},
            {"mobile": 13312341235, "password": "p"},
            {"username": "13312341236", "mobile": "+86 133 1234 1236"},
            {"openid": "wx-1"},
        ],
    }
    seed.apply(seed.load(written(tmp_path, content)), services)
    assert (store.roles.names, store.roles.next_id) == (((3, "审核员"), (7, "admin")), 8)
    found = [store.users[store.identities[key]] for key in sorted(store.identities)]
    assert {key: store.users[user_id].username for key, user_id in store.identities.items()} == {
        "username:named": "named",
        "username:hashed": "hashed",
        "mobile:+8613312341234": None,
        "mobile:+8613312341235": None,
        "mobile:+8613312341236": None,
        "openid:trusted:default:wx-1": None,
    }
    by_key = dict(zip(sorted(store.identities), found, strict=True))
    assert by_key["username:hashed"].roles == {3, 7}
    assert passwords.verify("from elsewhere", by_key["username:hashed"].password, CHEAP)
    assert passwords.verify("weak", by_key["username:named"].password, CHEAP)
    assert by_key["mobile:+8613312341234"].password is None


# --- again -----------------------------------------------------------------------------------------------


@pytest.mark.security("F27")
def test_names_and_numbers_of_a_file_as_somebody_pasted_them(services: Services, store: MemoryStore) -> None:
    users = [{"username": "\u200bmei\u3000"}, {"mobile": "\u202a１３３ 1234\u00a01234\u202c"}]
    seed.apply(seed.Seed.model_validate({"users": users}), services)
    assert set(store.identities) == {"username:mei", "mobile:+8613312341234"}
    assert {user.username for user in store.users.values()} == {"mei", None}


def test_a_second_time_changes_nothing(services: Services, store: MemoryStore) -> None:
    demo = seed.load(None)
    seed.apply(demo, services)
    before = everything(store)
    seed.apply(demo, services)
    assert everything(store) == before


def test_a_second_time_keeps_what_people_changed(services: Services, store: MemoryStore) -> None:
    demo = seed.load(None)
    seed.apply(demo, services)
    alice = store.identities["username:alice"]
    roles.save(services, "member", 2)
    accounts.save(services, alice, None, "her own new password", frozenset({1}))
    before = everything(store)
    seed.apply(demo, services)
    assert everything(store) == before
    accounts.delete(services, alice)
    seed.apply(demo, services)
    anew = store.users[store.identities["username:alice"]]
    assert anew.id != alice
    assert anew.roles == {2}


def test_a_role_of_the_same_name_keeps_its_id(services: Services, store: MemoryStore) -> None:
    assert [roles.save(services, name) for name in ("other", "user")] == [1, 2]
    content = {
        "roles": [{"id": 5, "roleName": "user"}, {"id": 6, "roleName": "new"}],
        "users": [{"username": "zoe", "roles": ["user", "new"]}],
    }
    seed.apply(seed.Seed.model_validate(content), services)
    assert (store.roles.names, store.roles.next_id) == (((1, "other"), (2, "user"), (6, "new")), 7)
    assert store.users[store.identities["username:zoe"]].roles == {2, 6}


@pytest.mark.security("F18")
def test_the_id_of_a_deleted_role_is_not_given_again(services: Services, store: MemoryStore) -> None:
    """Who held the deleted role has nothing of the new one, whose name may even be the same."""
    content = {"roles": [{"id": 1, "roleName": "admin"}, {"id": 5, "roleName": "editor"}], "users": [{"username": "a"}]}
    assert seed.apply(seed.Seed.model_validate(content), services) == seed.Applied((), {})
    holder = accounts.create(services, "zoe", "correct horse battery", frozenset({5}))
    roles.delete(services, 5)
    content["users"] = [{"username": "b", "roles": ["editor"]}]
    applied = seed.apply(seed.Seed.model_validate(content), services)
    assert applied == seed.Applied((), {"editor": 6})
    assert store.roles.names == ((1, "admin"), (6, "editor"))
    assert store.roles.names_of(store.users[holder].roles) == frozenset()
    assert store.users[store.identities["username:b"]].roles == {6}
    assert seed.apply(seed.Seed.model_validate(content), services) == seed.Applied((), {})
    more = {"roles": [{"id": i, "roleName": f"role {i}"} for i in (3, 5, 9)]}
    applied = seed.apply(seed.Seed.model_validate(more), services)
    assert applied.new_role_ids == {"role 3": 10, "role 5": 11}
    added = {role_id: name for role_id, name in store.roles.names if role_id > 6}
    assert added == {9: "role 9", 10: "role 3", 11: "role 5"}
    assert store.roles.next_id == 12


@pytest.mark.security("F5", "F18")
def test_a_user_that_was_there_gets_no_role_and_is_told(services: Services, store: MemoryStore) -> None:
    """A stranger may have registered the name of the admin to be."""
    stranger = accounts.create(services, "Root", "the stranger's password")
    content: Any = {
        "roles": [{"id": 1, "roleName": "admin"}],
        "users": [{"username": "root", "password": "the-first-of-the-gate", "roles": ["admin"]}, {"username": "zoe"}],
    }
    before = store.users[stranger]
    assert seed.apply(seed.Seed.model_validate(content), services).lacking_users == ("root",)
    assert store.users[stranger] == before
    accounts.save(services, stranger, None, None, frozenset({1}))
    assert seed.apply(seed.Seed.model_validate(content), services).lacking_users == ()


@pytest.mark.security("F18")
def test_no_role_of_a_file_is_the_admin_s_by_its_id(services: Services, store: MemoryStore) -> None:
    """It would make admins of those that the file gives that role."""
    assert [roles.save(services, name) for name in ("user", "admin")] == [1, 2]
    content: Any = {
        "clients": [SPRING],
        "roles": [{"id": 2, "roleName": "editor"}],
        "users": [{"username": "zoe", "roles": ["editor"]}],
    }
    before = everything(store)
    with pytest.raises(seed.SeedError) as refused:
        seed.apply(seed.Seed.model_validate(content), services)
    assert refused.value.args[0] == ["roles: the id 2 is that of the role admin: give editor another"]
    assert everything(store) == before


def a_client(secret: str | None, *scopes: str) -> seed.Seed:
    content = {"client_id": "web", "dialect": "spring", "client_secret": secret, "scopes": list(scopes)}
    return seed.Seed.model_validate({"clients": [content]})


@pytest.mark.security("F18")
@pytest.mark.parametrize("rotated", ["another secret", None])
def test_a_client_that_is_there_keeps_its_secret_and_its_state(
    services: Services, store: MemoryStore, rotated: str | None
) -> None:
    """What else the file says of it is done; with `overwrite` all of it is."""
    seed.apply(a_client("the first secret", "a"), services)
    own = hash_secret(rotated) if rotated else None
    store.clients["web"] = replace(store.clients["web"], secret_hash=own, disabled=True, valid_from=START - 1)
    assert seed.apply(a_client("the first secret", "a", "b"), services).kept_clients == ("web",)
    client = store.clients["web"]
    assert (client.secret_hash, client.disabled, client.scopes) == (own, True, ("a", "b"))
    assert client.valid_from == START - 1
    assert seed.apply(a_client("the first secret", "a"), services, overwrite=True).kept_clients == ()
    client = store.clients["web"]
    assert (client.secret_hash, client.disabled) == (hash_secret("the first secret"), False)
    assert client.valid_from == START
    assert seed.apply(a_client("the first secret", "c"), services).kept_clients == ()


# --- what is wrong ---------------------------------------------------------------------------------------


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert lines(str(tmp_path / "nothing.json")) == ["cannot be read: No such file or directory"]
    assert lines(str(tmp_path)) == ["cannot be read: Is a directory"]


@pytest.mark.parametrize(
    ("content", "start"),
    [
        (b"", "is not JSON: Expecting value: line 1 column 1"),
        (b"{", "is not JSON: Expecting property name"),
        (b'{"clients": [],}', "is not JSON: Illegal trailing comma"),
        (b"\xff", "is not JSON: 'utf-8' codec can't decode"),
    ],
)
def test_a_file_that_is_not_json(tmp_path: Path, content: bytes, start: str) -> None:
    (line,) = lines(written(tmp_path, content))
    assert line.startswith(start)


@pytest.mark.parametrize("content", [[], "x", 5, None, True])
def test_a_file_that_is_no_object(tmp_path: Path, content: Any) -> None:
    assert lines(written(tmp_path, content)) == ['is not an object with "clients", "roles" and "users"']


SPRING = {"client_id": "web", "dialect": "spring"}
GRANTS = ", ".join(sorted({CHALLENGE, *(grant.PERMISSION for grant in REGISTRY.values())}))
*FIRST, LAST = map(repr, get_args(DialectName))
DIALECTS = f"{', '.join(FIRST)} or {LAST}"


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ({"client": []}, "client: is no field of it"),
        ({"clients": {}}, "clients: is not a list"),
        ({"clients": None}, "clients: is not a list"),
        ({"users": "x"}, "users: is not a list"),
        ({"clients": ["web"]}, "clients[0]: is not an object"),
        ({"clients": [{"dialect": "spring"}]}, "clients[0]: client_id: is missing"),
        ({"clients": [{"client_id": "web"}]}, "clients[0] (web): dialect: is missing"),
        (
            {"clients": [SPRING, {"client_id": "web2", "dialect": "summer"}]},
            f"clients[1] (web2): dialect: must be {DIALECTS}",
        ),
        (
            {"clients": [{**SPRING, "client_id": ""}]},
            "clients[0] (): client_id: is empty",
        ),
        ({"clients": [{**SPRING, "client_id": True}]}, "clients[0] (True): client_id: is not text"),
        ({"clients": [{**SPRING, "secret": "x"}]}, "clients[0] (web): secret: is no field of it"),
        (
            {"clients": [{**SPRING, "client_secret": ""}]},
            "clients[0] (web): client_secret: is empty",
        ),
        (
            {"clients": [{**SPRING, "client_secret": 5}]},
            "clients[0] (web): client_secret: is not text",
        ),
        (
            {"clients": [{**SPRING, "grant_types": ["password", "implicit"]}]},
            f"clients[0] (web): grant_types.1: there is no grant 'implicit'; there are: {GRANTS}",
        ),
        (
            {"clients": [{**SPRING, "grant_types": [["password"]]}]},
            f"clients[0] (web): grant_types.0: there is no grant ['password']; there are: {GRANTS}",
        ),
        (
            {"clients": [{**SPRING, "grant_types": "password"}]},
            "clients[0] (web): grant_types: is not a list",
        ),
        ({"clients": [{**SPRING, "scopes": [1]}]}, "clients[0] (web): scopes.0: is not text"),
        (
            {"clients": [{**SPRING, "access_token_ttl": 0}]},
            "clients[0] (web): access_token_ttl: must be more than 0",
        ),
        (
            {"clients": [{**SPRING, "refresh_token_ttl": "long"}]},
            ("clients[0] (web): refresh_token_ttl: is not a whole number"),
        ),
        (
            {"clients": [{**SPRING, "sign_provider": "wechat"}]},
            "clients[0] (web): sign_provider: there is no 'wechat' in this deployment's settings; there are: trusted",
        ),
        (
            {"clients": [{**SPRING, "token_format": "xml"}]},
            "clients[0] (web): token_format: must be 'opaque' or 'jwt'",
        ),
        ({"clients": [SPRING, SPRING, SPRING]}, "clients: client_id 'web' is given 3 times"),
        ({"roles": [{"id": 1}]}, "roles[0]: roleName: is missing"),
        (
            {"roles": [{"id": 0, "roleName": "x"}]},
            "roles[0] (x): id: must be more than 0",
        ),
        (
            {"roles": [{"id": 1, "roleName": "x"}, {"id": 1, "roleName": "y"}]},
            "roles: id 1 is given 2 times",
        ),
        (
            {"roles": [{"id": 1, "roleName": "x"}, {"id": 2, "roleName": "x"}]},
            "roles: roleName 'x' is given 2 times",
        ),
        ({"users": [{}]}, "users[0] (nameless): needs a username, a mobile or an openid"),
        ({"users": [{"password": "x"}]}, "users[0] (nameless): needs a username, a mobile or an openid"),
        ({"users": [{"username": "zoe", "name": "Zoe"}]}, "users[0] (zoe): name: is no field of it"),
        ({"users": [{"username": 5}]}, "users[0] (5): username: is not text"),
        (
            {"users": [{"username": "zoe", "password": "x", "password_hash": HASH}]},
            "users[0] (zoe): has both password and password_hash; give one",
        ),
        (
            {"users": [{"username": "zoe", "password_hash": "hello there"}]},
            "users[0] (zoe): password_hash: is of no format that is known",
        ),
        ({"users": [{"username": "zoe", "mobile": "5"}]}, "users[0] (zoe): mobile: is not a mobile number"),
        ({"users": [{"mobile": "0201234567"}]}, "users[0] (0201234567): mobile: is not a mobile number"),
        (
            {"roles": [{"id": 1, "roleName": "admin"}], "users": [{"username": "zoe", "roles": ["admin", "boss"]}]},
            "users[0] (zoe): roles: there is no role 'boss' in this file",
        ),
        ({"users": [{"username": "zoe"}, {"username": "zoe"}]}, "users: username 'zoe' is given 2 times"),
        ({"users": [{"username": "zoe"}, {"username": "ZOE"}]}, "users: username 'zoe' is given 2 times"),
        (
            {"users": [{"mobile": "13312341234"}, {"mobile": "+86 133 1234 1234"}]},
            "users: mobile '13312341234' is given 2 times",
        ),
        ({"users": [{"openid": "o\x07"}]}, "users[0] (o\x07): openid: holds a control character"),
        (
            {"roles": [{"id": 1, "roleName": "ad\u200bmin"}]},
            "roles[0] ('ad\\u200bmin'): roleName: This role name is empty or holds an invisible character",
        ),
        ({"users": [{"openid": "o"}, {"openid": "o"}]}, "users: openid 'o' is given 2 times"),
        (
            {"users": [{"openid": "o" * 257}]},
            "users[0]: openid: has more than 256 characters",
        ),
        (
            {"users": [{"username": "z oe\u200bz"}]},
            (
                "users[0] (z oe\u200bz): username: "
                "This username cannot be used: it holds an invisible character or a space at its end"
            ),
        ),
        (
            {"users": [{"username": "x" * 151}]},
            f"users[0] ({'x' * 151}): username: This username cannot be used: it must have 1 to 150 characters",
        ),
        (
            {"users": [{"username": "13312341234", "mobile": "13312341235"}]},
            (
                "users[0] (13312341234): username: "
                "A username that looks like a mobile number can be used only by the account that owns the number"
            ),
        ),
    ],
)
def test_one_mistake_is_one_line(tmp_path: Path, content: Any, line: str) -> None:
    assert lines(written(tmp_path, content)) == [line]


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    content = {
        "users": [{"username": "zoe", "roles": ["ghost"]}, {}, {"mobile": "5"}],
        "clients": [SPRING, SPRING],
    }
    assert lines(written(tmp_path, content)) == [
        "clients: client_id 'web' is given 2 times",
        "users[0] (zoe): roles: there is no role 'ghost' in this file",
        "users[1] (nameless): needs a username, a mobile or an openid",
        "users[2] (5): mobile: is not a mobile number",
    ]


def test_numbers_are_read_where_the_deployment_is(tmp_path: Path) -> None:
    path = written(tmp_path, {"users": [{"mobile": "07400 123456"}]})
    assert lines(path) == ["users[0] (07400 123456): mobile: is not a mobile number"]
    settings = stores.settings(home_country="GB")
    store = MemoryStore()
    seed.apply(seed.load(path, settings), bootstrap.build(settings, store, Time().clock()))
    assert list(store.identities) == ["mobile:+447400123456"]


def test_secrets_are_not_told(tmp_path: Path) -> None:
    content = {
        "clients": [{"client_id": "web", "dialect": "x", "client_secret": ["the-secret"]}],
        "users": [{"username": "zoe", "password": ["the-secret"]}, {"password_hash": {"x": "the-secret"}}],
    }
    assert "the-secret" not in "".join(lines(written(tmp_path, content)))


def sign_client(tmp_path: Path, provider: str, app: str | None = None) -> str:
    """A seed with a client of this sign provider and app."""
    client = {**SPRING, "sign_provider": provider} | ({"sign_app": app} if app else {})
    path = tmp_path / "seed.json"
    path.write_text(json.dumps({"clients": [client]}), "utf-8")
    return str(path)


WITH_PROVIDERS = stores.settings(
    wechat_apps="wx0123456789abcdef:5ecret",
    oidc_providers='{"google": {"issuer": "https://accounts.google.com", "audiences": ["ours.example"]}}',
)


@pytest.mark.parametrize(
    ("provider", "app"),
    [("wechat", "wx0123456789abcdef"), ("google", None), ("google", "ours.example"), ("trusted", "x")],
)
def test_a_sign_provider_of_the_deployment(tmp_path: Path, provider: str, app: str | None) -> None:
    (client,) = seed.load(sign_client(tmp_path, provider, app), WITH_PROVIDERS).clients
    assert (client.sign_provider, client.sign_app) == (provider, app or "default")


@pytest.mark.parametrize(
    ("provider", "app", "complaint"),
    [
        (
            "apple",
            None,
            "sign_provider: there is no 'apple' in this deployment's settings; there are: trusted, wechat, google",
        ),
        ("wechat", None, "sign_app: WECHAT_APPS has no 'default'"),
        ("wechat", "unionid", "sign_app: WECHAT_APPS has no 'unionid'"),
        ("google", "theirs.example", "sign_app: 'theirs.example' is none of the audiences of google"),
    ],
)
def test_a_sign_provider_that_could_let_nobody_in(
    tmp_path: Path, provider: str, app: str | None, complaint: str
) -> None:
    path = sign_client(tmp_path, provider, app)
    with pytest.raises(seed.SeedError) as refused:
        seed.load(path, WITH_PROVIDERS)
    assert refused.value.args[0] == [f"{path}: clients[0] (web): {complaint}"]


def test_the_apps_of_a_secret_are_not_known_beforehand(tmp_path: Path) -> None:
    kept = stores.settings(wechat_apps_secret="arn:aws:secretsmanager:us-east-1:1:secret:apps")
    assert seed.load(sign_client(tmp_path, "wechat", "wx1"), kept).clients[0].sign_app == "wx1"
