"""What the pages say, in Chinese and English."""

TEXTS = {
    "zh": {
        "title": "示例网站",
        "hello": "您好，{name}",
        "anonymous": "您还没有登录。",
        "log_in": "登录",
        "log_out": "退出登录",
        "other": "打开单页应用，不用再次登录",
        "phone": "手机号",
        "id": "账号 ID",
        "failed": "登录没有完成（{error}）。",
        "home": "返回首页",
    },
    "en": {
        "title": "Example website",
        "hello": "Hello, {name}",
        "anonymous": "You are not logged in.",
        "log_in": "Log in",
        "log_out": "Log out",
        "other": "Open the single-page app, without a second login",
        "phone": "Mobile number",
        "id": "Account id",
        "failed": "You were not logged in ({error}).",
        "home": "Back to the start",
    },
}
