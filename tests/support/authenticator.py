"""An authenticator app for tests, and accounts that have one."""

import re
from dataclasses import dataclass

import pyotp

from lingpai.second_factors import service as second_factors
from lingpai.second_factors import totp
from lingpai.services import Services
from lingpai.sessions.model import SessionKey
from tests.support.logs import LOGS
from tests.support.pages import Page


@dataclass(frozen=True)
class Authenticator:
    """An app with a secret (Base32), which shows another code every 30 seconds."""

    secret: str

    def code(self, at: float, steps: int = 0) -> str:
        """The code at this time, or so many steps later."""
        code = pyotp.TOTP(self.secret).at(int(at), counter_offset=steps)
        LOGS.hush("code", code)
        return code

    def wrong_code(self, at: float) -> str:
        """A code that is not that of any step near this time."""
        near = {pyotp.TOTP(self.secret).at(int(at), counter_offset=steps) for steps in range(-3, 4)}
        return next(code for code in (f"{number:06d}" for number in range(10)) if code not in near)


def app_of(page: Page) -> Authenticator:
    """The app that has read the key of the page that sets one up."""
    key = re.search(r"(?:[A-Z2-7]{4} ){7}[A-Z2-7]{4}", page.text)
    assert key is not None
    secret = key[0].replace(" ", "")
    LOGS.hush("TOTP secret", secret)
    return Authenticator(secret)


def set_up(
    services: Services, user_id: int, session: SessionKey | None = None
) -> tuple[Authenticator, tuple[str, ...]]:
    """An app that the account has confirmed by its code of the step before this one, and the recovery codes."""
    app = Authenticator(totp.key_text(second_factors.begin_totp(services, user_id)))
    LOGS.hush("TOTP secret", app.secret)
    code = app.code(services.clock.now(), -1)
    codes = second_factors.confirm_totp(services, user_id, code, session or SessionKey(user_id, b"\0" * 8))
    for each in codes:
        LOGS.hush("recovery code", each)
    return app, codes
