"""What the checks say: name → (Chinese, English). A text says how to mend a fault."""

from lingpai.health.model import Finding
from lingpai.kernel.language import Language

LABELS: dict[str, tuple[str, str]] = {
    "store": ("数据库", "store"),
    "table": ("数据表", "table"),
    "ttl": ("过期时间", "ttl"),
    "recovery": ("恢复", "recovery"),
    "roles": ("角色", "roles"),
    "second_factors": ("两步验证", "second factors"),
    "old_passwords": ("旧密码", "old passwords"),
    "clients": ("应用", "clients"),
    "addresses": ("回调地址", "addresses"),
    "keys": ("密钥", "keys"),
    "audit": ("审计", "audit"),
    "pepper": ("验证码密钥", "pepper"),
    "sms": ("短信", "sms"),
    "sms_limits": ("短信限额", "sms limits"),
    "issuer": ("签发者", "issuer"),
    "tables": ("数据表", "tables"),
    "region": ("区域", "region"),
    "china_sms": ("中国区短信", "china sms"),
    "china_domain": ("中国区域名", "china domain"),
    "china_tracing": ("中国区追踪", "china tracing"),
    "china_snapshots": ("中国区快照", "china snapshots"),
}

_SCHEDULE = (
    "；定时任务本应已生成，请查看 KeysFunction 的日志",
    "; the schedule should have made it: see the log of KeysFunction",
)
_KEY_MISSING = (
    "没有签名密钥：请用 `lingpai keys rotate --algorithm {algorithm}` 生成",
    "no key signs: `lingpai keys rotate --algorithm {algorithm}` makes one",
)
_KEY_OLD = (
    "密钥已签名 {days} 天，且没有下一个：`lingpai keys rotate --algorithm {algorithm}`",
    "the key has signed for {days} days, and none follows: `lingpai keys rotate --algorithm {algorithm}`",
)

