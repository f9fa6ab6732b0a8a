"""Browser sessions. Times are whole seconds since 1970."""

from dataclasses import dataclass, field

from lingpai.sessions import session_id
from lingpai.sessions.model import SessionKey


@dataclass(frozen=True)
class Place:
    """Where a login came from, in Chinese and English, such as `中国 上海` and `Shanghai, China`."""

    zh: str
    en: str


@dataclass(frozen=True)
class BrowserSession:
    """The login of one browser: one item beside the token families of its user.

    `secret_hash` is SHA-256 of the secret in the cookie. The session is over at `idle_until` unless it is used before,
    and at `ends_at` in any case. `used_at` is its last use, as far as that was written down (`service.touch`).

    `auth_time` is when its user logged in and `methods` how (`login_methods`). `device` names the browser and the
    system, such as `Chrome/Windows`; `place` is where it was opened, None where nothing is known of that. `epoch` is
    the deployment's `valid_from` that it was opened under. `kept_sid` is the `sid` of the session of the same user that
    it took the place of; None where there was none.
    """

    key: SessionKey
    secret_hash: bytes = field(repr=False)
    created_at: int
    used_at: int
    idle_until: int
    ends_at: int
    auth_time: int
    methods: tuple[str, ...] = ()
    device: str = ""
    epoch: int = 0
    place: Place | None = None
    kept_sid: str | None = None

    @property
    def sid(self) -> str:
        """The `sid` of ID tokens: the same for the whole time that the user is logged in to this browser."""
        return self.kept_sid or session_id.of(self.key)

    @property
    def over_at(self) -> int:
        """From when on the session is over, unless it is used before."""
        return min(self.ends_at, self.idle_until)
