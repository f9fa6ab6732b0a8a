"""What every command has: the common options, before or after its name, and the context it runs in."""

import getpass
import importlib.metadata
import inspect
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, is_dataclass
from inspect import Parameter
from typing import Annotated, Any, Concatenate

import typer
import typer.core
from pydantic import ValidationError
from rich.table import Table
from typer import Option

from lingpai.kernel.cause import Cause, caused_by
from lingpai.kernel.validation_errors import error_text
from lingpai.services import Services
from local.operator import console, target
from local.operator.target import Target


@dataclass(frozen=True, kw_only=True)
class Options:
    """The common options of a command."""

    stack: Annotated[str | None, Option("--stack", metavar="NAME", help="The deployed stack of this name.")] = None
    local: Annotated[bool, Option("--local", help="The local server, `make run`.")] = False
    as_json: Annotated[bool, Option("--json", help="One JSON document on standard output.")] = False
    yes: Annotated[bool, Option("--yes", help="Do not ask first.")] = False

    def merge(self, further: "Options") -> "Options":
        """Return these options joined with those given further on; contradictions are a usage error."""
        if "" in (self.stack, further.stack):
            # As of a variable that is not set: without a name the command would work on another deployment.
            raise typer.BadParameter("--stack: is empty")
        if self.stack and further.stack and further.stack != self.stack:
            raise typer.BadParameter(f"--stack: names both {self.stack} and {further.stack}")
        options = Options(
            stack=further.stack or self.stack,
            local=further.local or self.local,
            as_json=further.as_json or self.as_json,
            yes=further.yes or self.yes,
        )
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


class _Command(typer.core.TyperCommand):
    """A command that words pydantic's complaints about an argument, which Typer quotes, as the settings do."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except typer.BadParameter as error:
            if isinstance(error.__cause__, ValidationError):
                error.message = "; ".join(map(error_text, error.__cause__.errors()))
            raise


type Work[**P] = Callable[Concatenate[CommandContext, P], None]


def command[**P](group: typer.Typer, name: str, *, asks: bool = False) -> Callable[[Work[P]], Work[P]]:
    """Register a command, which is called with its context. One that `asks` before it acts has the option `--yes`.

    A parameter whose type is a dataclass stands for an option for each of its fields.
    """

    def register(function: Work[P]) -> Work[P]:
        own = list(inspect.signature(function).parameters.values())[1:]
        groups: dict[str, Any] = {each.name: each.annotation for each in own if is_dataclass(each.annotation)}

        def run(options: Options, **given: Any) -> None:
            for parameter, group_type in groups.items():
                names = inspect.signature(group_type).parameters
                given[parameter] = group_type(**{each: given.pop(each) for each in names})
            stoppable = console.signals({signal.SIGTERM: signal.default_int_handler})
            caused = caused_by(Cause(action=_command_line(group, name), actor=f"operator:{_operator()}"))
            opening = target.opened(options.stack, local=options.local)
            with console.report_errors(), stoppable, caused, opening as opened:
                _require_unicode(given)
                function(CommandContext(options, opened), **given)  # type: ignore[call-arg]  # typer gives what the signature asks

        single = [part for each in own for part in _parts(each)]
        group.command(name, cls=_Command, help=inspect.getdoc(function))(_taking_options(run, single, asks=asks))
        return function

    return register


def _require_unicode(given: Mapping[str, Any]) -> None:
    """Refuse text that is not of the system's encoding. Names of files may be."""
    for value in given.values():
        texts = value if isinstance(value, list | tuple) else (value,)
        if any(isinstance(text, str) and not _is_unicode(text) for text in texts):
            raise console.Failed("an argument is not of this system's encoding, which is UTF-8 in most places")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _operator() -> str:
    """The name of the system's user; the number of one that has no name, as in many containers."""
    try:
        return getpass.getuser()
    except OSError:
        return str(os.getuid())


def _command_line(group: typer.Typer, name: str) -> str:
    """The words of the command: `user disable`."""
    words: str = f"{group.info.name} {name}" if isinstance(group.info.name, str) else name
    return words


def _parts(parameter: Parameter) -> list[Parameter]:
    """The parameters that this one stands for: those of its dataclass, else itself."""
    grouped = is_dataclass(parameter.annotation)
    return list(inspect.signature(parameter.annotation).parameters.values()) if grouped else [parameter]


def accept_options(group: typer.Typer, own: Callable[..., None] = lambda: None) -> None:
    """Let the common options, and those that are parameters of `own`, stand behind the group's name."""
    parameters = list(inspect.signature(own).parameters.values())
    group.callback()(_taking_options(lambda _, **given: own(**given), parameters, asks=True))


def _show_version(asked: bool) -> None:
    if asked:
        console.show(f"lingpai {importlib.metadata.version('lingpai')}")
        raise typer.Exit


_VERSION = Option("--version", callback=_show_version, is_eager=True, help="Show the version and end.")


def version_option(*, version: Annotated[bool, _VERSION] = False) -> None:
    """The option of the whole command line; its callback does the work."""


def _taking_options(run: Callable[..., None], own: list[Parameter], *, asks: bool) -> Callable[..., None]:
    """Return a function for Typer, which calls `run` with the common options given so far, and its own parameters."""
    common = [option for option in inspect.signature(Options).parameters.values() if asks or option.name != "yes"]

    def take(context: typer.Context, **given: Any) -> None:
        further = Options(**{option.name: given.pop(option.name) for option in common})
        context.obj = (context.obj or Options()).merge(further)
        run(context.obj, **given)

    first = Parameter("context", Parameter.KEYWORD_ONLY, annotation=typer.Context)
    parameters = [first, *(each.replace(kind=Parameter.KEYWORD_ONLY) for each in (*own, *common))]
    take.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what `inspect` looks for first
    take.__annotations__ = {each.name: each.annotation for each in parameters}
    return take
