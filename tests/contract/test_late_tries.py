"""Writes whose answers are lost, or whose first try arrives late: each takes effect once, and not after its time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import cast

import pytest

from lingpai.accounts.storage import DeleteUser, DisableUser, EnableUser, PutUser
from lingpai.aws.dynamodb.write_ids import SLOTS
from lingpai.identity_providers.model import AppToken
from lingpai.kernel.writes import Conflict
from lingpai.sessions.model import SessionKey
from lingpai.sessions.storage import PutSession
from lingpai.store import DynamoStore, Store
from tests.support import breaking_proxy
from tests.support.breaking_proxy import BreakingProxy, Fault, Message, conflict, cut_after, first, late, late_first
from tests.support.samples import NOW, NUMBER, a_client, a_code, a_guess, a_session, a_user, hashed

MACHINE = SessionKey(2**63 + 5, b"machine!")


@dataclass
class Scene:
    """A store behind the proxy, and the store itself."""

    proxy: BreakingProxy
    store: DynamoStore
    direct: Store

    def meeting[T](self, fault: Fault, call: Callable[[], T]) -> T:
        """Make the call, whose first request meets the fault."""
        self.proxy.plan(0, fault)
        result = call()
        assert self.proxy.tries[0] > 1, "it was not repeated"
        self.proxy.plan()
        return result


@pytest.fixture(params=["bare", "botocore"])
def scene(request: pytest.FixtureRequest, dynamodb_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setattr("time.sleep", lambda _: None)
    with breaking_proxy.store_behind(dynamodb_endpoint, request.param) as (proxy, store, direct):
        yield Scene(proxy, store, cast("Store", direct))


# --- counters

LOST: dict[str, Fault] = {"lost answer": first(cut_after), "late first try": late_first}
lost = pytest.mark.parametrize("fault", LOST.values(), ids=LOST)


@pytest.mark.security("F22")
@lost
def test_a_count_is_added_once(scene: Scene, fault: Fault) -> None:
    """Its repeat is told that it was done, and what the counts are."""
    limits = {"all": 2, "other": 9}
    for number in (1, 2):
        spent = scene.meeting(fault, lambda: scene.store.increment("k", limits, NOW))
        assert (spent.done, spent.counts) == (True, {"all": number, "other": number})
    refused = scene.meeting(fault, lambda: scene.store.increment("k", limits, NOW))
    assert (refused.done, refused.counts) == (False, {"all": 2, "other": 2})


@pytest.mark.security("F22")
@lost
def test_what_is_given_back_is_given_back_once(scene: Scene, fault: Fault) -> None:
    for _ in range(6):
        scene.direct.increment("k", {"all": 9}, NOW)
    scene.meeting(fault, lambda: scene.store.refund("k", "all", 2, add="verified"))
    assert scene.direct.counts("k") in ({"all": 4, "verified": 1}, {"all": 6})
    scene.meeting(fault, lambda: scene.store.refund("k", "all", 9, add="verified"))
    assert scene.direct.counts("k") == {"all": 0, "verified": 2}


@pytest.mark.security("F22")
@lost
def test_a_guess_is_counted_once(scene: Scene, fault: Fault) -> None:
    """The first one of a window, and the ones after it."""
    scene.direct.save_code(None, a_code(), NOW)
    for number in (1, 2, 3):
        assert scene.meeting(fault, lambda: scene.store.count_try(NUMBER, a_guess(NOW, 60))).tries == number
    assert scene.meeting(fault, lambda: scene.store.count_try("+8613300000000", a_guess(NOW, 60))).tries == 1


@pytest.mark.security("F22")
@lost
def test_a_mark_is_the_first_one_to_its_own_repeat(scene: Scene, fault: Fault) -> None:
    code = a_code()
    scene.direct.save_code(None, code, NOW)
    assert scene.meeting(fault, lambda: scene.store.mark_proven(NUMBER, code.digest or b"", 0))
    assert not scene.meeting(fault, lambda: scene.store.mark_proven(NUMBER, code.digest or b"", 0))
    assert scene.meeting(fault, lambda: scene.store.increment("idtoken:x", {"all": 1}, NOW)).done
    assert not scene.meeting(fault, lambda: scene.store.increment("idtoken:x", {"all": 1}, NOW)).done


@pytest.mark.security("F22")
def test_a_counter_does_not_grow_with_its_write_ids(scene: Scene) -> None:
    for _ in range(3 * SLOTS):
        scene.store.increment("k", {"all": 100}, NOW)
    item = cast("DynamoStore", scene.direct).get(scene.store.settings.counters_table, {"key": {"S": "k"}})
    assert item is not None
    assert len(item) <= SLOTS + len(("key", "ttl", "n:all"))


# --- the apps' tokens


@lost
def test_a_claim_and_its_token_are_written_once(scene: Scene, fault: Fault) -> None:
    """Its repeat is told that it was done, and not that somebody else has the claim."""
    token = AppToken("wechat:wx1", b"sealed", NOW + 7200)
    nothing = scene.store.get_app_token(token.app)
    assert scene.meeting(fault, lambda: scene.store.claim_app_token(nothing, b"claim", NOW, NOW + 10))
    assert scene.meeting(fault, lambda: scene.store.put_app_token(token, b"claim"))
    assert not scene.meeting(fault, lambda: scene.store.put_app_token(replace(token, sealed=b"late"), b"claim"))
    assert scene.direct.get_app_token(token.app) == token


# --- late first tries


@pytest.mark.security("F20")
def test_a_session_that_was_ended_stays_ended(scene: Scene) -> None:
    """Its put arrives after the delete: alone (a client's own token), and in a user's login."""
    machine = replace(a_session(), key=MACHINE, refresh_hash=None, refresh_expires_at=0)
    scene.meeting(first(late), lambda: scene.store.commit(PutSession(machine, NOW)))
    assert scene.direct.get_session(MACHINE) == machine
    assert scene.store.delete_matching(MACHINE, machine.access_hash, None).done
    scene.proxy.release()
    assert scene.direct.get_session(MACHINE) is None
    assert not scene.direct.delete_matching(MACHINE, machine.access_hash, None).done

    scene.direct.commit(PutUser(a_user()))
    session = a_session()
    scene.meeting(first(late), lambda: scene.store.commit(EnableUser(1), PutSession(session, NOW)))
    scene.store.end_sessions((session.key,))
    scene.proxy.release()
    assert scene.direct.get_session(session.key) is None


@pytest.mark.security("F20")
def test_a_state_that_was_changed_again_stays(scene: Scene) -> None:
    """An account that was disabled and enabled, and the other way round; one that was made and deleted."""
    store = scene.store
    scene.meeting(first(late), lambda: store.commit(PutUser(a_user())))
    scene.meeting(first(late), lambda: store.commit(DisableUser(1)))
    store.commit(EnableUser(1))
    scene.proxy.release()
    assert scene.direct.get_user(1) == a_user()
    scene.meeting(first(late), lambda: store.commit(EnableUser(1)))
    store.commit(DisableUser(1))
    scene.proxy.release()
    assert scene.direct.get_user(1) == a_user(disabled=True)
    store.commit(DeleteUser(a_user(disabled=True)))
    scene.proxy.release()
    assert scene.direct.get_user(1) is None


@pytest.mark.security("F20")
def test_a_client_that_was_changed_again_stays(scene: Scene) -> None:
    before, after = a_client(), a_client(secret_hash=hashed("new"))
    scene.meeting(first(late), lambda: scene.store.put_client(before))
    scene.store.put_client(after)
    scene.proxy.release()
    assert cast("DynamoStore", scene.direct).get_client(before.id) == after


@pytest.mark.security("F20")
def test_a_code_that_was_taken_back_stays_so(scene: Scene) -> None:
    """What is known of the number is again as it was before, which is what the late request expects."""
    before = a_code(digest=None, expires_at=0)
    scene.direct.save_code(None, before, NOW)
    after = replace(before, digest=hashed("a code"), sent=(*before.sent, NOW + 60))
    assert scene.meeting(first(late), lambda: scene.store.save_code(before, after, NOW))
    assert scene.store.save_code(after, before, NOW)
    scene.proxy.release()
    assert scene.direct.get_code(NUMBER) == before


@pytest.mark.security("F20")
def test_counts_that_were_cleared_stay_so(scene: Scene) -> None:
    """Neither a late count nor a late clearing changes what was counted after them."""
    store = scene.store
    scene.meeting(first(late), lambda: store.increment("k", {"all": 9}, NOW))
    store.clear("k")
    scene.proxy.release()
    assert scene.direct.counts("k") == {}
    store.increment("k", {"all": 9}, NOW)
    scene.proxy.plan(1, first(late))
    store.clear("k")
    assert scene.proxy.tries[1] > 1
    store.increment("k", {"all": 9}, NOW)
    scene.proxy.release()
    assert scene.direct.counts("k") == {"all": 1}


# --- transactions


@pytest.mark.security("F21")
def test_a_transaction_does_not_refuse_itself(scene: Scene) -> None:
    """The first try was done and its answer lost, and the second met another transaction."""
    scene.meeting(first(cut_after, conflict), lambda: scene.store.commit(PutUser(a_user())))
    assert scene.proxy.tries == []
    with pytest.raises(Conflict):
        scene.store.commit(PutUser(a_user()))


@pytest.mark.security("F21")
def test_all_tries_of_a_decision_are_the_same_bytes(scene: Scene) -> None:
    """So is the token, and the next decision has another."""
    seen: list[bytes] = []

    def watched(this: breaking_proxy.Try) -> Message | None:
        seen.append(this.request.body)
        return first(cut_after, conflict)(this)

    for user_id in (1, 2):
        scene.meeting(watched, lambda user_id=user_id: scene.store.commit(PutUser(a_user(user_id))))  # type: ignore[misc]
    assert len(seen) >= 6
    assert len(set(seen)) == 2


@pytest.mark.security("F21")
@pytest.mark.parametrize("done", [True, False])
def test_what_stands_is_read_where_the_store_calls_the_tries_different(scene: Scene, done: bool) -> None:
    """As DynamoDB Local can. What is not there as it was decided is no success."""
    user = a_user()

    def mismatch(this: breaking_proxy.Try) -> Message | None:
        if this.number == 0:
            if done:
                this.forward()
            return None
        body = b'{"__type": "com.amazonaws.dynamodb.v20120810#IdempotentParameterMismatchException"}'
        return Message({}, body, 400)

    def create() -> str:
        try:
            scene.store.commit(PutUser(user))
        except Exception as error:  # noqa: BLE001  its name is compared
            return str(error)
        return "done"

    assert scene.meeting(mismatch, create) == ("done" if done else "temporarily_unavailable: store_unavailable")
    assert (scene.direct.get_user(1) == user) is done
