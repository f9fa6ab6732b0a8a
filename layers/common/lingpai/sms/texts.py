"""The texts of messages by topic, in Chinese and in English."""

from typing import Any

from lingpai.kernel.language import Language
from lingpai.sms.model import Topic

_CODE = ("您的验证码是 {code}，{minutes} 分钟内有效。", "Your code is {code}. It is valid for {minutes} minutes.")
MESSAGES: dict[Topic, tuple[str, str]] = {
    "login": _CODE,
    "link": _CODE,
    "reset": (
        "您正在重设密码，验证码是 {code}，{minutes} 分钟内有效。请勿告诉任何人。",
        "Your code to set a new password is {code}. It is valid for {minutes} minutes. Tell it to nobody.",
    ),
    "change": (
        "您正在更改账号的登录方式，验证码是 {code}，{minutes} 分钟内有效。请勿告诉任何人。",
        "Your code to change how you log in is {code}. It is valid for {minutes} minutes. Tell it to nobody.",
    ),
    "notice": (
        "您的账号已不再使用此手机号登录。如非本人操作，请立即联系我们。",
        "This number no longer logs in to your account. If you did not change it, contact us at once.",
    ),
}


def text(topic: Topic, language: Language, values: dict[str, Any]) -> str:
    """Return the text of a message about `topic`, with `values` filled in."""
    chinese, english = MESSAGES[topic]
    return (chinese if language == "zh" else english).format(**values)