TEXTS: dict[str, tuple[str, str]] = {
    "no_answer": ("没有应答（{reason}）", "no answer ({reason})"),
    "store_ok": ("DynamoDB 正常应答", "DynamoDB answers"),
    # tables
    "table_ok": ("{table}", "{table}"),
    "table_busy": ("{table} 的状态是 {status}：请一分钟后再看", "{table} is {status}: look again in a minute"),
    "table_absent": (
        "没有数据表 {table}：请部署堆栈，或指定正确的表（--stack 或其环境变量）",
        "there is no table {table}: deploy the stack, or name the right one (--stack, or its variable)",
    ),
    "table_denied": (
        "对 {table} 没有 {action} 权限：请授予该权限",
        "the caller lacks {action} on {table}: give it the permission",
    ),
    "table_refused": ("{table}：{code}：{message}", "{table}: {code}: {message}"),
    "table_foreign": (
        "{table} 的键是 {key}，而应为 {needed}：这不是本服务的表",
        "{table} has the key {key}, and needs {needed}: it is not this service's table",
    ),
    "ttl_ok": ("按属性 {attribute}", "by the attribute {attribute}"),
    "ttl_off": (
        "过期数据不会被删除：请为 {table} 按属性 {attribute} 开启 TTL",
        "what has expired is never deleted: turn on time to live of {table}, by the attribute {attribute}",
    ),
    "recovery_ok": ("可恢复到任一时间点", "to a point in time"),
    "recovery_off": (
        "丢失的数据无法找回：请为 {table} 开启时间点恢复",
        "what is lost cannot be brought back: turn on point-in-time recovery of {table}",
    ),
    # roles, second factors, clients
    "roles_ok": ("有角色 {role}", "{role} is there"),
    "roles_no_admin": (
        "没有角色 {role}，因此没有管理员：`lingpai seed` 可以创建角色",
        "there is no role {role}, so nobody is an admin: `lingpai seed` makes roles",
    ),
    "no_role": ("没有 {setting} 中的角色 {role}", "there is no role {role}, which {setting} names"),
    "mfa_ignored": (
        "{client} 的登录不要求两步验证：其记录中 `mfa` 为 `ignore`",
        "{client} logs users in without their second factor: `mfa` of its record is `ignore`",
    ),
    "mfa_off": ("MFA=off：管理员也只需一步登录", "MFA=off: one factor is enough even for admins"),
    "mfa_optional": (
        "管理员可以没有两步验证：MFA_ROLES 中没有 {role}",
        "admins may have one factor: MFA_ROLES does not name {role}",
    ),
    "mfa_ok": ("{role} 须两步验证", "{role} needs one"),
    "clients_ok": ("共 {total} 个，启用 {count} 个", "{count} enabled of {total}"),
    "clients_ok_first": (
        "只检查了前 {total} 个，其中启用 {count} 个",
        "{count} enabled of the first {total}; only these were looked at",
    ),
    "clients_none": (
        "没有应用，因此无人能获得令牌：`lingpai client create`",
        "there is no client, so nobody gets a token: `lingpai client create`",
    ),
    "clients_none_first": (
        "只检查了前 {total} 个，其中没有启用的",
        "none of the first {total} is enabled; only these were looked at",
    ),
    "addresses_ok": ("应用的 {count} 个跳转地址均可使用", "{count} that clients may redirect to can be used"),
    "addresses_wrong": (
        "{addresses} 不能使用：请在数据文件中改正，并执行 `lingpai seed`",
        "{reasons}: correct it in the seed file, and `lingpai seed`",
    ),
    "addresses_loopback": (
        "{addresses}：只用于开发，请在正式部署中从记录里移除",
        "{addresses}: it is for development: take it out of the record in a deployment",
    ),
    # signing keys
    "keys_nowhere": (
        "没有存放密钥的地方：请用 KEYS_KMS_KEY 或 KEYS_FILE 指定",
        "there is no place for keys: name one by KEYS_KMS_KEY or KEYS_FILE",
    ),
    "keys_nowhere_wanted": (
        "没有存放密钥的地方，而应用需要 JWT（{algorithms}）：请用 KEYS_KMS_KEY 或 KEYS_FILE 指定",
        "there is no place for keys, and clients are to get JWTs ({algorithms}): name one by KEYS_KMS_KEY or KEYS_FILE",
    ),
    "keys_unwrapped": (
        "KEYS_KMS_KEY=local：私钥未加密地存放在表中，仅适用于 `sam local`",
        "KEYS_KMS_KEY=local: private halves lie in the table unwrapped, as for `sam local`",
    ),
    "key_ok": ("密钥已签名 {days} 天", "the key has signed for {days} days"),
    "key_followed": (
        "密钥已签名 {days} 天，下一个已公布",
        "the key has signed for {days} days, and the next one is published",
    ),
    "key_missing": _KEY_MISSING,
    "key_missing_scheduled": (_KEY_MISSING[0] + _SCHEDULE[0], _KEY_MISSING[1] + _SCHEDULE[1]),
    "key_old": _KEY_OLD,
    "key_old_scheduled": (_KEY_OLD[0] + _SCHEDULE[0], _KEY_OLD[1] + _SCHEDULE[1]),
    # settings
    "audit_ok": ("事件保留 {days} 天", "events are kept for {days} days"),
    "audit_short": (
        "事件保留 {days} 天：须遵守等级保护时，AUDIT_DAYS（AuditDays）至少为 {least}",
        "events are kept for {days} days: AUDIT_DAYS (AuditDays) of {least} at least, where MLPS holds",
    ),
    "pepper_ok": ("可以读取", "can be read"),
    "pepper_short": (
        "太短：可由散列值推出验证码，请换一个长的",
        "is too short: codes could be told from their hashes. Make a long one",
    ),
    "pepper_elsewhere": (
        "此函数不持有：`lingpai doctor --stack` 可以读取",
        "is not given to this function: `lingpai doctor --stack` reads it",
    ),
    "pepper_nowhere": (
        "此处未指定：由 CODE_PEPPER_SECRET 或 --stack 说明在哪里",
        "is not named here: CODE_PEPPER_SECRET, or --stack, says where it is",
    ),
    "sms_ok": (
        "{senders}：设置齐全；可用 --send-test NUMBER 试发",
        "{senders}: the settings are there; --send-test NUMBER tries it",
    ),
    "sms_stack": (
        "{senders}，按各函数的设置，此处不检查",
        "{senders}, by the functions' settings, which are not looked at",
    ),
    "sms_console": (
        "console：不发送任何短信；由 SMS_PROVIDER 指定发送方",
        "console: no message is delivered; SMS_PROVIDER names who shall",
    ),
    "sms_console_stack": (
        "console：不发送任何短信；由参数 SmsProvider 指定发送方",
        "console: no message is delivered; the parameter SmsProvider names who shall",
    ),
    "limits_no_day": ("LIMIT_SMS_DAY=0：每日总量没有上限", "LIMIT_SMS_DAY=0: the messages of a day have no limit"),
    "limits_no_unproven": ("SMS_UNPROVEN=0：号段不会停发", "SMS_UNPROVEN=0: no prefix is ever stopped"),
    "limits_ok": (
        "每个号段每日 {limit} 条未验证的短信后停发",
        "a prefix is stopped after {limit} unproven messages in a day",
    ),
    "issuer_ok": ("{issuer}", "{issuer}"),
    "issuer_none": (
        "未设置 ISSUER：签发者随请求的域名而变",
        "ISSUER is not set: the issuer is the host of each request",
    ),
    # AWS China
    "china_sms_ok": ("发送方都不是 AWS 的服务", "none of the senders is a service of AWS"),
    "china_sms_lacking": (
        "{senders} 无法发送：AWS 在 {region} 没有短信服务，请改用 aliyun 或 tencent（docs/aws-china.md）",
        "{senders} cannot send: AWS has no SMS in {region}. Take aliyun or tencent (docs/aws-china.md)",
    ),
    "china_domain_ok": (
        "{host}；须在该区域的运营方办理 ICP 备案",
        "{host}; it needs an ICP filing (备案) with the region's operator",
    ),
    "china_domain_aws": (
        "{host} 是 AWS 的域名，账号有 ICP 备案才会应答：请为自己的域名备案，并用 DomainName 部署（docs/aws-china.md）",
        (
            "{host} is AWS's, which answers only where the account has an ICP filing (备案): "
            "file for a domain of your own and deploy with DomainName (docs/aws-china.md)"
        ),
    ),
    "china_tracing_ok": ("X-Ray 已关闭", "X-Ray is off"),
    "china_tracing_on": (
        "{region} 的 Lambda 没有 X-Ray：请用 Tracing=Disabled 部署",
        "Lambda has no X-Ray in {region}: deploy with Tracing=Disabled",
    ),
    "china_snapshots": (
        "{region} 没有 Python 的快照；模板在该区域不生成快照",
        "{region} has none for Python; the template makes none there",
    ),
}


def label(finding: Finding, language: Language) -> str:
    """The name of the check, with what it looked at."""
    name = _in_language(LABELS[finding.check], language)
    return f"{name} {finding.subject}" if finding.subject else name


def text(finding: Finding, language: Language) -> str:
    """What the finding says."""
    return _in_language(TEXTS[finding.text], language).format(**finding.values)


def _in_language(texts: tuple[str, str], language: Language) -> str:
    return texts[0] if language == "zh" else texts[1]
