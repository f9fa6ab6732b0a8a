"""The environment of the local server: what it sets where the caller has not, and what it reads.

The operator's command line reads it too, to find the local server.
"""

from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from local import template

if TYPE_CHECKING:
    from lingpai.settings import Settings

HOST = "127.0.0.1"
ROOT = Path(__file__).resolve().parent.parent
LOCAL_PATHS = "/_local/"
SMS_PATH = f"{LOCAL_PATHS}sms"
STORE_PATH = f"{LOCAL_PATHS}dynamodb"

# What differs here from a deployment. Each can be overridden by its environment variable.
PRESETS = {
    "AWS_REGION": "us-east-1",
    "DIGEST_LOGIN": "1",
    "KEYS_FILE": str(ROOT / ".lingpai" / "signing-keys.json"),
    "CODE_PEPPER": "local-pepper-that-protects-nothing",
    "SMS_PROVIDER": "console",
    # Everyone is 127.0.0.1 here, so limits for an address or a client would count all callers as one.
    "LIMIT_SMS_IP": "0",
    "LIMIT_SMS_NET": "0",
    "LIMIT_SMS_CLIENT": "0",
    "LIMIT_LOGIN_IP": "0",
    "LIMIT_LOGIN_NET": "0",
    "LIMIT_CLIENT_IP": "0",
    "LIMIT_CLIENT_NET": "0",
    "LIMIT_VERIFY_IP": "0",
    "LIMIT_VERIFY_NET": "0",
    "LIMIT_VERIFY_CLIENT": "0",
    "LIMIT_REGISTER_IP": "0",
    "LIMIT_REGISTER_NET": "0",
    "LIMIT_SIGN_IP": "0",
    "LIMIT_SIGN_NET": "0",
    "LIMIT_SIGN_CLIENT": "0",
    # Nor is there an address that a name was not logged in from.
    "LOGIN_TRIES": "0",
    "POWERTOOLS_SERVICE_NAME": "lingpai",
    # The terminal is for a person: an access line for each request, and what went wrong.
    "LOG_LEVEL": "WARNING",
}


class SettingError(Exception):
    """A setting of the local server itself that cannot be used."""


def read_port(environ: Mapping[str, str], name: str = "PORT", default: int = 3000) -> int:
    """The port of this variable, the default one where that is not set; raises SettingError for what is no port."""
    text = environ.get(name, "").strip() or str(default)
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65535):
        raise SettingError(f"{name}: {text!r} is not a port from 0 to 65535. Try: {name}={default + 1} make run")
    return int(text)


def prepare(environ: MutableMapping[str, str], port: int) -> None:
    """Put into `environ` what the service needs here and the caller has not set."""
    for name, value in {**PRESETS, "ISSUER": f"http://{HOST}:{port}"}.items():
        if not environ.get(name):
            environ[name] = value
    if not environ.get("DYNAMODB_ENDPOINT"):
        environ["AWS_TRANSPORT"] = "botocore"  # moto stands inside it, and nowhere else
    # botocore reads the one, Lambda sets the other.
    environ["AWS_DEFAULT_REGION"] = environ["AWS_REGION"]


def named(tables: Iterable[template.Table], settings: "Settings") -> list[template.Table]:
    """The tables, each under the name that its setting gives it; the template's is the default of the setting."""
    fields = type(settings).model_fields
    names = {fields[name].default: getattr(settings, name) for name in fields if name.endswith("_table")}
    return [replace(table, name=names.get(table.name, table.name)) for table in tables]
