"""Send requests to a Python web app in this process, and print the answers.

In: argv: the folder of the app's module, `module:name`; stdin: a JSON list of [method, value of Authorization or null].
Out: a JSON list of [status, WWW-Authenticate or null, the JSON of the body].
"""

import asyncio
import importlib
import inspect
import json
import sys
from typing import Any

import httpx

URL = "http://127.0.0.1/orders"


async def ask(app: Any, requests: list[list[Any]]) -> list[Any]:
    """The answers of the app, which is ASGI or WSGI, in their order."""
    if inspect.iscoroutinefunction(app.__call__):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
            return [told(await client.request(method, URL, headers=headers(value))) for method, value in requests]
    with httpx.Client(transport=httpx.WSGITransport(app)) as wsgi:
        return [told(wsgi.request(method, URL, headers=headers(value))) for method, value in requests]


def headers(value: str | None) -> dict[str, str]:
    """The headers of a request with this Authorization."""
    return {} if value is None else {"Authorization": value}


def told(answer: httpx.Response) -> list[Any]:
    """The part of an answer that tells what was decided."""
    return [answer.status_code, answer.headers.get("www-authenticate"), answer.json()]


if __name__ == "__main__":
    folder, _, target = sys.argv[1].rpartition("/")
    sys.path.insert(0, folder)
    module, _, name = target.partition(":")
    found = getattr(importlib.import_module(module), name)
    print(json.dumps(asyncio.run(ask(found, json.load(sys.stdin)))))  # noqa: T201 (its result)
