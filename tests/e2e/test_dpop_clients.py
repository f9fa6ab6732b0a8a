"""DPoP (RFC 9449) by clients from the shelf: npm's oauth4webapi and dpop, against the running server."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import httpx
import pytest

from tests.e2e.server import PATIENCE, Server, serving
from tests.support import npm
from tests.support.api import Answer, Api
from tests.support.pages import Browser


@dataclass
class Remote:
    """What `Browser` asks of an API, over HTTP."""

    url: str

    def call(
        self,
        method: str,
        target: str,
        *,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        source_ip: str = "",
    ) -> Answer:
        """One request; `source_ip` is that of this machine."""
        assert source_ip
        with httpx.Client(trust_env=False, timeout=PATIENCE) as client:
            answer = client.request(method, self.url + target, data=dict(form) if form else None, headers=headers)
        told = {name: "\n".join(answer.headers.get_list(name)) for name in answer.headers}
        return Answer(answer.status_code, told, answer.text)


@pytest.mark.usefixtures("npm_clients")
@pytest.mark.security("RFC9449-5", "RFC9449-7", "RFC9449-10.1")
@pytest.mark.parametrize("nonce", ["false", "true"])
def test_oauth4webapi_and_dpop(tmp_path: Path, nonce: str) -> None:
    """A pushed request, the login, the code, userinfo, a refresh; what a thief gets; each algorithm of `dpop`.

    The packages check every answer against its RFC and throw at the first thing amiss.
    """
    with serving(tmp_path, DPOP_NONCE=nonce) as server:
        found = flow(server)
    assert found["supported"] == ["ES256", "ES384", "EdDSA", "Ed25519", "PS256", "RS256"]
    for tokens in (found["first"], found["second"]):
        assert tokens["token_type"] == "dpop", "oauth4webapi writes it in lower case"
    assert found["first"]["access_token"] != found["second"]["access_token"]
    assert found["info"]["preferred_username"] == found["infoAgain"]["preferred_username"] == "alice"
    assert (found["stolenCode"], found["stolenRefresh"]) == ("invalid_grant", "invalid_grant")
    assert (found["stolenToken"], found["unproven"]) == ("invalid_token", "invalid_dpop_proof")
    # The first request of each key; then each answer of the token endpoint has the nonce for the next one.
    assert (found["retries"] > 0) == (nonce == "true")
    assert set(found["algorithms"]) == {"ES256", "Ed25519", "RS256", "PS256"}
    for told in found["algorithms"].values():
        del told["secrets"]
        expected = {"type": "DPoP", "user": "alice", "replay": "invalid_dpop_proof", "bearer": "invalid_token"}
        assert told == {**expected, "bound": True}


def flow(server: Server) -> dict[str, Any]:
    """What the script prints, with Alice at the login page."""
    command = [npm.NODE, str(npm.DPOP_SCRIPT), server.url, str(npm.OAUTH4WEBAPI), str(npm.DPOP)]
    with subprocess.Popen(  # noqa: S603 (our own script)
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        begun = process.stdout.readline()
        assert begun, process.stderr.read()
        authorize = urlsplit(json.loads(begun)["authorize"])
        page = Browser(cast("Api", Remote(server.url))).log_in(target=f"{authorize.path}?{authorize.query}")
        server.hush(authorize.query.partition("request_uri=")[2])
        out, err = process.communicate(f"{page.location}\n", timeout=PATIENCE)
    assert process.returncode == 0, err
    found: dict[str, Any] = json.loads(out)
    secrets = [found[name][kind] for name in ("first", "second") for kind in ("access_token", "refresh_token")]
    server.hush(*secrets, *(secret for told in found["algorithms"].values() for secret in told["secrets"]))
    return found
