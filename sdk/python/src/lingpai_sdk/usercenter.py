"""The seven calls of the SDK class UserCenter (seed 002), in Python's naming."""

from typing import TYPE_CHECKING

from lingpai_sdk import _answers, _arguments
from lingpai_sdk._base import Base, Options
from lingpai_sdk._transport import Answer, Repeat, Request
from lingpai_sdk.results import Tokens, User

if TYPE_CHECKING:
    from typing_extensions import Unpack


class UserCenter(Base):
    """The user centre, for a client whose dialect is `usercenter`.

    `sys_id` names the calling system and is sent along where it is given. `timeout` is in seconds, for connecting,
    sending, reading and waiting for a free connection each, or an httpx.Timeout; without it DEFAULT_TIMEOUT holds, or
    that of `http_client`. `retries` is how often a request is repeated at most, where that does no harm (the table in
    the README). `refresh_grace` is the deployment's REFRESH_GRACE in seconds; 0 keeps a refresh from being repeated
    once it was sent. `language` goes into Accept-Language: the server speaks Chinese or English, Chinese by default.
    Plain http is refused but for this machine, unless `allow_http`.

    All calls raise LingpaiSDKError: `Timeout` or `ConnectionFailed` without an answer, `Refused` (code `refused`) for
    `{"status":0,"msg":…}`, `BadAnswer`. An empty argument is a ValueError.
    """

    def __init__(self, base_url: str, client_id: str, sys_id: str = "", **options: "Unpack[Options]") -> None:
        super().__init__(base_url, client_id, **options)
        self._sys_id = sys_id

    def create_access_token(self, user_name: str, md5_password: str, sha_password: str) -> Tokens:
        """Tokens for a username or mobile number and the digests of its password (`digests` makes them).

        ValueError unless they are 32 and 40 hexadecimal digits. Refused where the deployment has digest login off.
        """
        return self._issue(
            Repeat.REFUSED,
            username=_arguments.text("user_name", user_name),
            md5password=_arguments.hexadecimal("md5_password", md5_password, 32),
            shapassword=_arguments.hexadecimal("sha_password", sha_password, 40),
        )

    def create_access_token_by_validate_code(self, user_name: str, validate_code: str) -> Tokens:
        """Tokens for a username or mobile number and the code sent to its number. A code works once."""
        return self._issue(
            Repeat.UNSENT,
            username=_arguments.text("user_name", user_name),
            validateCode=_arguments.text("validate_code", validate_code),
        )

    def check_oauth_token(self, access_token: str) -> str:
        """The server's word that the token is good; Refused for one that is not."""
        return _answers.usercenter_text(self._with_token("/user/checkOauthToken", access_token))

    def get_user_by_token(self, access_token: str) -> User:
        """The user whose token it is."""
        return _answers.usercenter_user(self._with_token("/user/getUserByToken", access_token))

    def destroy_access_token(self, access_token: str) -> str:
        """End the token, its refresh token and its temporary tokens; the server's word for it.

        Also for a token that the server does not know.
        """
        return _answers.usercenter_text(self._with_token("/oauth/destroyToken", access_token))

    def refresh_access_token(self, refresh_token: str) -> Tokens:
        """New tokens for a refresh token, which works once. Keep the new one before anything else."""
        body = {"refresh_token": _arguments.token("refresh_token", refresh_token), "client_id": self._client_id}
        request = Request("POST", "/oauth/refreshAccessToken", Repeat.ANY, json=body, within=self._refresh_within)
        return _answers.usercenter_tokens(self._transport.send(request))

    def gen_token_by_access_token(self, access_token: str) -> str:
        """A temporary token: good for five minutes at most, ends with its parent, cannot be traded for another."""
        return _answers.usercenter_text(self._with_token("/oauth/getTempToken", access_token))

    def _issue(self, repeat: Repeat, **fields: str) -> Tokens:
        body = {"client_id": self._client_id, **fields}
        if self._sys_id:
            body["sysid"] = self._sys_id
        return _answers.usercenter_tokens(self._transport.send(Request("POST", "/oauth/token", repeat, json=body)))

    def _with_token(self, path: str, access_token: str) -> Answer:
        body = {"accessToken": _arguments.token("access_token", access_token)}
        return self._transport.send(Request("POST", path, Repeat.ANY, json=body))
