"""Settings: read from the environment by name, validated, and reported line by line when wrong."""

import json
from collections import Counter

import pytest
from pydantic import ValidationError

from lingpai.bootstrap import build
from lingpai.identity_providers.settings import OidcProvider, wechat_apps
from lingpai.kernel.errors import SettingsError
from lingpai.rate_limits.settings import RateLimitSettings
from lingpai.settings import Settings, from_environment


def test_an_empty_environment_gives_the_defaults() -> None:
    assert from_environment({}) == Settings()
    assert from_environment({name.upper(): "" for name in Settings.model_fields}) == Settings()


def test_each_setting_belongs_to_one_feature() -> None:
    """Of two parts with a setting of the same name, one would silently take the other's place."""
    own = Counter(name for part in Settings.__bases__ for name in part.__annotations__ if name != "model_config")
    assert own == Counter(list(Settings.model_fields))


def test_a_part_stands_by_itself() -> None:
    """A service can be given the part of its feature alone."""
    assert RateLimitSettings(limit_sms_ip=3).limit_sms_ip == 3
    assert isinstance(Settings(), RateLimitSettings)
    with pytest.raises(ValidationError):
        RateLimitSettings(limit_sms_ip=-1)


def test_the_defaults_that_the_contract_names() -> None:
    defaults = Settings()
    assert (defaults.refresh_grace, defaults.password_min_length, defaults.digest_login) == (30, 8, False)
    assert (defaults.code_ttl, defaults.code_tries, defaults.code_resend) == (600, 5, 60)
    assert (defaults.code_per_hour, defaults.code_per_day) == (5, 10)
    assert (defaults.sms_countries, defaults.home_country) == (("CN",), "CN")
    assert (defaults.argon2_memory_kib, defaults.argon2_time, defaults.argon2_parallelism) == (19456, 2, 1)
    assert defaults.client_cache_ttl == 60


def test_each_setting_is_the_variable_of_its_name_in_capitals() -> None:
    found = from_environment(
        {
            "REFRESH_GRACE": "0",
            "ADMIN_ROLE": "boss",
            "DIGEST_LOGIN": "on",
            "STORE_READ_TIMEOUT": "0.5",
            "SMS_COUNTRIES": " CN, HK ,,MO",
            "SMS_REFUSED_PREFIXES": "+86170, +86171,",
            "UTC_OFFSET_MINUTES": "-210",
            "CODE_PEPPER": "salt and",
            "refresh_grace": "9",
            "UNKNOWN": "x",
            "PATH": "/bin",
        }
    )
    assert (found.refresh_grace, found.admin_role, found.digest_login) == (0, "boss", True)
    assert (found.store_read_timeout, found.sms_countries, found.utc_offset_minutes) == (0.5, ("CN", "HK", "MO"), -210)
    assert found.sms_refused_prefixes == ("+86170", "+86171")
    assert found.code_pepper.get_secret_value() == "salt and"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REFRESH_GRACE", "soon"),
        ("REFRESH_GRACE", "-1"),
        ("CODE_TTL", "0"),
        ("CODE_TRIES", "0"),
        ("PASSWORD_MIN_LENGTH", "0"),
        ("PASSWORD_MIN_LENGTH", "129"),
        ("ARGON2_MEMORY_KIB", "7"),
        ("ARGON2_TIME", "0"),
        ("ARGON2_PARALLELISM", "1.5"),
        ("STORE_READ_TIMEOUT", "0"),
        ("STORE_ATTEMPTS", "0"),
        ("HOME_COUNTRY", "cn"),
        ("SMS_COUNTRIES", "CN,hk"),
        ("SMS_COUNTRIES", "CN;HK"),
        ("SMS_REFUSED_PREFIXES", "86170"),
        ("SMS_REFUSED_PREFIXES", "+86170,+"),
        ("SMS_REFUSED_PREFIXES", "+86 170"),
        ("HOME_COUNTRY", "China"),
        ("UTC_OFFSET_MINUTES", "841"),
        ("UTC_OFFSET_MINUTES", "-721"),
        ("DIGEST_LOGIN", "maybe"),
        ("SMS_PROVIDER", "pigeon"),
        ("LIMIT_REGISTER_IP", "-1"),
        ("LIMIT_REGISTER_IP", "many"),
        ("CLIENT_CACHE_TTL", "-5"),
        ("WECHAT_URL", "http://api.weixin.qq.com"),
        ("SIGN_TIMEOUT", "0"),
        ("OIDC_KEYS_PAUSE", "0"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as refused:
        from_environment({name: value})
    lines = str(refused.value).splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"{name}: ")
    assert len(lines[0]) > len(name) + 10


