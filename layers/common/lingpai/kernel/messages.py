"""The texts that people read: reason → (Chinese, English), and which of the two a caller wants.

The English ones also serve as OAuth `error_description`, which must be plain ASCII (RFC 6749 section 5.2).
"""

from typing import Any

from lingpai.kernel.language import Language

TEXTS: dict[str, tuple[str, str]] = {
    # requests
    "malformed_body": ("请求体无法解析：{zh}", "The body cannot be read: {en}"),
    "body_too_large": ("请求体超过 {limit} 字节", "The body is larger than {limit} bytes"),
    "wrong_method": ("请使用 {methods} 方法", "Use the method {methods}"),
    "duplicate_parameter": ("参数 {name} 重复", "The parameter {name} is given twice"),
    "missing_parameter": ("缺少参数 {name}", "The parameter {name} is missing"),
    "wrong_type": ("参数 {name} 必须是{zh}", "The parameter {name} must be {en}"),
    "old_version": (
        "参数 {name} 不是现行版本 {version}",
        "The parameter {name} is not the version in force, {version}",
    ),
    "control_character": ("参数 {name} 含有控制字符", "The parameter {name} holds a control character"),
    "too_long": (
        "参数 {name} 不能超过 {limit} 个字符",
        "The parameter {name} is longer than {limit} characters",
    ),
    "credentials_in_query": (
        "参数 {name} 不能放在网址中，请放在请求体里",
        "Send {name} in the body, not in the query string: addresses end up in logs",
    ),
    "done": ("操作成功", "Done"),
    "form_expired": ("表单已过期，请重试", "The form has expired: open its page again"),
    # clients and grants
    "bad_client": ("客户端认证失败", "Client authentication failed"),
    "unreadable_basic": ("Authorization 头无法解析", "The Authorization header is not a readable Basic one"),
    "clients_disagree": ("客户端标识不一致", "The client ids in the header and the body differ"),
    "grant_not_allowed": ("该客户端不能使用授权方式 {grant}", "This client may not use the grant {grant}"),
    "unknown_grant": ("不支持的授权方式 {grant}", "Unsupported grant type: {grant}"),
    "bad_scope": (
        "scope 无效或超出授权范围",
        "The scope is unknown, malformed or wider than what was granted",
    ),
    "bad_dpop_proof": ("DPoP 证明无效：{zh}", "The DPoP proof is not acceptable: {en}"),
    "dpop_required": ("缺少 DPoP 证明", "A DPoP proof is required: send it in the header DPoP"),
    "dpop_not_supported": ("该客户端不能使用 DPoP", "Only clients of the dialect standard may use DPoP"),
    "use_dpop_nonce": ("DPoP 证明须使用 DPoP-Nonce 中的值", "The DPoP proof needs the nonce in the header DPoP-Nonce"),
    "wrong_dpop_jkt": ("dpop_jkt 与 DPoP 证明的密钥不符", "The dpop_jkt is not the key of the DPoP proof"),
    "wrong_dpop_key": ("令牌与另一个 DPoP 密钥绑定", "The token is bound to another DPoP key"),
    "bad_authorization_code": ("授权码无效、已使用或已过期", "The authorization code is wrong, used or expired"),
    # authorization requests
    "unknown_client": ("没有这个应用", "There is no such client"),
    "bad_redirect_uri": (
        "回调地址未在该应用登记",
        "The client has no such redirect URI",
    ),
    "response_type_not_supported": ("只支持 response_type=code", "Only the response type code is supported"),
    "request_not_supported": ("不支持参数 request", "The parameter request is not supported"),
    "request_uri_not_supported": ("不支持这种 request_uri", "Only the request_uri of a pushed request is supported"),
    "registration_not_supported": ("不支持参数 registration", "The parameter registration is not supported"),
    "bad_parameter": ("参数 {name} 无效", "The parameter {name} has a value that cannot be used"),
    "challenge_required": (
        "必须使用 PKCE：code_challenge 和 code_challenge_method=S256",
        "PKCE is required: code_challenge, and code_challenge_method=S256",
    ),
    "bad_request_uri": (
        "request_uri 无效、已使用或已过期",
        "The request_uri is unknown, used or expired",
    ),
    "bad_resource": ("resource 无效或不在该应用的资源中", "The client may not have tokens for this resource"),
    "login_required": ("需要登录", "The user has to log in"),
    "consent_required": ("需要用户授权", "The user has to consent"),
    "unmet_authentication_requirements": (
        "此服务未开放应用要求的验证方式",
        "The login that the client asks for cannot be had here",
    ),
    "login_expired": ("登录已过期，请重新登录", "The login has expired, or was completed before"),
    "invalid_session": (
        "登录会话无效或已过期，请重新开始登录",
        "The auth_session is unknown, used or expired, or belongs to another client or key: begin anew",
    ),
    "one_step_at_a_time": (
        "每次请求只能进行一步，不能同时提交：{steps}",
        "Take one step in each request, not: {steps}",
    ),
    "factor_required": ("还需要继续验证", "A factor has to be proven: next has what may come"),
    "no_second_factor": (
        "该账号需要两步验证，请在浏览器中登录并设置",
        "The account needs a second factor and has none: let the user log in in a browser",
    ),
    "new_password_needed": (
        "密码已到期，请在浏览器中登录并设置新密码",
        "The password has expired: let the user log in in a browser, and choose a new one there",
    ),
    "another_account": ("请使用应用指定的账号登录", "The user has logged in to another account than the hint names"),
    "user_refused": ("用户拒绝了授权", "The user refused"),
    "bad_credentials": ("用户名或密码错误", "Bad credentials"),
    "second_factor_required": (
        "该账号需要两步验证，请在 {login} 登录",
        "The account needs a second factor: log in at {login}",
    ),
    "password_expired": (
        "密码已到期，请在 {login} 设置新密码",
        "The password has expired: choose a new one at {login}",
    ),
    "bad_code": ("验证码错误或已失效", "The code is wrong, used or expired"),
    "bad_passkey": ("通行密钥无效或已过期，请重试", "The passkey was not accepted: try again"),
    "bad_refresh_token": ("刷新令牌无效", "Invalid refresh token"),
    "token_of_another_client": ("令牌属于另一个客户端", "The token was issued to another client"),
    "sign_unknown": (
        "登录凭证无效、已过期或不属于该应用",
        "The code is not one that this app was given just now",
    ),
    "sign_used": ("登录凭证已被使用", "The code was used before: get a new one"),
    "sign_blocked": ("微信已限制该用户登录", "WeChat does not let this user log in"),
    "sign_preview": (
        "请点击页面下方的“使用完整服务”，再登录",
        "WeChat shows a preview: choose its full service at the foot of the page, then log in",
    ),
    "bad_id_token": ("ID Token 无效", "This is no ID token that its provider has signed"),
    "id_token_foreign": ("ID Token 不是签发给该应用的", "The ID token was made by or for somebody else"),
    "id_token_expired": ("ID Token 已过期或尚未生效", "The ID token has expired or is not good yet"),
    "id_token_used": ("ID Token 已被使用", "The ID token was used before: get a new one"),
    "bad_nonce": ("nonce 不匹配", "The nonce is not that of the ID token"),
    "bad_notice": ("不是微信发送的通知", "WeChat has not sent this"),
    "provider_busy": ("登录过于频繁，请稍后再试", "Too many logins at the provider: wait before the next"),
    "provider_unavailable": (
        "第三方登录暂时不可用，请稍后再试",
        "The identity provider cannot be asked: try again in a moment",
    ),
    "bad_phone_code": (
        "手机号凭证无效、已使用或已过期",
        "The phone_code is not one that this user was given just now",
    ),
    "bad_sign": ("第三方标识无效", "The sign was not accepted"),
    "account_disabled": ("账号不可用", "The account cannot be used"),
    "account_closing": (
        "该账号已申请注销，将于 {day} 删除；在此之前，本人可在登录页用密码或通行密钥撤销注销，手机号届时可重新注册",
        "The account is closed until its deletion on {day}. Its owner can undo that at the login page by the password",
    ),
    # bearer tokens
    "no_token": ("请先登录", "Full authentication is required to access this resource"),
    "bad_token": ("令牌无效或已过期", "The access token is invalid or has expired"),
    "dpop_bound": (
        "该令牌与 DPoP 密钥绑定，不能作为 Bearer 令牌使用",
        "The access token is bound to a key: send it with the scheme DPoP and a proof",
    ),
    "not_dpop_bound": (
        "该令牌未与密钥绑定，请作为 Bearer 令牌使用",
        "The access token is bound to no key: send it with the scheme Bearer",
    ),
    "admin_only": ("没有权限：需要管理员", "Not allowed: only an admin may do this"),
    "self_or_admin": (
        "没有权限：只能操作自己的账号",
        "Not allowed: only the account itself or an admin may do this",
    ),
    "self_only": ("只能修改自己的密码", "Only the account itself may change its password"),
    "no_user": ("该令牌属于客户端，不属于用户", "This token belongs to a client, not to a user"),
    # users
    "bad_mobile": ("手机号无效", "This is not a valid mobile number"),
    "bad_email": ("电子邮箱地址无效", "This is not a valid e-mail address"),
    "country_not_served": ("不支持该国家或地区的手机号", "Numbers of this country are not served"),
    "prefix_not_served": ("不支持该号段的手机号", "Numbers of this range are not served"),
    "bad_username": ("用户名无效：{zh}", "This username cannot be used: {en}"),
    "username_is_mobile": (
        "形如手机号的用户名只能由该号码的账号使用",
        "A username that looks like a mobile number can be used only by the account that owns the number",
    ),
    "username_taken": ("用户名已被使用", "This username is taken"),
    "mobile_taken": ("该手机号已属于另一个账号", "This number belongs to another account"),
    "email_taken": ("该电子邮箱已属于另一个账号", "This e-mail address belongs to another account"),
    "openid_taken": ("该 openId 已属于另一个账号", "This openId belongs to another account"),
    "password_too_plain": (
        "密码须包含小写字母、大写字母、数字、其他字符中的至少 {classes} 种",
        "The password needs {classes} kinds at least of: lower case, upper case, digits, other characters",
    ),
    "password_too_short": ("密码至少 {limit} 个字符", "A password needs at least {limit} characters"),
    "password_too_long": ("密码最多 {limit} 个字符", "A password has at most {limit} characters"),
    "password_common": (
        "该密码过于常见或曾经泄露，请换一个",
        "This password is common or has leaked before: choose another",
    ),
    "password_unchanged": ("新密码不能与当前密码相同", "The new password must differ from the present one"),
    "password_is_name": ("密码不能与用户名相同", "The password must differ from the username"),
    "password_unreadable": ("密码含有无法使用的字符", "The password holds a character that cannot be used"),
    "recent_login_required": (
        "请重新登录，或提供密码或验证码，再更改登录方式",
        "Log in again, or prove the account by its password or a code, before you change how it is logged in to",
    ),
    "wrong_password": ("密码不正确", "The password is wrong"),
    "wrong_old_password": ("原密码不正确", "The old password is wrong"),
    "no_old_password": ("该账号还没有密码", "The account has no password yet"),
    "temporary_token": ("临时令牌只能查询，不能更改", "A temporary token reads, and changes nothing"),
    "insufficient_scope": (
        "没有权限：该令牌不能调用此接口（需要 {needed}）",
        "Not allowed: this access token does not open this, which needs {needed}",
    ),
    "insufficient_user_authentication": (
        "需要两步验证：请重新登录并完成两步验证",
        "A login with a second factor is needed: log in again with both",
    ),
    "provider_not_allowed": (
        "该客户端不能关联此登录方式",
        "No identity of this provider can be linked through this client",
    ),
    "link_unproven": (
        "该登录方式只能由管理员关联",
        "This provider proves nothing to us: ask an admin to link it",
    ),
    "identity_in_place": (
        "账号已关联该平台的另一个身份，请先解除",
        "The account has another identity of this provider: unlink that first",
    ),
    "identity_not_found": ("账号未关联该身份", "The account has no such identity"),
    "no_passkeys_here": ("这里不能使用通行密钥", "Passkeys cannot be used here"),
    "passkey_not_found": ("没有这个通行密钥", "The account has no such passkey"),
    "too_many_passkeys": ("通行密钥最多 {limit} 个", "An account can have {limit} passkeys at most"),
    "last_way_in": ("不能解除唯一的登录方式", "This is the only way to log in to the account: link another one first"),
    "bad_second_factor": (
        "验证码错误、已使用，或账号没有该验证方式",
        "The code is wrong or used, or the account has no such second factor",
    ),
    "factor_not_found": ("账号没有该验证方式", "The account has no such second factor"),
    "last_second_factor": (
        "此账号需要两步验证，不能停用唯一的验证方式",
        "The account needs a second factor, and this is its only one",
    ),
    "set_up_expired": ("设置已过期，请重新开始", "No authenticator app waits to be confirmed: begin again"),
    "second_factors_off": ("未开放两步验证", "Second factors are turned off here"),
    "registration_closed": ("未开放注册，请联系管理员", "New accounts are not made here: ask an admin for one"),
    "user_not_found": ("用户不存在", "There is no such user"),
    "id_or_username": ("请提供 id 或 username", "Give an id or a username"),
    "bad_date": ("参数 {name} 的格式应为 {format}", "The parameter {name} must look like {format}"),
    "changed_meanwhile": ("数据刚被修改，请重试", "It was changed meanwhile: read it again and retry"),
    # roles and lists
    "role_not_found": ("角色不存在：{role}", "There is no such role: {role}"),
    "bad_role_name": ("角色名为空或含有不可见字符", "This role name is empty or holds an invisible character"),
    "too_many_roles": ("角色最多 {limit} 个", "There can be {limit} roles at most"),
    "session_not_found": ("没有这个登录", "There is no such session"),
    "user_is_disabled": ("账号已停用，请先启用", "The account is disabled: enable it first"),
    "no_login_name": (
        "账号没有用户名和手机号，不能用密码登录",
        "It has no name or number for a password",
    ),
    "own_account": ("不能对自己的账号这样做", "An admin may not do this to their own account"),
    "client_not_found": ("没有这个应用", "There is no such client"),
    "client_is_public": ("该应用没有密钥", "The client is public: it has no secret"),
    "next_key_waits": ("已有待用的密钥", "A next key is there already"),
    "prefix_not_stopped": ("该号段没有停发", "The prefix is not stopped"),
    "login_unconfirmed": ("登录未得到确认，请重试", "The login was not confirmed: begin it again"),
    "role_missing": ("角色不存在", "There is no such role"),
    "role_taken": ("角色名已被使用", "This role name is taken"),
    "last_admin": (
        "至少要保留一名管理员：没有找到其他管理员，请先让另一个账号成为管理员，或由其他管理员操作",
        "An admin must remain, and no other was found: make another account an admin, or ask another admin to do this",
    ),
    "role_kept": ("管理员角色不能改名或删除", "The admin role cannot be renamed or deleted"),
    "bad_cursor": ("cursor 无效", "The cursor is not one that this list gave"),
    "out_of_range": (
        "参数 {name} 应在 {low} 到 {high} 之间",
        "The parameter {name} must be from {low} to {high}",
    ),
    # limits
    "resend_too_soon": (
        "验证码发送过于频繁，请稍后再试",
        "A code was sent just now: wait before asking again",
    ),
    "too_many_codes": ("验证码发送次数已达上限", "Too many codes were sent to this number"),
    "too_many_tries": (
        "验证码错误次数过多，请稍后再试",
        "Too many tries for this number: wait before the next",
    ),
    "refreshed_too_often": ("刷新过于频繁，请稍后再试", "Refreshed too often: wait before the next"),
    "slow_down": (
        "登录失败次数过多，请稍后再试",
        "Too many failed attempts: wait before the next",
    ),
    "captcha_required": ("请先完成验证", "Solve the captcha first"),
    "bad_captcha": (
        "验证未通过或已失效，请重新验证",
        "The solution of the captcha is wrong, used or expired: solve the new one",
    ),
    "limit_reached": ("请求过于频繁，请稍后再试", "Too many requests: wait before the next"),
    # faults
    "store_unavailable": ("服务暂时不可用，请稍后再试", "The service is busy: try again in a moment"),
    "not_sent": ("验证码发送失败，请稍后再试", "The code could not be sent: ask for another one later"),
    "maybe_sent": (
        "验证码可能已发出，请稍候查收，未收到再重试",
        "The code may be on its way: wait for it before asking for another one",
    ),
    "captcha_unavailable": ("暂时无法验证，请稍后再试", "The captcha cannot be checked: try again in a moment"),
    "number_unreachable": ("该手机号无法接收短信", "This number cannot receive text messages"),
    "passwords_unchecked": (
        "暂时无法检查新密码，请稍后再试",
        "New passwords cannot be checked at the moment: try again later",
    ),
    "no_signing_key": ("该服务没有签名密钥", "This deployment has no key to sign tokens with"),
}

# What of a header is read: browsers send a few.
_LANGUAGES = 50


def text(reason: str, language: Language, values: dict[str, Any]) -> str:
    """The text for `reason` in `language`, with `values` filled in."""
    chinese, english = TEXTS[reason]
    return (chinese if language == "zh" else english).format(**values)


def preferred(accept_language: str) -> Language:
    """The language that an `Accept-Language` header (RFC 9110 section 12.5.4) prefers; Chinese by default."""
    best: dict[Language, float] = {"zh": 0.0, "en": 0.0}
    for entry in accept_language.split(",")[:_LANGUAGES]:
        tag, _, parameter = entry.partition(";")
        primary = tag.strip().lower().partition("-")[0]
        for language, quality in best.items():
            if language == primary:
                best[language] = max(quality, _quality(parameter))
    return "en" if best["en"] > best["zh"] else "zh"


def _quality(parameter: str) -> float:
    """The weight behind `q=`; 1 when there is none, 0 for one that cannot be read."""
    name, _, value = parameter.partition("=")
    if not name.strip():
        return 1.0
    try:
        return float(value) if name.strip().lower() == "q" else 1.0
    except ValueError:
        return 0.0
