"""Committing an authentication together with its result, such as a session."""

from collections.abc import Callable

from lingpai.authentication import one_factor
from lingpai.authentication.model import Authenticated
from lingpai.kernel.errors import LingpaiError, invalid_grant, unavailable
from lingpai.kernel.writes import Conflict, Write
from lingpai.rate_limits import unanswered
from lingpai.rate_limits.storage import IncrementCounter
from lingpai.services import Services

_ATTEMPTS = 5


def complete[T](services: Services, authenticated: Authenticated, commit: Callable[[Authenticated], T]) -> T:
    """Call `commit`, and return its result. It commits the writes of the authentication together with its own.

    After a Conflict of the authentication's writes the authentication is tried again, or raises the LingpaiError to
    answer: `second_factor_required` for a login with one factor to an account that has two. `commit` handles the
    conflicts of its own writes. It is not called for an authentication that has a `refusal`, which is raised.
    """
    with unanswered.on_unavailable(authenticated.after_unavailable):
        for _ in range(_ATTEMPTS):
            try:
                if authenticated.refusal is not None:
                    services.store.commit(*authenticated.writes)
                    raise authenticated.refusal
                done = commit(authenticated)
                break
            except Conflict as conflict:
                one_factor.raise_if_refused(services, conflict)
                authenticated = authenticated.after_conflict(conflict)
        else:
            raise unavailable()
    authenticated.after_commit()
    return done


def proof_used(write: Write) -> LingpaiError:
    """The error for a proof that was used before; `write` is the failed write that should have used it up."""
    return invalid_grant("id_token_used" if isinstance(write, IncrementCounter) else "bad_code")