GOOGLE = {"issuer": "https://accounts.google.com", "audiences": ["ours.example"]}
# The public key of RFC 8037, appendix A.2.
ED25519 = {"kty": "OKP", "crv": "Ed25519", "kid": "1", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}


def test_openid_providers_are_read_from_json() -> None:
    entries = {
        "google": GOOGLE,
        "apple": {**GOOGLE, "jwks_uri": "https://appleid.apple.com/auth/keys", "nonce": "hashed"},
    }
    found = from_environment({"OIDC_PROVIDERS": json.dumps(entries), "LINK_PROVIDERS": "google, apple"})
    google, apple = found.oidc_providers
    assert google == OidcProvider(name="google", issuer="https://accounts.google.com", audiences=("ours.example",))
    assert (apple.name, apple.nonce, apple.jwks_uri) == ("apple", "hashed", "https://appleid.apple.com/auth/keys")
    assert found.link_providers == ("google", "apple")


def test_the_keys_of_a_provider_may_stand_in_its_settings() -> None:
    entries = {"staff": {**GOOGLE, "jwks": {"keys": [ED25519]}, "token_life_max": 60}}
    (staff,) = from_environment({"OIDC_PROVIDERS": json.dumps(entries)}).oidc_providers
    assert staff.jwks is not None
    assert json.loads(staff.jwks) == {"keys": [ED25519]}
    assert (staff.jwks_uri, staff.token_life_max) == (None, 60)


@pytest.mark.parametrize(
    ("entries", "complaint"),
    [
        ("{", "is not JSON"),
        ('{"google": {}, "google": {}}', "is not JSON, or has a name twice"),
        ("[]", "is not a JSON object"),
        ({"Google": GOOGLE}, "'Google' is no name for a provider"),
        ({"wechat": GOOGLE}, "'wechat' is no name for a provider"),
        ({"trusted": GOOGLE}, "'trusted' is no name for a provider"),
        ({"oidc": GOOGLE}, "'oidc' is no name for a provider"),
        ({"google": "https://accounts.google.com"}, "google is not an object"),
        ({"google": {**GOOGLE, "name": "x"}}, "google is not an object"),
        ({"google": {"issuer": GOOGLE["issuer"]}}, "google.audiences: is missing"),
        ({"google": {**GOOGLE, "audiences": []}}, "google.audiences: "),
        ({"google": {**GOOGLE, "audiences": [""]}}, "google.audiences.0: "),
        (
            {"google": {**GOOGLE, "issuer": "http://accounts.google.com"}},
            "google.issuer: is no address that begins with",
        ),
        ({"google": {**GOOGLE, "issuer": "accounts.google.com"}}, "google.issuer: is no address"),
        ({"google": {**GOOGLE, "issuer": "https://accounts.google.com/?a=b"}}, "google.issuer: may not have a query"),
        ({"google": {**GOOGLE, "issuer": "https://me@accounts.google.com"}}, "google.issuer: is no address"),
        ({"google": {**GOOGLE, "issuer": "https://accounts.google.com:x"}}, "google.issuer: is no address"),
        ({"google": {**GOOGLE, "jwks_uri": "file:///keys"}}, "google.jwks_uri: is no address"),
        ({"google": {**GOOGLE, "nonce": "never"}}, "google.nonce: "),
        ({"google": {**GOOGLE, "jwks": "https://accounts.google.com/keys"}}, "google.jwks: is no JWK set"),
        ({"google": {**GOOGLE, "jwks": {"keys": []}}}, "google.jwks: is no JWK set"),
        ({"google": {**GOOGLE, "jwks": {"keys": [ED25519, "x"]}}}, "google.jwks: is no JWK set"),
        ({"google": {**GOOGLE, "jwks": {"keys": [{**ED25519, "d": "eA"}]}}}, "google.jwks: key 1 is a private one"),
        (
            {"google": {**GOOGLE, "jwks": {"keys": [ED25519]}, "jwks_uri": "https://accounts.google.com/keys"}},
            "google.jwks: stands beside jwks_uri: give one of them",
        ),
        ({"google": {**GOOGLE, "token_life_max": 0}}, "google.token_life_max: "),
        ({"google": {**GOOGLE, "token_life_max": 10**10}}, "google.token_life_max: "),
        ({"google": {**GOOGLE, "client_id": "another"}}, "google.client_id: is none of its audiences"),
        ({"google": {**GOOGLE, "label": ""}}, "google.label: "),
        ({"google": {**GOOGLE, "scope": "profile"}}, "google.scope: "),
        ({"google": {**GOOGLE, "scope": 'openid "'}}, "google.scope: "),
        ({"google": {**GOOGLE, "token_endpoint": "https://a.example/token"}}, "google.token_endpoint: stands beside"),
        (
            {"google": {**GOOGLE, "authorization_endpoint": "https://a.example/"}},
            "google.token_endpoint: stands beside",
        ),
        ({"google": {**GOOGLE, "authorization_endpoint": "ftp://a.example/"}}, "google.authorization_endpoint: is no"),
        ({"google": {**GOOGLE, "token_auth": "private_key_jwt"}}, "google.token_auth: "),
        ({"google": {**GOOGLE, "response_mode": "fragment"}}, "google.response_mode: "),
        ({"google": {**GOOGLE, "audience": ["x"]}}, "google.audience: is no field of it"),
        ({"google": GOOGLE, "apple": {**GOOGLE, "issuer": ""}}, "apple.issuer: is no address"),
    ],
    ids=str,
)
def test_a_wrong_openid_provider_is_named(entries: object, complaint: str) -> None:
    with pytest.raises(SettingsError) as refused:
        from_environment({"OIDC_PROVIDERS": entries if isinstance(entries, str) else json.dumps(entries)})
    (line,) = str(refused.value).splitlines()
    assert line.startswith(f"OIDC_PROVIDERS: {complaint}")


