"""The stack with senders and third parties: what is granted for them is needed, and enough."""

import json
from collections.abc import Callable, Iterator

import botocore.exceptions
import pytest

from tests.deploy import calls, third_parties
from tests.deploy.permissions import Call, Line, check_needed, forget_counts, granted
from tests.deploy.stack import Stack, role_policies
from tests.deploy.third_parties import POOL, Town, may_send_from


@pytest.fixture(scope="module")
def town(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """The stack, deployed once more with all of them."""
    with third_parties.town(stack, tmp_path_factory.mktemp("town")) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _fresh_counts(stack: Stack) -> None:
    forget_counts(stack)


def test_the_table_is_whole(town: Town) -> None:
    """A permission that is granted and in no table is one too many, or wants its line there."""
    needed = {*calls.NEEDED, *calls.NOTES, *third_parties.NEEDED}
    assert set(granted(town.stack)) == needed | third_parties.QUIET | third_parties.ALIKE


@pytest.mark.parametrize("line", third_parties.NEEDED, ids=" ".join)
def test_it_is_needed(town: Town, line: Line) -> None:
    check_needed(town, line, third_parties.NEEDED[line])


@pytest.mark.parametrize("prepare", third_parties.SUFFICES, ids=lambda prepare: prepare.__name__)
def test_it_suffices(town: Town, prepare: Callable[[Town], Call]) -> None:
    answer = prepare(town)()
    assert answer.status == 200, answer


def test_the_operator_can_still_seed_it(town: Town) -> None:
    """The operator's command reads who vouches for people from the stack's parameters."""
    assert town.stack.seed_by_command() == "14 clients, 2 roles, 2 users are there\n"


def test_messages_are_sent_from_one_pool_alone(town: Town) -> None:
    """By IAM's simulator, for the stand-in has no End User Messaging."""
    other = POOL.replace(":pool/", ":phone-number/")
    assert (may_send_from(town.stack, POOL), may_send_from(town.stack, other)) == (True, False)


def test_sns_reaches_phones_and_no_topic(town: Town) -> None:
    """Somebody with the function's policy; without its denial, topics would be reached."""
    _, _, document = role_policies(town.stack)["MobileFunction"]
    stand_in, topic = town.stack.stand_in, town.stack.client("sns").create_topic(Name="news")["TopicArn"]
    sns = stand_in.client("sns", stand_in.user("as-the-function", json.dumps(document)))
    assert sns.publish(PhoneNumber="+8613955550199", Message="hello")["MessageId"]
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        sns.publish(TopicArn=topic, Message="hello")
    assert refused.value.response["Error"]["Code"] == "AuthorizationError"
    topics = "arn:aws:sns:*:*:*"
    allowing = [statement for statement in document["Statement"] if statement.get("Resource") != topics]
    assert len(allowing) == len(document["Statement"]) - 1
    text = json.dumps({**document, "Statement": allowing})
    undenied = stand_in.client("sns", stand_in.user("without-the-denial", text))
    assert undenied.publish(TopicArn=topic, Message="hello")["MessageId"]
