"""`lingpai prefix`: where messages go, and the stop of a prefix whose codes do not come back."""

import re
from dataclasses import asdict
from typing import Annotated, Any

import typer
from typer import Argument

from lingpai.kernel import phone_numbers
from lingpai.settings import Settings
from lingpai.sms import budget
from lingpai.sms.budget import Traffic
from local.operator.command_context import CommandContext, command
from local.operator.console import Failed, field_table, say

group = typer.Typer(name="prefix", no_args_is_help=True, help="SMS to a prefix: how it stands, and its stop lifted.")

_SHAPE = re.compile(r"\+[1-9][0-9]{2,14}")

Prefix = Annotated[
    str, Argument(metavar="PREFIX", help="+861331, or any number in it: the calling code and the first digits.")
]


@command(group, "show")
def show(context: CommandContext, prefix: Prefix) -> None:
    """Show what a prefix has had today (UTC), and whether it is stopped."""
    with context.services() as services:
        name = _prefix(prefix, services.settings)
        traffic = budget.traffic(services, name)
        settings = services.settings
    fields = {
        "prefix": name,
        "state": "stopped" if _stopped(traffic, settings) else "open",
        "sent": f"{traffic.sent} of {settings.limit_sms_prefix or 'any number'}",
        "unproven": f"{traffic.unproven} of {settings.sms_unproven or 'any number'}",
        "verified": traffic.verified,
    }
    context.show(_document(name, traffic, settings), field_table(fields))


@command(group, "lift")
def lift(context: CommandContext, prefix: Prefix) -> None:
    """End the stop of a prefix: its day begins anew, with the whole allowance. One that is open is left as it is."""
    with context.services() as services:
        name = _prefix(prefix, services.settings)
        traffic = budget.traffic(services, name)
        stopped = _stopped(traffic, services.settings)
        if stopped:
            budget.lift(services, name)
        after = _document(name, budget.traffic(services, name), services.settings)
        document = {**after, "lifted": stopped, "was": asdict(traffic)}
    said = f"{name} is open again" if stopped else f"{name} is not stopped"
    context.show(
        document, f"{said}: {traffic.sent} sent, {traffic.unproven} unproven, {traffic.verified} verified so far"
    )
    if stopped and not traffic.verified:
        say("not one code came back from it today: it will be stopped again if that goes on")


def _document(name: str, traffic: Traffic, settings: Settings) -> dict[str, Any]:
    return {
        "prefix": name,
        "stopped": _stopped(traffic, settings),
        **asdict(traffic),
        "limit_sent": settings.limit_sms_prefix or None,
        "limit_unproven": settings.sms_unproven or None,
    }


def _stopped(traffic: Traffic, settings: Settings) -> bool:
    pairs = ((traffic.sent, settings.limit_sms_prefix), (traffic.unproven, settings.sms_unproven))
    return any(0 < limit <= count for count, limit in pairs)


def _prefix(text: str, settings: Settings) -> str:
    """Return the prefix that the text is or begins with, in the form in which messages are counted."""
    import phonenumbers

    digits = settings.sms_prefix_digits
    number = re.sub(r"[\s-]", "", text)
    try:
        if not _SHAPE.fullmatch(number):
            raise Failed("PREFIX: begins with + and the calling code, as in +861331")
        code = phone_numbers.prefix(number, 0)[1]
    except phonenumbers.NumberParseException:
        raise Failed("PREFIX: its calling code is no country's; it begins as in +861331") from None
    if len(number) < len(code) + digits:
        raise Failed(f"PREFIX: has {digits} digits behind the calling code {code} (SMS_PREFIX_DIGITS)")
    return number[: len(code) + digits]
