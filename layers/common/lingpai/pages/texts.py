"""What the pages say: name → (Chinese, English)."""

from typing import Any

from lingpai.kernel import messages
from lingpai.kernel.errors import LingpaiError
from lingpai.kernel.language import Language

TEXTS: dict[str, tuple[str, str]] = {
    "site": ("账号中心", "Account"),
    "skip": ("跳到主要内容", "Skip to content"),
    "language": ("语言", "Language"),
    "terms": ("服务条款", "Terms"),
    "policy": ("隐私政策", "Privacy"),
    "back": ("返回", "Back"),
    "cancel": ("取消", "Cancel"),
    "error_title": ("请检查以下问题", "There is a problem"),
    "error_prefix": ("出错了：", "Error: "),
    "wait": ("请在 {span} 后重试。", "Try again in {span}."),
    "seconds": ("{n} 秒", "{n} s"),
    "minutes": ("{n} 分钟", "{n} min"),
    "hours": ("{n} 小时", "{n} h"),
    # log in
    "login": ("登录", "Log in"),
    "login_to": ("登录后继续使用 {client}", "Log in to continue to {client}"),
    "login_again": ("为了账号安全，请重新登录后再继续。", "To keep your account safe, log in again before you go on."),
    "ways": ("登录方式", "Ways to log in"),
    "by_code": ("短信验证码", "Text message"),
    "by_password": ("密码", "Password"),
    "mobile": ("手机号", "Mobile number"),
    "mobile_hint": (
        "中国大陆以外的号码请加上国家或地区代码，如 +65",
        "From outside mainland China with its country code, such as +65",
    ),
    "send_code": ("获取验证码", "Send code"),
    "first_login": ("未注册的手机号将自动创建账号。", "A new number gets an account of its own."),
    "code": ("验证码", "Code"),
    "code_sent": (
        "验证码已发送至 {number}，{minutes} 分钟内有效。",
        "A code was sent to {number}. It is good for {minutes} minutes.",
    ),
    "code_hint": ("6 位数字", "6 digits"),
    "resend": ("重新发送", "Send another code"),
    "resend_in": ("{n} 秒后可重新发送", "Another code in {n} s"),
    "other_number": ("更换手机号", "Use another number"),
    "username": ("用户名或手机号", "Username or mobile number"),
    "password": ("密码", "Password"),
    "show": ("显示", "Show"),
    "hide": ("隐藏", "Hide"),
    "forgotten": ("忘记密码", "Forgotten your password?"),
    "new_account": ("创建账号", "Create an account"),
    "have_account": ("已有账号？去登录", "Log in with an account you have"),
    "logged_in_as": ("当前登录账号", "Logged in as"),
    "continue": ("继续", "Continue"),
    "continue_as": ("以 {name} 继续", "Continue as {name}"),
    "other_account": ("使用其他账号", "Use another account"),
    "choose_account": ("选择账号", "Choose an account"),
    # register, reset
    "register": ("创建账号", "Create an account"),
    "register_closed": ("这里未开放注册。", "New accounts are not made here."),
    "new_username": ("用户名", "Username"),
    "new_password": ("新密码", "New password"),
    "password_hint": (
        "至少 {limit} 个字符，建议使用密码管理器生成。",
        "At least {limit} characters. A password manager makes a good one.",
    ),
    "reset": ("重设密码", "Set a new password"),
    "reset_intro": (
        "我们会向账号的手机号发送验证码。设置新密码后，所有设备都需要重新登录。",
        "A code goes to your account's mobile number. With the new password, you log in again on all devices.",
    ),
    "set_password": ("设置新密码", "Set password"),
    "reset_done": ("密码已重设，请用新密码登录。", "Your password is set. Log in with it."),
    # consent
    "consent": ("{client} 请求访问你的账号", "{client} asks for access to your account"),
    "consent_intro": ("允许后，{client} 可以：", "If you allow it, {client} can:"),
    "consent_later": ("你可以随时在账号中心撤销。", "You can take this back at any time on your account page."),
    "consent_leads": ("将返回到 {host}", "You go back to {host}"),
    "allow": ("允许", "Allow"),
    "deny": ("拒绝", "Don't allow"),
    "scope_openid": ("确认你是谁（账号编号）", "Know who you are, by the number of your account"),
    "scope_profile": ("查看你的个人资料：姓名、性别、生日等", "See your profile, such as name, gender and birthday"),
    "scope_phone": ("查看你的手机号", "See your mobile number"),
    "scope_roles": ("查看你的角色", "See your roles"),
    "scope_lingpai:account": ("查看和修改你的账号", "See and change your account"),
    "scope_lingpai:admin": ("以管理员身份管理所有账号", "Act as an admin on all accounts, if you are one"),
    "scope_other": ("使用权限 {scope}", "Use the permission {scope}"),
    # account
    "account": ("我的账号", "Your account"),
    "profile": ("个人资料", "Profile"),
    "name": ("姓名", "Name"),
    "gender": ("性别", "Gender"),
    "birthdate": ("生日", "Birthday"),
    "birthdate_hint": ("格式：1990-01-31", "As in 1990-01-31"),
    "address": ("地址", "Address"),
    "not_set": ("未设置", "Not set"),
    "is_set": ("已设置", "Set"),
    "edit": ("修改", "Change"),
    "edit_profile": ("修改个人资料", "Change your profile"),
    "save": ("保存", "Save"),
    "saved": ("已保存。", "Saved."),
    "ways_in": ("登录方式", "How you log in"),
    "account_name": ("用户名", "Username"),
    "change_password": ("修改密码", "Change your password"),
    "old_password": ("当前密码", "Present password"),
    "others_end": ("修改后，其他设备需要重新登录。", "Your other devices have to log in again afterwards."),
    "password_saved": (
        "密码已修改，其他设备已退出登录。",
        "Your password is changed, and your other devices are logged out.",
    ),
    "change_phone": ("更换手机号", "Change your mobile number"),
    "add_phone": ("绑定手机号", "Add a mobile number"),
    "present_number": ("当前手机号：{number}", "Present number: {number}"),
    "new_number": ("新手机号", "New mobile number"),
    "phone_saved": (
        "手机号已更新，其他设备已退出登录。",
        "Your number is changed, and your other devices are logged out.",
    ),
    "identities": ("关联的第三方账号", "Linked accounts"),
    "unlink": ("解除关联", "Unlink"),
    "unlink_label": ("解除 {provider} 的关联", "Unlink {provider}"),
    "unlinked": ("已解除关联。", "Unlinked."),
    "sessions": ("登录的设备和应用", "Where you are logged in"),
    "this_device": ("当前设备", "This device"),
    "unknown_device": ("未知设备", "Unknown device"),
    "device": ("{system} 上的 {browser}", "{browser} on {system}"),
    "app": ("应用 {client}", "App: {client}"),
    "opened": ("登录于 {time}", "Logged in {time}"),
    "last_use": ("最近使用 {time}", "Last used {time}"),
    "end": ("退出", "Log out"),
    "end_label": ("退出 {what}", "Log out {what}"),
    "end_others": ("退出所有其他设备", "Log out everywhere else"),
    "ended": ("已退出。", "Logged out there."),
    "consents": ("可以访问你账号的应用", "Apps with access to your account"),
    "no_consents": ("没有应用。", "None."),
    "revoke": ("撤销", "Take back"),
    "revoke_label": ("撤销 {client} 的访问", "Take back access from {client}"),
    "revoked": ("已撤销。", "Access is taken back."),
    "data": ("你的数据", "Your data"),
    "download": ("下载我的数据（JSON）", "Download your data (JSON)"),
    "delete": ("注销账号", "Delete your account"),
    "delete_intro": (
        "账号及其资料将被永久删除，所有设备和应用都会退出登录。此操作无法撤销。",
        "The account and its profile are deleted for good, and you are logged out everywhere. This cannot be undone.",
    ),
    "delete_confirm": ("我了解账号无法恢复", "I understand that the account cannot come back"),
    "delete_now": ("永久注销", "Delete for good"),
    "deleted": ("账号已注销", "Your account is deleted"),
    "deleted_text": ("账号及其资料已删除。", "The account and its profile are gone."),
    # log out
    "log_out": ("退出登录", "Log out"),
    "log_out_ask": ("要退出登录吗？", "Do you want to log out?"),
    "log_out_intro": ("你将在这台设备上退出账号。", "You are logged out of your account on this device."),
    "stay": ("保持登录", "Stay logged in"),
    "logged_out": ("你已退出登录", "You are logged out"),
    "logged_out_text": ("现在可以关闭此页面。", "You can close this page."),
    # errors
    "error": ("出错了", "Something went wrong"),
    "error_text": ("请返回应用重试。", "Go back to the app and try again."),
    "bad_request": ("无法处理此登录请求", "This login request cannot be used"),
    "bad_request_text": (
        "应用发来的请求有误，请返回应用重试；如仍有问题，请联系应用的开发者。",
        "The app has sent a wrong request. Go back and try again; if that does not help, tell the app's makers.",
    ),
    "reason": ("原因：{reason}", "Reason: {reason}"),
    "start_again": ("重新开始", "Start again"),
    # what is missing, by field
    "missing_mobile": ("请输入手机号", "Enter your mobile number"),
    "missing_code": ("请输入验证码", "Enter the code"),
    "missing_username": ("请输入用户名", "Enter your username"),
    "missing_password": ("请输入密码", "Enter your password"),
    "missing_oldPassword": ("请输入当前密码", "Enter your present password"),
    "missing_newPassword": ("请输入新密码", "Enter a new password"),
    "missing_confirm": ("请先确认", "Confirm this first"),
}
# In place of the texts of `kernel.messages`, which are for developers too. {name} and the like are theirs.
REFUSALS: dict[str, tuple[str, str]] = {
    "bad_credentials": ("用户名或密码错误", "The username or the password is wrong"),
    "bad_mobile": ("请输入正确的手机号", "Enter a mobile number, such as 133 1234 1234"),
    "bad_date": ("日期格式应为 1990-01-31", "Enter the date as in 1990-01-31"),
    "form_expired": (
        "页面已过期或浏览器未启用 Cookie，请重新操作",
        "This page has expired, or your browser keeps no cookies. Try again",
    ),
    "registration_closed": (
        "该手机号没有账号，且未开放注册",
        "This number has no account, and new ones are not made here",
    ),
    "user_not_found": ("该手机号没有账号", "This number has no account"),
    "last_way_in": ("这是唯一的登录方式，不能解除", "This is the only way to log in to the account: it has to stay"),
    "last_admin": (
        "你是最后一名管理员，请先让其他账号成为管理员",
        "You are the last admin: make somebody else one first",
    ),
    "too_long": ("内容过长，最多 {limit} 个字符", "This is too long: {limit} characters at most"),
    "control_character": ("内容含有无法使用的字符", "This has a character that cannot be used"),
    "changed_meanwhile": ("数据刚被修改，请重试", "It was changed meanwhile: try again"),
}


