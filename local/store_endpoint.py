"""The embedded DynamoDB over HTTP, for `lingpai --local` and for functions in containers."""

from contextlib import AbstractContextManager

from local import dynamodb
from local.gateway import Reply, Request, message


def answer(request: Request, turn: AbstractContextManager[object]) -> Reply:
    """Answer a request of DynamoDB's protocol by the embedded store, holding the lock `turn`; others get 403.

    A page of another site cannot call it: browsers send the X-Amz-Target header only after a preflight request.
    """
    operation = request.header("x-amz-target")
    if request.method != "POST" or not operation:
        return message(403, "Forbidden")
    with turn:
        status, body = dynamodb.embedded_answer(operation, request.body)
    return Reply(status, (("content-type", "application/x-amz-json-1.0"),), body)
