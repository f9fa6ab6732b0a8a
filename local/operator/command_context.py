"""What every command has: the common options, before or after its name, and the context it runs in."""

import importlib.metadata
import inspect
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Annotated, Any, Concatenate

import typer
import typer.core
from pydantic import ValidationError
from rich.table import Table

from lingpai.clients.storage import ClientWriter
from lingpai.kernel.validation_errors import error_text
from lingpai.services import Services
from local.operator import console, target
from local.operator.target import Target

_PANEL = "Where and how (also before the command)"
_OPTIONS: dict[str, tuple[Any, Any]] = {
    "stack": (
        Annotated[
            str | None,
            typer.Option("--stack", metavar="NAME", help="The deployed stack of this name.", rich_help_panel=_PANEL),
        ],
        None,
    ),
    "local": (
        Annotated[bool, typer.Option("--local", help="The local server, `make run`.", rich_help_panel=_PANEL)],
        False,
    ),
    "as_json": (
        Annotated[bool, typer.Option("--json", help="One JSON document on standard output.", rich_help_panel=_PANEL)],
        False,
    ),
    "yes": (
        Annotated[bool, typer.Option("--yes", help="Do not ask first.", rich_help_panel=_PANEL)],
        False,
    ),
}


def _show_version(asked: bool) -> None:
    if asked:
        console.show(f"lingpai {importlib.metadata.version('lingpai')}")
        raise typer.Exit


_VERSION = inspect.Parameter(
    "version",
    inspect.Parameter.KEYWORD_ONLY,
    default=False,
    annotation=Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and end.")
    ],
)


@dataclass(frozen=True)
class Options:
    """The common options of a command."""

    stack: str | None = None
    local: bool = False
    as_json: bool = False
    yes: bool = False

    def merge(self, given: Mapping[str, Any]) -> "Options":
        """Return these options joined with those given further on; contradictions are a usage error."""
        stack = given.get("stack")
        if None not in (self.stack, stack) and stack != self.stack:
            raise typer.BadParameter(f"--stack: names both {self.stack} and {stack}")
        flags = {name: getattr(self, name) or bool(given.get(name)) for name in ("local", "as_json", "yes")}
        options = replace(self, stack=stack or self.stack, **flags)
        if options.stack is not None and options.local:
            raise typer.BadParameter("--stack and --local: name one of them")
        return options


@dataclass(frozen=True)
class CommandContext:
    """A running command: the deployment it works on, and how it answers."""

    options: Options
    target: Target

    @contextmanager
    def services(self, parallel: int = 1) -> Iterator[Services]:
        """Open the target's services, with at most `parallel` connections to its store."""
        with target.services(self.target, parallel) as opened:
            yield opened

    def confirm(self, question: str) -> None:
        """Ask the operator; raises Refused if they do not agree."""
        console.confirm(f"{self.target.name}: {question}", yes=self.options.yes)

    def show(self, document: Mapping[str, Any], for_people: str | Table, unread: str = "") -> None:
        """Print the result: `document` as JSON if that was asked for, else `for_people`.

        `unread` is said if the output is closed: it says how to get over what was not shown.
        """
        console.show(console.as_json(document) if self.options.as_json else for_people, unread)


def clients_of(services: Services) -> ClientWriter:
    """Return the services' store, by which an operator also writes clients."""
    writer: ClientWriter = services.store  # type: ignore[assignment]  # every store that the command opens is one
    return writer


@contextmanager
def _readable_errors() -> Iterator[None]:
    """Replace pydantic's words, which Typer quotes for an invalid argument, by ours."""
    try:
        yield
    except typer.BadParameter as error:
        if isinstance(error.__cause__, ValidationError):
            error.message = "; ".join(map(error_text, error.__cause__.errors()))
        raise


class _Command(typer.core.TyperCommand):
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        with _readable_errors():
            return super().parse_args(ctx, args)


class _Group(typer.core.TyperGroup):
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        with _readable_errors():
            return super().parse_args(ctx, args)


type Work[**P] = Callable[Concatenate[CommandContext, P], None]


def command[**P](group: typer.Typer, name: str, *, asks: bool = False) -> Callable[[Work[P]], Work[P]]:
    """Register a command, which is called with its context. One that `asks` before it acts has the option `--yes`."""
    common = {key: option for key, option in _OPTIONS.items() if asks or key != "yes"}

    def register(function: Work[P]) -> Work[P]:
        def run(context: typer.Context, **given: Any) -> None:
            options = _options_of(context).merge({key: given.pop(key) for key in common})
            stoppable = console.signals({signal.SIGTERM: signal.default_int_handler})
            with console.report_errors(), stoppable, target.opened(options.stack, local=options.local) as opened:
                function(CommandContext(options, opened), **given)  # type: ignore[call-arg]  # typer gives what the signature asks

        own = list(inspect.signature(function).parameters.values())[1:]
        _describe(run, function, own, common)
        group.command(name, cls=_Command)(run)
        return function

    return register


def accept_options(group: typer.Typer, *, version: bool = False) -> None:
    """Let the common options, and with `version` also `--version`, stand behind the group's name."""

    def take(context: typer.Context, **given: Any) -> None:
        context.obj = _options_of(context).merge(given)

    _describe(take, None, [_VERSION] if version else [], _OPTIONS)
    group.callback(cls=_Group)(take)


def _options_of(context: typer.Context) -> Options:
    return context.obj if isinstance(context.obj, Options) else Options()


def _describe(
    run: Callable[..., None],
    function: Callable[..., None] | None,
    own: list[inspect.Parameter],
    common: Mapping[str, tuple[Any, Any]],
) -> None:
    """Give `run` the signature for Typer: the context, the command's own parameters, the common options."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    context = inspect.Parameter("context", keyword, annotation=typer.Context)
    kept = [parameter.replace(kind=keyword) for parameter in own]
    added = [
        inspect.Parameter(key, keyword, default=default, annotation=kind) for key, (kind, default) in common.items()
    ]
    parameters = [context, *kept, *added]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what `inspect` looks for first
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    run.__doc__ = function.__doc__ if function else None
