"""The embedded DynamoDB over HTTP, for `lingpai --local` and for functions in containers."""

from contextlib import AbstractContextManager

from local import dynamodb
from local.gateway import Reply, Request, message


def answer(request: Request, turn: AbstractContextManager[object]) -> Reply:
    """What the embedded DynamoDB answers to a request of its protocol; 403 for any other. `turn` is held meanwhile.

    A page of another site cannot call it: browsers send the header that names the operation only after a preflight.
    """
    operation = request.header("x-amz-target")
    if request.method != "POST" or not operation:
        return message(403, "Forbidden")
    with turn:
        status, body = dynamodb.embedded_answer(operation, request.body)
    return Reply(status, (("content-type", "application/x-amz-json-1.0"),), body)
