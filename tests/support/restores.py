"""One snapshot, two restores: `python -m tests.support.restores FUNCTION` initialises a function, and forks twice.

A fork is to a process what a restore from a snapshot is to an execution environment: both children go on from one and
the same memory. (But Python gives the child of a fork another seed: that is undone.) Each makes the same calls, and
tells on its standard output (JSON, a line each) what it drew by chance.
What the tests themselves need is imported in the children alone.

With `--broken` the dice are made before the fork, so that the children throw alike: to see that it would be noticed.
"""

import json
import os
import random
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.primed import run_after_restore, run_before_snapshot

ROOT = Path(__file__).resolve().parents[2]
BASIC = ("standard-client", "standard-secret")
PASSWORD = {"grant_type": "password", "username": "alice", "password": "correct horse battery"}
# The random bits of a user id; the rest is the time.
LOW = (1 << 12) - 1


def main() -> None:
    """See the module's docstring."""
    name = sys.argv[1]
    handler = runpy.run_path(str(ROOT / "functions" / name / "app.py"), run_name="app")["handler"]
    run_before_snapshot()
    if "--broken" in sys.argv:
        import secrets

        from lingpai.kernel.clock import Clock

        dice = random.Random(secrets.token_bytes())
        time, _, *others = Clock.__init__.__defaults__  # type: ignore[misc]
        Clock.__init__.__defaults__ = (time, dice.randbytes, *others)
    pipes = [_fork(name, handler) for _ in range(2)]
    for reader in pipes:
        with os.fdopen(reader) as stream:
            sys.stdout.write(stream.read() + "\n")


def _fork(name: str, handler: Callable[..., Any]) -> int:
    state = random.getstate()
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.environ["KEYS_FILE"] += str(os.getpid())
        with os.fdopen(writer, "w") as stream:
            stream.write(json.dumps(_restored(name, handler, state)))
        os._exit(0)
    os.close(writer)
    return reader


def _restored(name: str, handler: Callable[..., Any], state: Any) -> dict[str, list[Any]]:
    """What this child drew, by what it is."""
    from tests.support import stores

    with stores.on_moto():
        random.setstate(state)
        run_after_restore()
        # A copy of the dice as they came, to see that both children have the same.
        same = random.Random()
        same.setstate(state)
        drawn = _calls(name, handler)
        return {**drawn, "inherited": [same.random()], "random": [random.random()], "retries": [_retry_pause()]}


def _calls(name: str, handler: Callable[..., Any]) -> dict[str, list[Any]]:
    """The calls to this function, through the process's own services: those that a deployment has."""
    if name == "keys":
        return {"kids": handler({}, None)["made"]}
    from lingpai import bootstrap
    from lingpai.signing_keys import service as signing_keys
    from local import gateway
    from tests.support.api import Api, populate
    from tests.support.stores import TEMPLATE
    from tests.support.time import Time

    services = bootstrap.services()
    populate(services)
    if name == "token":
        signing_keys.first_keys(
            bootstrap.key_store(services.settings), bootstrap.key_wrapper(services.settings), services.clock
        )
    api = Api(services, Time(), gateway.Gateway(routes=TEMPLATE.routes, invoke=lambda _, event: handler(event, None)))
    match name:
        case "token":
            pairs = [api.post("/oauth/token", form=PASSWORD, basic=BASIC).json for _ in range(3)]
            signed = api.post("/oauth/token", form=PASSWORD, basic=("jwt-client", "jwt-secret")).json
            alone = api.post(
                "/oauth/token", form={"grant_type": "client_credentials"}, basic=("machine-jwt", "machine-jwt-secret")
            ).json
            refresh = {"grant_type": "refresh_token", "refresh_token": pairs[0]["refresh_token"]}
            pairs.append(api.post("/oauth/token", form=refresh, basic=BASIC).json)
            return {
                "access tokens": [answer["access_token"] for answer in (*pairs, signed, alone)],
                "refresh tokens": [answer["refresh_token"] for answer in (*pairs, signed)],
            }
        case "mobile":
            codes, tokens = [], []
            for last in range(4):
                mobile = f"1331234123{last}"
                assert api.post("/mobile/code/get", form={"mobile": mobile}, basic=BASIC).status == 200
                codes.append(api.last_code)
                form = {"mobile": mobile, "code": api.last_code}
                tokens.append(api.post("/mobile/token", form=form, basic=BASIC).json["access_token"])
            return {"codes": ["".join(codes)], "access tokens": tokens}
        case "sign":
            answers = [api.post("/sign/token", form={"sign": f"o-{n}"}, basic=BASIC).json for n in range(3)]
            return {"access tokens": [answer["access_token"] for answer in answers], "ids": _ids(api)}
        case "users":
            for number in range(6):
                form = {"username": f"user-{number}", "password": "correct horse battery staple"}
                assert api.post("/users/register", json_body=form).status == 200
            hashes = [user.password for user in api.services.store.list_users(100, None).users]
            return {"ids": _ids(api), "salts": [(text or "").split("$")[-2] for text in hashes]}
        case "pages":
            from tests.support.pages import Browser

            browsers = [Browser(api) for _ in range(3)]
            pages = [browser.log_in() for browser in browsers]
            assert {page.target for page in pages} == {"/account"}
            nonces = [page.answer.headers["content-security-policy"] for page in pages]
            return {"cookies": [browser.cookies for browser in browsers], "nonces": nonces, "ids": _ids(api)}
        case "console":
            answers = [api.call("GET", "/console") for _ in range(3)]
            assert {answer.status for answer in answers} == {303}
            return {
                "requests": [answer.headers["location"] for answer in answers],
                "cookies": [answer.headers["set-cookie"] for answer in answers],
                "ids": _ids(api),
            }
        case _:
            # Nothing here is drawn but what came with the inhabitants.
            assert api.post("/roles/list", json_body={}).status == 401
            return {"ids": _ids(api)}


def _ids(api: Any) -> list[list[int]]:
    """The random bits of all user ids, in the order of the accounts' making."""
    return [[user.id & LOW for user in sorted(api.services.store.list_users(100, None).users, key=lambda u: u.id)]]


def _retry_pause() -> float:
    """What botocore would wait before it tries again: at random, up to a second."""
    from botocore.retries.standard import ExponentialBackoff

    context: Any = type("Context", (), {"attempt_number": 5})()
    return float(ExponentialBackoff().delay_amount(context))


if __name__ == "__main__":
    main()
