"""An authenticator app from the shelf: it reads the QR code's content, and its codes are those that are accepted."""

import json
import subprocess

import pytest

from lingpai.accounts.storage import PutUser
from lingpai.bootstrap import build
from lingpai.kernel.errors import LingpaiError
from lingpai.second_factors import service as second_factors
from lingpai.second_factors import totp
from tests.support import npm
from tests.support.logs import LOGS
from tests.support.memory_store import MemoryStore
from tests.support.samples import a_session, a_user
from tests.support.stores import settings
from tests.support.time import START, Time


@pytest.mark.security("TOTP-RFC6238-1.2")
@pytest.mark.usefixtures("npm_clients")
def test_otpauth() -> None:
    """Set up by its first code; then each of the next is accepted, once."""
    time = Time()
    services = build(settings(), MemoryStore(), time.clock())
    services.store.commit(PutUser(a_user(second_factors=frozenset())))
    secret = second_factors.begin_totp(services, 1)
    LOGS.hush("TOTP secret", totp.key_text(secret))
    uri = totp.uri(secret, "爱丽丝", "login.example.com")
    times = [START + 30 * step for step in range(12)]
    done = subprocess.run(  # noqa: S603  our own script
        [npm.NODE, str(npm.OTPAUTH_SCRIPT), str(npm.OTPAUTH)],
        input=json.dumps({"uri": uri, "times": times}),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    app = json.loads(done.stdout)
    assert (app["issuer"], app["label"]) == ("login.example.com", "爱丽丝")
    first, *codes = app["shown"]
    assert second_factors.confirm_totp(services, 1, first, a_session().key)
    for code in codes:
        time.advance(30)
        services.store.commit(*second_factors.verify_totp(services, 1, code).writes)
    for code in codes[-2:]:
        LOGS.hush("code", code)
        with pytest.raises(LingpaiError):
            second_factors.verify_totp(services, 1, code)