def test_a_provider_to_link_is_one_of_them() -> None:
    with pytest.raises(SettingsError, match=r"^LINK_PROVIDERS: OIDC_PROVIDERS has no apple, wechat$"):
        from_environment({"OIDC_PROVIDERS": json.dumps({"google": GOOGLE}), "LINK_PROVIDERS": "google,apple,wechat"})


def test_a_provider_on_the_pages() -> None:
    entry = {**GOOGLE, "client_id": "ours.example", "scope": "openid email"}
    (google,) = from_environment({"OIDC_PROVIDERS": json.dumps({"google": entry})}).oidc_providers
    assert (google.client_id, google.shown_name, google.response_mode) == ("ours.example", "Google", "query")
    assert google.model_copy(update={"label": "谷歌"}).shown_name == "谷歌"


@pytest.mark.parametrize(
    ("secrets", "complaint"),
    [
        ("5ecret", "is not JSON"),
        ('["5ecret"]', "is not a JSON object of texts"),
        ('{"google": 5}', "is not a JSON object of texts"),
        ('{"google": ""}', "is not a JSON object of texts"),
        ('{"google": "5ecret", "google": "5ecret"}', "is not JSON, or has a name twice"),
        ('{"apple": "5ecret", "google": "5ecret"}', "OIDC_PROVIDERS has no apple"),
    ],
)
def test_wrong_client_secrets_are_told_without_them(secrets: str, complaint: str) -> None:
    providers = json.dumps({"google": GOOGLE})
    with pytest.raises(SettingsError) as refused:
        from_environment({"OIDC_PROVIDERS": providers, "OIDC_CLIENT_SECRETS": secrets})
    assert str(refused.value).startswith(f"OIDC_CLIENT_SECRETS: {complaint}")
    assert "5ec" not in str(refused.value)
    found = from_environment({"OIDC_PROVIDERS": providers, "OIDC_CLIENT_SECRETS": '{"google": "5ecret"}'})
    assert "5ecret" not in repr(found)


@pytest.mark.parametrize("name", ["WECHAT_WEBSITE_APP", "WECHAT_OFFICIAL_APP"])
def test_an_app_of_the_pages_has_a_secret(name: str) -> None:
    """In WECHAT_APPS, where that is here; where it is kept elsewhere, nobody looks at the start."""
    apps = {"WECHAT_APPS": "wx0123456789abcdef:5ecret"}
    assert getattr(from_environment({**apps, name: "wx0123456789abcdef"}), name.lower()) == "wx0123456789abcdef"
    for app, complaint in (("wxfedcba9876543210", "is no app of WECHAT_APPS"), ("gh_1", "is no app id")):
        with pytest.raises(SettingsError, match=f"^{name}: {complaint}"):
            from_environment({**apps, name: app})
    with pytest.raises(SettingsError, match="need WECHAT_APPS"):
        build(from_environment({name: "wx0123456789abcdef"}))


