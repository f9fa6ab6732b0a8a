"""An event of API Gateway's payload format 2.0, as the fronts make it, and no more work than it takes.

`local.gateway` makes the same with all that AWS does besides (routes, CORS, traces); a front of a measurement has to be
as thin as those of the others.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

import base64
import itertools
from collections.abc import Mapping
from typing import Any

_numbers = itertools.count(1)


def make_event(
    method: str, path: str, query: str, headers: Mapping[str, str], body: bytes, source_ip: str
) -> dict[str, Any]:
    """The event of a request. `path` is decoded, `query` is not, the names of `headers` are in lower case.

    A form's body is base64, as AWS sends it.
    """
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "local",
            "domainName": "login.example.com",
            "domainPrefix": "login",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": source_ip,
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": f"request-{next(_numbers)}",
            "routeKey": "$default",
            "stage": "$default",
            "time": "01/Jan/2030:00:00:00 +0000",
            "timeEpoch": 1893456000000,
        },
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }
