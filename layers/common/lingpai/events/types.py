"""The types of events, and the fields of their data. docs/events.md and docs/events.schema.json are made of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": {"type": "string"}}
_NUMBER = {"type": "integer"}


@dataclass(frozen=True)
class DataField:
    """A field of an event's data: what it is, in English and Chinese, and its JSON Schema."""

    en: str
    zh: str
    schema: Mapping[str, Any]


@dataclass(frozen=True)
class EventType:
    """A type of events: what has happened, in English and Chinese, and the names of the fields of its data."""

    en: str
    zh: str
    data: tuple[str, ...] = ()


# The fields mean the same in each type that has them.
FIELDS: Mapping[str, DataField] = {
    "algorithm": DataField("what the key signs by", "签名算法", _TEXT),
    "browser": DataField(
        "whether it is the session of a browser at the pages", "是否为登录页面的浏览器会话", {"type": "boolean"}
    ),
    "changed": DataField("the names of the fields that have changed", "被修改的字段名", _TEXTS),
    "client": DataField("the client's id; empty for a browser session", "客户端 ID；浏览器会话为空", _TEXT),
    "count": DataField("how often, in the counter's time", "在计数时段内的次数", _NUMBER),
    "factor": DataField(
        "the kind of second factor: `totp`, `passkey`, …", "第二因素的种类：`totp`、`passkey` 等", _TEXT
    ),
    "kind": DataField(
        "of an identity `username`, `mobile`, `email` or `openid`; of a refusal the counter's kind",
        "身份的种类：`username`、`mobile`、`email`、`openid`；拒绝为计数器的种类",
        _TEXT,
    ),
    "limit": DataField("the name of the count that was reached", "达到的计数名称", _TEXT),
    "methods": DataField("how its user logged in", "用户的登录方式", _TEXTS),
    "role": DataField("the role's id", "角色 ID", _NUMBER),
    "name": DataField("its name", "名称", _TEXT),
    "scope": DataField("the scopes that the client may have", "客户端可获得的权限范围", _TEXTS),
    "session": DataField("the session's id", "会话 ID", _TEXT),
    "sid": DataField(
        "the `sid` in the ID tokens of the session; empty without", "该会话 ID 令牌中的 `sid`；没有则为空", _TEXT
    ),
    "value": DataField("the identity, masked", "身份，已打码", _TEXT),
    "version": DataField("the version that was accepted", "所接受的版本", _TEXT),
    "why": DataField("why, where more than the action is known", "原因（若有）", _TEXT),
}

TYPES: Mapping[str, EventType] = {
    "user.created": EventType("An account was created.", "账号已创建。", ("why",)),
    "user.updated": EventType("Data of an account has changed.", "账号资料已修改。", ("changed",)),
    "user.disabled": EventType("An account was disabled.", "账号已停用。"),
    "user.enabled": EventType("An account was enabled again.", "账号已恢复。"),
    "user.deleted": EventType("An account was deleted.", "账号已删除。", ("why",)),
    "user.deletion_requested": EventType("A user has asked for the deletion of the account.", "用户已申请注销账号。"),
    "user.deletion_undone": EventType("A user has undone the request to delete the account.", "用户已撤销注销申请。"),
    "password.changed": EventType("A password was set, changed or removed.", "密码已设置、修改或移除。", ("why",)),
    "identity.linked": EventType(
        "A name, number, address or openid finds the account now.", "账号已绑定身份。", ("kind", "value")
    ),
    "identity.unlinked": EventType(
        "A name, number, address or openid finds the account no more.", "账号已解绑身份。", ("kind", "value")
    ),
    "role.granted": EventType("An account was given a role.", "账号已获得角色。", ("role",)),
    "role.revoked": EventType("A role was taken from an account.", "账号的角色已被收回。", ("role",)),
    "role.created": EventType("A role was created.", "角色已创建。", ("name",)),
    "role.renamed": EventType("A role has another name.", "角色已改名。", ("name",)),
    "role.deleted": EventType("A role was deleted.", "角色已删除。", ("name",)),
    "factor.added": EventType("An account has its first factor of this kind.", "账号已启用此类第二因素。", ("factor",)),
    "factor.removed": EventType(
        "An account has no factor of this kind any more.", "账号已停用此类第二因素。", ("factor",)
    ),
    "consent.given": EventType("A user lets a client have these scopes.", "用户已向客户端授权。", ("client", "scope")),
    "consent.revoked": EventType("A user has taken a consent back.", "用户已撤回对客户端的授权。", ("client",)),
    "terms.accepted": EventType(
        "A user has accepted a version of the terms or the policy.",
        "用户已接受某版本的条款或隐私政策。",
        ("kind", "version", "client"),
    ),
    "session.started": EventType(
        "A session was opened.", "会话已建立。", ("session", "client", "sid", "methods", "browser")
    ),
    "session.ended": EventType(
        "A session was ended before its time.", "会话已提前结束。", ("session", "client", "sid", "browser", "why")
    ),
    "session.reuse_found": EventType(
        "A used refresh token or code was presented again, so its session was ended.",
        "已用过的刷新令牌或授权码被再次使用，会话已结束。",
        ("session", "client", "sid", "browser", "why"),
    ),
    "sessions.ended": EventType(
        "All sessions of an account, a client or the deployment were ended.",
        "账号、客户端或整个部署的全部会话已结束。",
        ("why",),
    ),
    "client.created": EventType("A client was created.", "客户端已创建。"),
    "client.updated": EventType("A client's record has changed.", "客户端已修改。", ("changed",)),
    "client.rotated": EventType("A client's secret was replaced.", "客户端密钥已更换。"),
    "client.disabled": EventType("A client was disabled.", "客户端已停用。"),
    "client.enabled": EventType("A client was enabled again.", "客户端已恢复。"),
    "client.deleted": EventType("A client was deleted.", "客户端已删除。"),
    "key.created": EventType("A signing key was created.", "签名密钥已创建。", ("algorithm",)),
    "key.retired": EventType(
        "A signing key signs no more: its private half was deleted.", "签名密钥已停用：私钥已删除。", ("algorithm",)
    ),
    "key.deleted": EventType("A signing key was deleted.", "签名密钥已删除。", ("algorithm",)),
    "webhook.created": EventType("A webhook was created.", "Webhook 已创建。"),
    "webhook.updated": EventType("A webhook has changed.", "Webhook 已修改。", ("changed",)),
    "webhook.deleted": EventType("A webhook was deleted.", "Webhook 已删除。"),
    "login.refused": EventType(
        "Logins were refused so often: the count has reached 10, 100, 1,000, …",
        "登录被拒次数已达 10、100、1000……",
        ("kind", "limit", "count"),
    ),
    "code.refused": EventType(
        "Codes were asked for or tried so often: the count has reached 10, 100, 1,000, …",
        "验证码请求或尝试次数已达 10、100、1000……",
        ("kind", "limit", "count"),
    ),
    "sms.stopped": EventType(
        "Messages to a prefix, or all of them, were stopped.",
        "向某号段（或全部号码）的短信已停发。",
        ("kind", "limit", "count"),
    ),
    "sms.lifted": EventType("The stop of messages to a prefix was lifted.", "号段已恢复发送短信。", ("kind",)),
}
