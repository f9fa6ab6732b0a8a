"""Settings read without pydantic: the same, or left to it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingpai import plain, plain_table
from lingpai.errors import SettingsError
from lingpai.settings import Settings, from_environment
from tools import write_plain_table

NAMES = sorted(Settings.model_fields)
DEPLOYED = {
    "CLIENTS_TABLE": "lingpai-dev-ClientsTable-1",
    "SMS_PROVIDER": "console",
    "DIGEST_LOGIN": "false",
    "METRICS_NAMESPACE": "Lingpai",
    "CODE_PEPPER_SECRET": "arn:aws:secretsmanager:us-east-1:123456789012:secret:pepper",
    "ISSUER": "https://login.example.com",
    "AUDIENCE": "",
    "ALIYUN_KEY_ID": "",
}


def values(settings: Any) -> dict[str, Any]:
    """Each setting, secrets in clear."""
    found = {name: getattr(settings, name) for name in NAMES}
    return {name: v.get_secret_value() if hasattr(v, "get_secret_value") else v for name, v in found.items()}


def test_the_table_is_up_to_date() -> None:
    """It is what `python -m tools.write_plain_table` would write."""
    assert write_plain_table.FILE.read_text("utf-8") == write_plain_table.text()


def test_a_deployment_as_the_template_makes_it_is_plain() -> None:
    read = plain.read(DEPLOYED)
    assert read is not None
    assert values(read) == values(from_environment(DEPLOYED))


def test_defaults_are_the_same() -> None:
    assert values(plain.read({})) == values(Settings())


_TEXTS = st.one_of(
    st.sampled_from(
        ["0", "1", "-1", "007", "1.5", " 5", "1e3", "999999999999999999", "true", "True", "1", "yes", "off"]
    ),
    st.sampled_from(["console", "aliyun,twilio", "CN", "CN,US", "10.0.0.0/8", "密", "wx0123456789abcdef:secret", "{}"]),
    st.integers(min_value=-5, max_value=10**16).map(str),
    st.text(alphabet="aA0-_.:, \t密é", max_size=12),
)


@given(st.dictionaries(st.sampled_from([name.upper() for name in NAMES]), _TEXTS, max_size=4))
def test_what_is_read_plainly_is_what_the_model_reads(environment: dict[str, str]) -> None:
    """And nothing that the model refuses is read plainly."""
    read = plain.read(environment)
    if read is not None:
        assert values(read) == values(from_environment(environment))


@pytest.mark.parametrize(
    "name", [*plain_table.TEXTS, *plain_table.WHOLES, *plain_table.FLAGS, *plain_table.PLAIN_SECRETS]
)
@pytest.mark.parametrize("text", ["0", "1", "3", "841", "10000000", "true", "false", "words of any kind"])
def test_each_plain_setting(name: str, text: str) -> None:
    """By itself, with texts that are right and wrong for it."""
    environment = {name.upper(): text}
    read = plain.read(environment)
    if read is not None:
        assert values(read) == values(from_environment(environment))
    try:
        right = from_environment(environment)
    except SettingsError:
        assert read is None
    else:
        assert read is not None or values(right)[name] != text


def test_what_needs_the_model_is_left_to_it() -> None:
    for given_environment in ({"SMS_PROVIDER": "aliyun"}, {"WECHAT_APPS": "wx0123456789abcdef:s"}, {"CODE_TTL": "x"}):
        assert plain.read(given_environment) is None


def test_it_is_frozen_and_shows_no_secret() -> None:
    read: Any = plain.read({"CODE_PEPPER": "the pepper"})
    with pytest.raises(AttributeError, match="code_ttl is frozen"):
        read.code_ttl = 5
    assert "the pepper" not in f"{read!r} {read.code_pepper!r} {read.code_pepper} {vars(read)}"
    assert read.code_pepper.get_secret_value() == "the pepper"
