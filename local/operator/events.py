"""`lingpai events`: what could not be kept or sent."""

import typer

from lingpai import bootstrap
from lingpai.aws.queues import SqsQueue
from lingpai.events import service as events
from local.operator.command_context import CommandContext, command
from local.operator.console import Refused, say

group = typer.Typer(name="events", no_args_is_help=True, help="Events that could not be kept or sent.")


@command(group, "redrive")
def redrive(context: CommandContext) -> None:
    """Try again what could not be kept or sent. What fails again stays in the queue.

    Nothing is kept twice. The event bus and the webhooks may be told twice, under the same id.
    """
    with context.services() as services:
        settings = services.settings
        if not settings.events_failed_queue:
            raise Refused(f"{context.target.name} has no queue of failed events: EVENTS_FAILED_QUEUE")
        if not settings.webhooks_queue:
            # In the queue of this process they would be lost with it.
            raise Refused(f"{context.target.name} has no queue of deliveries: WEBHOOKS_QUEUE")
        queue, parts = SqsQueue(settings, settings.events_failed_queue), bootstrap.event_services(services)
        done, left = 0, 0
        for waiting in queue.receive_all():
            event = events.read_message(waiting.body)
            if event is None or events.publish(parts, [event]):
                left += 1
                if event is None:
                    say(f"has no event, only where it was: {waiting.body[:1000]}")
                continue
            queue.delete(waiting.receipt)
            done += 1
    said = f"{done} events are kept and sent" if done else "no event was waiting"
    context.show({"redriven": done, "left": left}, f"{said}; {left} stay in the queue" if left else said)
