"""The environment of the local server: what it sets where the caller has not, and what it reads.

The operator's command line reads it too, to find the local server.
"""

from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from local import template
from local.errors import LocalError

if TYPE_CHECKING:
    from lingpai.settings import Settings

HOST = "127.0.0.1"
ROOT = Path(__file__).resolve().parent.parent
LOCAL_PATHS = "/_local/"
SMS_PATH = f"{LOCAL_PATHS}sms"
STORE_PATH = f"{LOCAL_PATHS}dynamodb"

# All callers have the address 127.0.0.1, so limits by address or client would count them as one. For the same reason no
# login comes from an unknown address.
_NO_LIMITS = """
    LIMIT_SMS_IP LIMIT_SMS_NET LIMIT_SMS_CLIENT LIMIT_LOGIN_IP LIMIT_LOGIN_NET LIMIT_CLIENT_IP LIMIT_CLIENT_NET
    LIMIT_VERIFY_IP LIMIT_VERIFY_NET LIMIT_VERIFY_CLIENT LIMIT_REGISTER_IP LIMIT_REGISTER_NET
    LIMIT_SIGN_IP LIMIT_SIGN_NET LIMIT_SIGN_CLIENT LOGIN_TRIES
"""
# Settings that differ from a deployment's. Each can be overridden by its environment variable.
PRESETS = {
    "AWS_REGION": "us-east-1",
    "DIGEST_LOGIN": "1",
    "API_DOCS": "1",
    "KEYS_FILE": str(ROOT / ".lingpai" / "signing-keys.json"),
    "CODE_PEPPER": "local-pepper-that-protects-nothing",
    "SMS_PROVIDER": "console",
    # Receivers on this machine.
    "WEBHOOK_LOOPBACK": "1",
    "POWERTOOLS_SERVICE_NAME": "lingpai",
    # The terminal shows one line for each request, and warnings.
    "LOG_LEVEL": "WARNING",
    **dict.fromkeys(_NO_LIMITS.split(), "0"),
}


class SettingError(LocalError):
    """An invalid setting of the local server itself."""


def read_port(environ: Mapping[str, str], name: str = "PORT", default: int = 3000) -> int:
    """Return the port in this variable, or the default; raises SettingError for an invalid one."""
    text = environ.get(name, "").strip() or str(default)
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65535):
        raise SettingError(f"{name}: {text!r} is not a port from 0 to 65535. Try: {name}={default + 1} make run")
    return int(text)


def prepare(environ: MutableMapping[str, str], port: int) -> None:
    """Set in `environ` what the service needs here and the caller has not set."""
    presets = {**PRESETS, "ISSUER": f"http://{HOST}:{port}"}
    if not environ.get("ISSUER"):
        # Browsers make passkeys for `localhost`, and for no address.
        presets |= {"WEBAUTHN_RP_ID": "localhost", "WEBAUTHN_ORIGINS": f"http://localhost:{port}"}
    for name, value in presets.items():
        if not environ.get(name):
            environ[name] = value
    if not environ.get("DYNAMODB_ENDPOINT"):
        environ["AWS_TRANSPORT"] = "botocore"  # the embedded store (moto) can only be reached through botocore
    # botocore reads AWS_DEFAULT_REGION, Lambda sets AWS_REGION.
    environ["AWS_DEFAULT_REGION"] = environ["AWS_REGION"]


def named(tables: Iterable[template.Table], settings: "Settings") -> list[template.Table]:
    """Return the tables with the names that the settings give them. The template's names are the defaults."""
    fields = type(settings).model_fields
    names = {fields[name].default: getattr(settings, name) for name in fields if name.endswith("_table")}
    return [replace(table, name=names.get(table.name, table.name)) for table in tables]
