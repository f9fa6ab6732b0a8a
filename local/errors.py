"""What the local server and the operator's commands end with, other than a refusal of the service."""


class LocalError(Exception):
    """Why it cannot begin or go on. The message has a line for each fault, and says what to do."""

    code = 2
    """The exit code of a command."""
