"""What the pages say: name → (Chinese, English)."""

from typing import Any

from lingpai.browser_sessions.model import Place
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
    "another_account": (
        "应用要求使用另一个账号，请登录该账号。",
        "The app asks for another account than the one you are logged in to. Log in to that one.",
    ),
    "ways": ("登录方式", "Ways to log in"),
    "by_code": ("短信验证码", "Text message"),
    "by_password": ("密码", "Password"),
    "mobile": ("手机号", "Mobile number"),
    "mobile_hint": (
        "其他国家或地区的号码请加上代码，如 +65",
        "For a number from another country, add its code, such as +65",
    ),
    "send_code": ("获取验证码", "Send code"),
    "first_login": ("未注册的手机号将自动创建账号。", "If the number is new, an account is created."),
    "code": ("验证码", "Code"),
    "code_sent": (
        "验证码已发送至 {number}，{minutes} 分钟内有效。",
        "A code was sent to {number}. It expires in {minutes} minutes.",
    ),
    "code_hint": ("6 位数字", "6 digits"),
    "resend": ("重新发送", "Send another code"),
    "resend_in": ("{n} 秒后可重新发送", "Another code in {n} s"),
    "other_number": ("更换手机号", "Use another number"),
    "captcha": ("安全验证", "One more check"),
    "captcha_why": (
        "当前请求较多。发送验证码前，浏览器需要先完成一次验证，通常只要几秒。",
        "Many codes are being asked for. Before yours is sent, your browser solves a task, which takes a few seconds.",
    ),
    "captcha_do": (
        "当前请求较多。请先完成验证，再获取验证码。",
        "Many codes are being asked for. Do this check before yours is sent.",
    ),
    "captcha_password": ("改用密码登录", "Log in with a password instead"),
    "captcha_start": ("开始验证", "Start the check"),
    "captcha_busy": ("正在验证，请稍候…", "Checking. Please wait…"),
    "captcha_failed": (
        "此浏览器无法完成验证，请换一个浏览器。",
        "This browser cannot do the check. Try another browser.",
    ),
    "captcha_script": (
        "此步骤需要 JavaScript，请在浏览器中启用后重试。",
        "This step needs JavaScript. Turn it on in your browser and try again.",
    ),
    "username": ("用户名或手机号", "Username or mobile number"),
    "password": ("密码", "Password"),
    "show": ("显示", "Show"),
    "hide": ("隐藏", "Hide"),
    "forgotten": ("忘记密码", "Forgotten your password?"),
    "new_account": ("创建账号", "Create an account"),
    "have_account": ("已有账号？去登录", "Already have an account? Log in"),
    "logged_in_as": ("当前登录账号", "Logged in as"),
    "continue": ("继续", "Continue"),
    "continue_to": ("继续使用 {client}", "Continue to {client}"),
    "continue_as": ("以 {name} 继续", "Continue as {name}"),
    "other_account": ("使用其他账号", "Use another account"),
    "choose_account": ("选择账号", "Choose an account"),
    "providers": ("其他登录方式", "Other ways to log in"),
    "login_with": ("使用{provider}登录", "Continue with {provider}"),
    "wechat": ("微信", "WeChat"),
    "login_by_passkey": ("使用通行密钥登录", "Log in with a passkey"),
    "step_passkey": ("使用通行密钥", "Use your passkey"),
    "passkey_cancelled": (
        "没有使用通行密钥，请重试或换一种方式。",
        "No passkey was used. Try again, or choose another way.",
    ),
    "passkey_failed": (
        "通行密钥暂时无法使用，请刷新页面重试。",
        "The passkey could not be used. Reload the page and try again.",
    ),
    "passkey_known": ("这台设备上已有该账号的通行密钥。", "This device already has a passkey for the account."),
    "login_declined": ("登录已取消，请重新选择登录方式。", "That login was cancelled. Choose how to log in."),
    "login_failed": ("未能使用{provider}登录", "You are not logged in with {provider}"),
    # the second step
    "second_step": ("两步验证", "Two-step verification"),
    "step_account": ("登录账号", "Logging in as"),
    "step_code": ("验证器应用显示的验证码", "Code that your authenticator app shows"),
    "step_recovery": ("恢复码", "Recovery code"),
    "step_recovery_hint": (
        "启用两步验证时保存的恢复码，每个只能使用一次",
        "One of those that you have saved. Each is good once",
    ),
    "step_use_recovery": ("使用恢复码", "Use a recovery code"),
    "step_use_totp": ("使用验证器应用", "Use your authenticator app"),
    "step_use_passkey": ("改用通行密钥登录", "Log in with your passkey instead"),
    "step_needed": (
        "此账号需要两步验证，设置后才能继续。",
        "This account needs two-step verification. Set it up to go on.",
    ),
    "totp_set": ("验证器应用已启用。", "The app is set up."),
    "login_expired": ("登录已过期，请重新登录。", "That login has expired. Log in again."),
    # register, reset
    "register": ("创建账号", "Create an account"),
    "register_closed": ("这里未开放注册。", "New accounts are not made here."),
    "new_username": ("用户名", "Username"),
    "new_password": ("新密码", "New password"),
    "password_hint": (
        "至少 {limit} 个字符，建议使用密码管理器生成。",
        "At least {limit} characters. A password manager can create one for you.",
    ),
    "reset": ("重设密码", "Set a new password"),
    "reset_intro": (
        "我们会向账号的手机号发送验证码。设置新密码后，所有设备都需要重新登录。",
        "We send a code to your account's mobile number. After the change you have to log in again on all devices.",
    ),
    "set_password": ("设置新密码", "Set password"),
    "reset_done": ("密码已重设，请用新密码登录。", "Your password is set. Log in with the new password."),
    # consent
    "consent": ("{client} 请求访问你的账号", "{client} asks for access to your account"),
    "consent_intro": ("允许后，{client} 可以：", "If you allow it, {client} can:"),
    "agreement": ("服务条款与隐私政策", "Terms and privacy policy"),
    "agreement_intro": ("继续之前，请阅读并同意：", "Before you go on, read and accept:"),
    "agreement_again": (
        "以下文件已更新。继续之前，请阅读并同意新版本：",
        "These have changed. Before you go on, read and accept the new version:",
    ),
    "agreement_else": (
        "如不同意，可以退出登录；也可以先下载你的数据，或注销账号。",
        "If you do not accept, log out. You can also download your data, or delete your account.",
    ),
    "version": ("版本 {version}", "version {version}"),
    "agree": ("同意并继续", "Accept and go on"),
    "consent_later": ("你可以随时在账号中心撤销。", "You can remove this access at any time on your account page."),
    "consent_leads": ("之后将返回 {host}。", "You go back to {host}."),
    "allow": ("允许", "Allow"),
    "deny": ("拒绝", "Don't allow"),
    "scope_openid": ("确认你是谁（账号编号）", "Know who you are (your account id)"),
    "scope_profile": ("查看你的个人资料：姓名、性别、生日等", "See your profile, such as name, gender and birthday"),
    "scope_phone": ("查看你的手机号", "See your mobile number"),
    "scope_roles": ("查看你的角色", "See your roles"),
    "scope_lingpai:account": ("查看和修改你的账号", "See and change your account"),
    "scope_lingpai:admin": ("以管理员身份管理所有账号", "Act as an admin on all accounts, if you are one"),
    "scope_other": ("其他权限：{scope}", "Other permission: {scope}"),
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
    "old_password": ("当前密码", "Current password"),
    "others_end": ("修改后，其他设备需要重新登录。", "Your other devices will have to log in again."),
    "password_saved": (
        "密码已修改，其他设备已退出登录。",
        "Your password is changed, and your other devices are logged out.",
    ),
    "change_phone": ("更换手机号", "Change your mobile number"),
    "add_phone": ("绑定手机号", "Add a mobile number"),
    "present_number": ("当前手机号：{number}", "Current number: {number}"),
    "new_number": ("新手机号", "New mobile number"),
    "phone_saved": (
        "手机号已更新，其他设备已退出登录。",
        "Your number is changed, and your other devices are logged out.",
    ),
    "identities": ("关联的第三方账号", "Linked accounts"),
    "link": ("关联{provider}", "Link {provider}"),
    "linked": (
        "已关联，其他设备已退出登录。",
        "The account is linked, and your other devices are logged out.",
    ),
    "link_failed": ("未能关联{provider}", "{provider} is not linked"),
    "link_declined": ("已取消，未作关联。", "Cancelled. Nothing was linked."),
    "unlink": ("解除关联", "Unlink"),
    "unlink_label": ("解除 {provider} 的关联", "Unlink {provider}"),
    "unlinked": ("已解除关联。", "Unlinked."),
    "second_factors": ("两步验证", "Two-step verification"),
    "totp": ("验证器应用", "Authenticator app"),
    "totp_since": ("自 {time} 启用", "On since {time}"),
    "totp_set_up": ("启用", "Set up"),
    "totp_set_up_label": ("启用验证器应用", "Set up an authenticator app"),
    "totp_replace": ("更换", "Change"),
    "totp_replace_label": ("更换验证器应用", "Change the authenticator app"),
    "totp_remove": ("停用", "Remove"),
    "totp_remove_label": ("停用验证器应用", "Remove the authenticator app"),
    "totp_title": ("启用验证器应用", "Set up an authenticator app"),
    "totp_intro": (
        "启用后，登录时还需输入应用显示的验证码。即使他人知道密码，也无法登录。",
        "When you log in, you then also type in a code from the app. Your password alone no longer opens the account.",
    ),
    "totp_intro_app": (
        "请先在手机上安装验证器应用，或使用支持验证码的密码管理器。",
        "You need an authenticator app on your phone, or a password manager that makes codes.",
    ),
    "totp_scan": (
        "用验证器应用扫描二维码，或在应用中输入密钥。",
        "Scan the QR code with the app, or type the key into it.",
    ),
    "totp_qr": ("验证器应用的二维码", "QR code for the authenticator app"),
    "totp_key": ("密钥", "Key"),
    "totp_code": ("应用显示的验证码", "Code that the app shows"),
    "totp_confirm": ("确认启用", "Confirm"),
    "totp_saved": (
        "验证器应用已启用，其他设备已退出登录。",
        "The app is set up, and your other devices are logged out.",
    ),
    "totp_removed": (
        "验证器应用已停用，其他设备已退出登录。",
        "The app is removed, and your other devices are logged out.",
    ),
    "recovery_codes": ("恢复码", "Recovery codes"),
    "recovery_left": ("剩余 {n} 个", "{n} left"),
    "recovery_new": ("重新生成", "Make new"),
    "recovery_new_label": ("重新生成恢复码", "Make new recovery codes"),
    "recovery_replaced": (
        "恢复码已重新生成，原有的已失效，其他设备已退出登录。",
        "The old codes are no longer good, and your other devices are logged out.",
    ),
    "recovery_intro": (
        "手机不在身边时，可用恢复码代替验证码登录，每个只能使用一次。",
        "With a recovery code you can log in without your phone. Each is good once.",
    ),
    "recovery_keep": (
        "请现在复制到密码管理器，或打印此页。离开后无法再次查看。",
        "Copy them into a password manager, or print this page, now. They are not shown again.",
    ),
    "recovery_done": ("我已保存", "I have saved them"),
    "passkeys": ("通行密钥", "Passkeys"),
    "passkey_intro": (
        "通行密钥用指纹、面容或锁屏密码登录，其他网站无法骗取。",
        "A passkey logs you in by fingerprint, face or screen lock. No other site can ask for it.",
    ),
    "passkey_unsupported": (
        "此浏览器无法在这里创建通行密钥，请换一个浏览器或启用 JavaScript。",
        "This browser cannot create a passkey here. Use another browser, or turn on JavaScript.",
    ),
    "add_passkey": ("添加通行密钥", "Add a passkey"),
    "create_passkey": ("创建通行密钥", "Create the passkey"),
    "rename_passkey": ("重命名通行密钥", "Rename the passkey"),
    "passkey_name": ("名称", "Name"),
    "passkey_name_hint": ("用来区分你的通行密钥", "So that you can tell your passkeys apart"),
    "passkey_since": ("添加于 {time}", "Added {time}"),
    "never_used": ("尚未使用", "Not used yet"),
    "rename": ("重命名", "Rename"),
    "rename_label": ("重命名 {name}", "Rename {name}"),
    "remove": ("移除", "Remove"),
    "remove_label": ("移除 {name}", "Remove {name}"),
    "passkey_added": (
        "已添加通行密钥，其他设备已退出登录。",
        "The passkey is added, and your other devices are logged out.",
    ),
    "passkey_removed": (
        "已移除通行密钥，其他设备已退出登录。请在设备上也删除它。",
        "The passkey is removed, and your other devices are logged out. Delete it on your device, too.",
    ),
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
    "revoke": ("撤销", "Remove"),
    "revoke_label": ("撤销 {client} 的访问", "Remove access from {client}"),
    "revoked": ("已撤销，该应用已退出登录。", "Access removed. The app is logged out of your account."),
    "data": ("你的数据", "Your data"),
    "download": ("下载我的数据（JSON）", "Download your data (JSON)"),
    "delete": ("注销账号", "Delete your account"),
    "delete_intro": (
        "账号及其资料将被永久删除，所有设备和应用都会退出登录。此操作无法撤销。",
        "The account and its profile are deleted permanently. You are logged out everywhere. This cannot be undone.",
    ),
    "delete_confirm": ("我了解账号无法恢复", "I understand that the account cannot be restored"),
    "delete_now": ("永久注销", "Delete permanently"),
    "close_intro": (
        "提交后账号立即关闭，所有设备都会退出登录；{days} 天后，账号及其资料将被永久删除。",
        "The account is closed at once, and you are logged out everywhere. It is deleted {days} days later.",
    ),
    "close_undo": (
        "在此之前，你可以用密码或通行密钥登录，撤销注销。",
        "Until then you can undo this: log in with your password or a passkey.",
    ),
    "close_final": (
        "你的账号没有密码和通行密钥，提交后无法自行撤销。如需保留撤销的机会，请先设置密码。",
        "Your account has neither a password nor a passkey: to be able to undo this, set a password first.",
    ),
    "close_confirm": ("我了解账号将关闭并被删除", "I understand that the account is closed, then deleted"),
    "close_now": ("注销账号", "Delete the account"),
    "closed": ("账号已关闭", "Your account is closed"),
    "closed_text": (
        "账号及其资料将于 {day} 删除。在此之前用密码或通行密钥登录，即可撤销。",
        "The account and its profile will be deleted on {day}. Until then a password or a passkey undoes it.",
    ),
    "closed_text_final": (
        "账号及其资料将于 {day} 删除。",
        "The account and its profile will be deleted on {day}.",
    ),
    "deletion": ("账号等待注销", "This account is to be deleted"),
    "deletion_text": (
        "你已申请注销此账号。账号已关闭，将于 {day} 连同资料一起删除。",
        "You asked for its deletion. It is closed, and will be deleted with its profile on {day}.",
    ),
    "deletion_keep": (
        "如果你改变了主意，可以撤销注销。账号会立即恢复，并登录此浏览器。",
        "If you have changed your mind, you can keep it. It is open again at once, and this browser is logged in.",
    ),
    "keep_account": ("撤销注销并登录", "Keep the account and log in"),
    "deleted": ("账号已注销", "Your account is deleted"),
    "deleted_text": ("账号及其资料已删除。", "The account and its profile have been deleted."),
    # log out
    "log_out": ("退出登录", "Log out"),
    "log_out_ask": ("要退出登录吗？", "Do you want to log out?"),
    "log_out_intro": ("你将在这台设备上退出账号。", "You will be logged out of your account on this device."),
    "stay": ("保持登录", "Stay logged in"),
    "logged_out": ("你已退出登录", "You are logged out"),
    "logged_out_text": ("现在可以关闭此页面。", "You can close this page."),
    # errors
    "error": ("出错了", "Something went wrong"),
    "error_text": ("请返回应用重试。", "Go back to the app and try again."),
    "bad_request": ("无法处理此登录请求", "This login request cannot be used"),
    "bad_request_text": (
        "应用发来的请求有误，请返回应用重试；如仍有问题，请联系应用的开发者。",
        "The app sent an invalid request. Go back and try again. If that does not help, contact the app's developer.",
    ),
    "reason": ("原因：{reason}", "Reason: {reason}"),
    "start_again": ("重新开始", "Start again"),
    # what is missing, by field
    "missing_mobile": ("请输入手机号", "Enter your mobile number"),
    "missing_code": ("请输入验证码", "Enter the code"),
    "missing_username": ("请输入用户名", "Enter your username"),
    "missing_password": ("请输入密码", "Enter your password"),
    "missing_oldPassword": ("请输入当前密码", "Enter your current password"),
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
        "This page has expired, or your browser blocks cookies. Try again",
    ),
    "registration_closed": (
        "没有对应的账号，且未开放注册",
        "There is no account for this, and new ones are not made here",
    ),
    "bad_captcha": ("验证未通过或已失效，请重新验证", "The check did not succeed, or it took too long. Start it again"),
    "user_not_found": ("该手机号没有账号", "This number has no account"),
    "unknown_client": ("没有这个应用", "There is no such app"),
    "last_way_in": (
        "这是唯一的登录方式，不能解除",
        "This is the only way to log in to the account, so it cannot be unlinked",
    ),
    "bad_second_factor": ("验证码错误或已使用", "The code is wrong or was used before"),
    "set_up_expired": ("设置已过期，请重新开始", "This took too long. Start again"),
    "last_admin": (
        "你是最后一名管理员，请先让其他账号成为管理员",
        "You are the last admin. Give the role to another account first",
    ),
    **dict.fromkeys(
        (
            "bad_id_token",
            "bad_nonce",
            "id_token_expired",
            "id_token_foreign",
            "id_token_used",
            "sign_unknown",
            "sign_used",
        ),
        ("登录未得到确认，请返回重试", "The login was not confirmed. Go back and try again"),
    ),
    "account_disabled": ("账号已停用", "This account is disabled"),
    "provider_unavailable": (
        "对方服务暂时无法访问，请稍后再试，或换一种方式登录",
        "It does not answer at the moment. Try again later, or log in another way",
    ),
    "openid_taken": ("该第三方账号已关联其他账号", "It is linked to another account here"),
    "identity_in_place": ("账号已关联另一个，请先解除", "Another one is linked to your account. Unlink that first"),
    "too_long": ("内容过长，最多 {limit} 个字符", "This is too long: {limit} characters at most"),
    "control_character": ("内容含有无法使用的字符", "This contains a character that cannot be used"),
    "changed_meanwhile": ("数据刚被修改，请重试", "It was changed in the meantime. Try again"),
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

    def place(self, place: Place | None) -> str:
        """The place of a browser session; empty where nothing is known of it."""
        return self._in_language((place.zh, place.en)) if place else ""

    def refusal(self, error: LingpaiError) -> str:
        """Why something was refused, and when to try again."""
        found = REFUSALS.get(error.reason)
        if error.reason == "missing_parameter":
            # A field that was left empty.
            found = TEXTS.get(f"missing_{error.values['name']}")
        if found is not None:
            said = self._in_language(found).format(**error.values)
        else:
            said = messages.text(error.reason, self.language, error.values)
        if error.retry_after is not None and error.retry_after > 1:
            said = f"{said}{'。' if self.language == 'zh' else '. '}{self('wait', span=self.span(error.retry_after))}"
        return said

    def sentence(self, text: str) -> str:
        """The text with a full stop, which texts beside a field have not."""
        return text if text.endswith((".", "。")) else f"{text}{'。' if self.language == 'zh' else '.'}"

    def span(self, seconds: int) -> str:
        """A span of time, rounded up to a whole number of its unit."""
        if seconds < 120:
            return self("seconds", n=seconds)
        if seconds < 7200:
            return self("minutes", n=-(-seconds // 60))
        return self("hours", n=-(-seconds // 3600))

    def _in_language(self, texts: tuple[str, str]) -> str:
        return texts[0] if self.language == "zh" else texts[1]