class Texts:
    """The texts in one language."""

    def __init__(self, language: Language) -> None:
        self.language = language

    def __call__(self, name: str, /, **values: Any) -> str:
        """The text of this name, with `values` filled in."""
        return self._in_language(TEXTS[name]).format(**values)

    def scope(self, scope: str) -> str:
        """What a scope allows, in words; one that is not ours by its name."""
        name = f"scope_{scope}"
        return self(name) if name in TEXTS else self("scope_other", scope=scope)

    def device(self, device: str) -> str:
        """The device of a browser session, in words."""
        browser, _, system = device.partition("/")
        if browser and system:
            return self("device", browser=browser, system=system)
        return browser or system or self("unknown_device")

    def refusal(self, error: LingpaiError) -> str:
        """Why something was refused, and when to try again."""
        found = REFUSALS.get(error.reason)
        if found is not None:
            said = self._in_language(found).format(**error.values)
        else:
            said = messages.text(error.reason, self.language, error.values)
        if error.retry_after is not None and error.retry_after > 1:
            said = f"{said}{'。' if self.language == 'zh' else '. '}{self('wait', span=self.span(error.retry_after))}"
        return said

    def span(self, seconds: int) -> str:
        """A span of time, rounded up to a whole number of its unit."""
        if seconds < 120:
            return self("seconds", n=seconds)
        if seconds < 7200:
            return self("minutes", n=-(-seconds // 60))
        return self("hours", n=-(-seconds // 3600))

    def _in_language(self, texts: tuple[str, str]) -> str:
        return texts[0] if self.language == "zh" else texts[1]
