"""What every command has: the options that stand before or after its name, and the context it runs in."""

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
    """The options that any command takes, wherever they stand."""

    stack: str | None = None
    local: bool = False
    as_json: bool = False
    yes: bool = False

    def also(self, given: Mapping[str, Any]) -> "Options":
        """With what was given further on; a usage error where that contradicts."""
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
    """A command at work: where, and how it answers."""

    options: Options
    target: Target

    @contextmanager
    def services(self, parallel: int = 1) -> Iterator[Services]:
        """The services of the place; `parallel` connections to its store at most."""
        with target.services(self.target, parallel) as opened:
            yield opened

    def confirm(self, question: str) -> None:
        """Go on only if the operator agrees."""
        console.confirm(f"{self.target.name}: {question}", yes=self.options.yes)

    def show(self, document: Mapping[str, Any], for_people: str | Table, unread: str = "") -> None:
        """The result: `document` where JSON was asked for, else `for_people`. `unread` is said where nobody reads."""
        console.show(console.as_json(document) if self.options.as_json else for_people, unread)


def clients_of(services: Services) -> ClientWriter:
    """The store as the operator has it, who may write clients."""
    writer: ClientWriter = services.store  # type: ignore[assignment]  # every store that the command opens is one
    return writer


@contextmanager
def _readable_errors() -> Iterator[None]:
    """Say in our words what is wrong with an argument: Typer has pydantic read them, and quotes it."""
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
            options = _options_of(context).also({key: given.pop(key) for key in common})
            stoppable = console.signals({signal.SIGTERM: signal.default_int_handler})
            with console.report_errors(), stoppable, target.opened(options.stack, local=options.local) as opened:
                function(CommandContext(options, opened), **given)  # type: ignore[call-arg]  # typer gives what the signature asks

        own = list(inspect.signature(function).parameters.values())[1:]
        _describe(run, function, own, common)
        group.command(name, cls=_Command)(run)
        return function

    return register


def accept_options(group: typer.Typer, *, version: bool = False) -> None:
    """Lets the common options stand right behind the group's name, too; with `version`, also `--version`."""

    def take(context: typer.Context, **given: Any) -> None:
        context.obj = _options_of(context).also(given)

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
    """Give `run` the signature that Typer reads: the context, the command's own parameters, the common options."""
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
