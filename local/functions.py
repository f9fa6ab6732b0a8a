"""The Lambda functions, called in this process.

In: the template and its folder. Out: `invoke(logical id, event)`, which calls the function's handler with a context
like Lambda's. The functions' folders are not on `sys.path`: one is called `token`, like a module of Python.
"""

import importlib.util
import sys
import time
import uuid
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.errors import LocalError
from local.gateway import ACCOUNT_ID
from local.template import Function, Template


class LoadError(LocalError):
    """A function's code is not where the template says. The message names it."""


@dataclass(frozen=True)
class LambdaContext:
    """The context that Lambda passes to a handler."""

    function_name: str
    memory_limit_in_mb: int
    aws_request_id: str
    invoked_function_arn: str
    log_group_name: str
    log_stream_name: str
    deadline: float
    function_version: str = "$LATEST"
    identity: None = None
    client_context: None = None

    def get_remaining_time_in_millis(self) -> int:
        """The milliseconds that the function may still run."""
        return max(0, int((self.deadline - time.monotonic()) * 1000))


type Handler = Callable[[dict[str, Any], LambdaContext], object]


def set_environment(template: Template, environ: MutableMapping[str, str]) -> None:
    """Set in `environ` the variables of all functions, which share one process here.

    Variables that are set and not empty are kept, so any setting can be overridden.
    """
    for function in template.functions:
        for name, value in function.environment.items():
            if not environ.get(name):
                environ[name] = value


def load(template: Template, root: Path) -> Callable[[str, dict[str, Any]], object]:
    """Import every function; return a callable that invokes one. Their environment has to be set before."""
    handlers = {function.name: (function, _import(function, root)) for function in template.functions}

    def invoke(name: str, event: dict[str, Any]) -> object:
        function, handler = handlers[name]
        return handler(event, make_context(function))

    return invoke


def make_context(function: Function, region: str = "us-east-1") -> LambdaContext:
    """Return the context for one call."""
    return LambdaContext(
        function_name=function.name,
        memory_limit_in_mb=function.memory,
        aws_request_id=str(uuid.uuid4()),
        invoked_function_arn=f"arn:aws:lambda:{region}:{ACCOUNT_ID}:function:{function.name}",
        log_group_name=f"/aws/lambda/{function.name}",
        log_stream_name="local",
        deadline=time.monotonic() + function.timeout,
    )


def _import(function: Function, root: Path) -> Handler:
    module_name, _, attribute = function.handler.rpartition(".")
    path = root / function.code / f"{module_name}.py"
    if not path.is_file():
        raise LoadError(f"{function.name}: {path} is not there")
    # Each function's module is called `app`, so each needs a unique name.
    unique = f"_lingpai_function_{function.name}"
    spec = importlib.util.spec_from_file_location(unique, path)
    if spec is None or spec.loader is None:
        raise LoadError(f"{function.name}: {path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[unique] = module
    spec.loader.exec_module(module)
    handler: Handler | None = getattr(module, attribute, None)
    if not callable(handler):
        raise LoadError(f"{function.name}: {path} has no function {attribute!r}")
    return handler