@pytest.mark.parametrize(
    ("apps", "complaint"),
    [
        ("wx0123456789abcdef", "entry 1 is not an app id"),
        ("wx0123456789abcdef:5ecret,gh_1:5ecret", "entry 2 is not an app id"),
        ("wx0123456789abcdef:", "entry 1 is not an app id"),
        ("wx0123456789abcdef:5ec ret", "entry 1 is not an app id"),
        ("unionid:5ecret", "entry 1 is not an app id"),
        ("wx0123456789abcdef:5ecret,wx0123456789abcdef:0ther", "entry 2 gives wx0123456789abcdef another secret"),
    ],
)
def test_wrong_apps_of_wechat_are_told_without_their_secrets(apps: str, complaint: str) -> None:
    with pytest.raises(SettingsError) as refused:
        from_environment({"WECHAT_APPS": apps})
    assert str(refused.value).startswith(f"WECHAT_APPS: {complaint}")
    assert "5ec" not in str(refused.value)


def test_apps_of_wechat() -> None:
    found = from_environment({"WECHAT_APPS": " wx0123456789abcdef:5ecret , wxfedcba9876543210 : 0ther,"})
    apps = wechat_apps(found.wechat_apps.get_secret_value())
    assert apps == {"wx0123456789abcdef": "5ecret", "wxfedcba9876543210": "0ther"}
    assert "5ecret" not in repr(found)


def test_everything_wrong_is_told_at_once() -> None:
    with pytest.raises(SettingsError) as refused:
        from_environment({"CODE_TTL": "x", "REFRESH_GRACE": "y", "HOME_COUNTRY": "CN"})
    assert [line.partition(":")[0] for line in str(refused.value).splitlines()] == ["CODE_TTL", "REFRESH_GRACE"]


def test_what_is_secret_is_not_shown() -> None:
    found = from_environment({"CODE_PEPPER": "the-secret-pepper"})
    assert "the-secret-pepper" not in repr(found) + str(found) + found.model_dump_json()
    with pytest.raises(SettingsError) as refused:
        from_environment({"CODE_PEPPER": "the-secret-pepper", "CODE_TTL": "the-secret-time"})
    assert "the-secret" not in str(refused.value)


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        Settings().refresh_grace = 5  # type: ignore[misc]


@pytest.mark.security("F32")
@pytest.mark.parametrize(
    ("text", "origins"),
    [
        ("", ()),
        ("*", ("*",)),
        ("https://app.example.com", ("https://app.example.com",)),
        (
            " https://app.example.com , http://localhost:8080,",
            ("https://app.example.com", "http://localhost:8080"),
        ),
        ("https://127.0.0.1:8443,http://[::1]:3000", ("https://127.0.0.1:8443", "http://[::1]:3000")),
        (
            "capacitor://localhost,https://xn--bcher-kva.example",
            ("capacitor://localhost", "https://xn--bcher-kva.example"),
        ),
        ("https://app.example.com:80", ("https://app.example.com:80",)),
    ],
)
def test_origins(text: str, origins: tuple[str, ...]) -> None:
    """As browsers send them, spaces around them left out."""
    assert from_environment({"CORS_ORIGINS": text}).cors_origins == origins


@pytest.mark.security("F32")
@pytest.mark.parametrize(
    "text",
    [
        "https://app.example.com/",
        "https://app.example.com/path",
        "https://H5.Example",
        "HTTPS://app.example.com",
        "app.example.com",
        "https://",
        "null",
        "https://*",
        "https://*.example.com",
        "*,https://app.example.com",
        "https://app.example.com:443",
        "http://app.example.com:80",
        "https://app.example.com:",
        "https://app.example.com:0",
        "https://user@app.example.com",
        "https://app.example.com?x",
        "https://bücher.example",
        "https://a.example https://b.example",
        "https://app.example.com,https://H5.example.com",
    ],
)
def test_what_no_browser_sends_is_no_origin(text: str) -> None:
    """A page could never match it, so it is refused at the start, by its name and with an example."""
    with pytest.raises(SettingsError, match=r"^CORS_ORIGINS: '.*(https://app\.example\.com$|a single \* alone$)"):
        from_environment({"CORS_ORIGINS": text})


@pytest.mark.security("F32")
def test_request_headers_of_pages() -> None:
    assert from_environment({}).cors_headers == ("authorization", "content-type", "dpop", "x-requested-with")
    assert from_environment({"CORS_HEADERS": "authorization , X-App"}).cors_headers == ("authorization", "X-App")
    for text in ("x app", "x-app:", "x-äpp", "x\nb"):
        with pytest.raises(SettingsError, match=r"^CORS_HEADERS: "):
            from_environment({"CORS_HEADERS": text})
