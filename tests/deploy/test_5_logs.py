"""What is in CloudWatch in the end, after all that the tests before this one did."""

from tests.deploy.stack import Stack
from tests.support.logs import LOGS


def test_no_secret_is_in_the_logs(stack: Stack) -> None:
    """CloudWatch holds a line for each request, and no secret of the seed, of the tests, or of those who were asked."""
    logs = stack.client("logs")
    lines = []
    for name in ("token", "mobile", "sign", "users", "roles"):  # by clients; the keys' function has none
        group = f"/lingpai/{stack.name}/{name}"
        found = logs.filter_log_events(logGroupName=group)["events"]
        assert any('"correlation_id"' in event["message"] for event in found), f"{group} is empty"
        lines += [event["message"] for event in found]
    LOGS.add("\n".join(lines))
    for client in stack.seed.clients:
        LOGS.hush("client secret", client.client_secret or "")
    for user in stack.seed.users:
        LOGS.hush("password", user.password or "")
    assert LOGS.leaks() == []
