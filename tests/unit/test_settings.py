"""Settings: read from the environment by name, checked, told line by line when wrong."""

import pytest
from pydantic import ValidationError

from lingpai.settings import Settings, SettingsError, from_environment


def test_an_empty_environment_gives_the_defaults() -> None:
    assert from_environment({}) == Settings()
    assert from_environment({name.upper(): "" for name in Settings.model_fields}) == Settings()


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
    ],
)
def test_a_setting_that_cannot_be_used_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as refused:
        from_environment({name: value})
    lines = str(refused.value).splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"{name}: ")
    assert len(lines[0]) > len(name) + 10


def test_everything_wrong_is_told_at_once() -> None:
    with pytest.raises(SettingsError) as refused:
        from_environment({"CODE_TTL": "x", "REFRESH_GRACE": "y", "HOME_COUNTRY": "CN"})
    assert [line.partition(":")[0] for line in str(refused.value).splitlines()] == ["REFRESH_GRACE", "CODE_TTL"]


def test_what_is_secret_is_not_shown() -> None:
    found = from_environment({"CODE_PEPPER": "the-secret-pepper"})
    assert "the-secret-pepper" not in repr(found) + str(found) + found.model_dump_json()
    with pytest.raises(SettingsError) as refused:
        from_environment({"CODE_PEPPER": "the-secret-pepper", "CODE_TTL": "the-secret-time"})
    assert "the-secret" not in str(refused.value)


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        Settings().refresh_grace = 5  # type: ignore[misc]
