"""Everything that an operator may set: one frozen model, read once from the environment.

Each field is set by the environment variable of its name in capitals. Times are seconds unless the name
says otherwise; a limit of 0 is off.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError


class SettingsError(Exception):
    """A setting that cannot be used. The text names it and says why."""


def _words(value: object) -> object:
    """Comma-separated text as a list; anything else as it is."""
    if isinstance(value, str):
        return [word.strip() for word in value.split(",") if word.strip()]
    return value


def _networks(words: tuple[str, ...]) -> tuple[str, ...]:
    """The words as addresses or networks; ValueError for what is neither."""
    import ipaddress

    return tuple(str(ipaddress.ip_network(word)) for word in words)


Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
Networks = Annotated[Words, AfterValidator(_networks)]
Countries = Annotated[tuple[Annotated[str, Field(pattern="^[A-Z]{2}$")], ...], BeforeValidator(_words)]
Prefixes = Annotated[tuple[Annotated[str, Field(pattern=r"^\+[1-9][0-9]{0,14}$")], ...], BeforeValidator(_words)]
Seconds = Annotated[int, Field(gt=0)]
Limit = Annotated[int, Field(ge=0)]


class Settings(BaseModel):
    """The settings of a deployment, with their defaults."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    # where things are kept
    clients_table: str = "ClientsTable"
    users_table: str = "UsersTable"
    identities_table: str = "IdentitiesTable"
    roles_table: str = "RolesTable"
    sessions_table: str = "SessionsTable"
    codes_table: str = "CodesTable"
    counters_table: str = "CountersTable"
    keys_table: str = "KeysTable"
    aws_region: str = "us-east-1"
    store_connect_timeout: Annotated[float, Field(gt=0)] = 1.0
    store_read_timeout: Annotated[float, Field(gt=0)] = 2.0
    store_attempts: Annotated[int, Field(ge=1)] = 3

    # clients and sessions
    client_cache_ttl: Limit = 60
    refresh_grace: Limit = 30
    issuer: str = ""
    audience: str = ""

    # the keys that sign: in the table, wrapped by a key of KMS, or in a file
    keys_kms_key: str = ""
    keys_file: str = ""
    key_cache_ttl: Annotated[int, Field(ge=0, le=3600)] = 300
    key_lead: Annotated[int, Field(ge=86400)] = 86400
    key_period: Annotated[int, Field(ge=86400)] = 90 * 86400

    # passwords, which argon2id hashes
    password_filter: str = ""
    password_min_length: Annotated[int, Field(ge=1, le=128)] = 8
    argon2_memory_kib: Annotated[int, Field(ge=8)] = 19456
    argon2_time: Annotated[int, Field(ge=1)] = 2
    argon2_parallelism: Annotated[int, Field(ge=1)] = 1
    digest_login: bool = False

    # codes and messages
    code_pepper: SecretStr = SecretStr("")
    code_pepper_secret: str = ""
    code_ttl: Seconds = 600
    code_tries: Annotated[int, Field(ge=1)] = 5
    code_tries_window: Seconds = 3600
    code_resend: Limit = 60
    code_per_hour: Limit = 5
    code_per_day: Limit = 10
    sms_provider: Literal["console"] = "console"
    sms_countries: Countries = ("CN",)
    home_country: Annotated[str, Field(pattern="^[A-Z]{2}$")] = "CN"

    # numbers that are mobile ones by the number library, and that codes are not for all the same
    sms_refused_prefixes: Prefixes = ()

    # messages, beyond those of a number: an hour for addresses and clients, a day (UTC) for prefixes and all
    limit_sms_ip: Limit = 30
    limit_sms_net: Limit = 150
    limit_sms_prefix: Limit = 2000
    limit_sms_client: Limit = 1000
    limit_sms_day: Limit = 10000
    sms_prefix_digits: Annotated[int, Field(ge=0, le=10)] = 4
    sms_unproven: Limit = 100
    sms_proof: Annotated[int, Field(ge=1)] = 4

    # guesses and registrations: a window for names, an hour for addresses
    login_tries: Limit = 10
    login_window: Seconds = 900
    login_memory: Limit = 30 * 86400
    limit_login_ip: Limit = 30
    limit_login_net: Limit = 150
    limit_verify_ip: Limit = 60
    limit_verify_net: Limit = 300
    limit_register_ip: Limit = 30
    limit_register_net: Limit = 150
    trusted_addresses: Networks = ()

    # what is watched
    metrics_namespace: str = ""

    # people
    admin_role: Annotated[str, Field(min_length=1)] = "admin"
    utc_offset_minutes: Annotated[int, Field(ge=-720, le=840)] = 480


def from_environment(environment: Mapping[str, str]) -> Settings:
    """The settings that `environment` names; raises SettingsError with one line for each wrong one."""
    given = {
        name: environment[name.upper()] for name in Settings.model_fields if environment.get(name.upper(), "") != ""
    }
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        lines = [f"{str(problem['loc'][0]).upper()}: {problem['msg']}" for problem in error.errors()]
        raise SettingsError("\n".join(lines)) from None
