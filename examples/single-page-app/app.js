// A page with login at Lingpai, by its SDK: the authorization code flow with PKCE, without a client secret.

import { Lingpai, LoginRequired } from "./lingpai.mjs";

const TEXTS = {
  zh: {
    title: "示例单页应用",
    hello: (name) => `您好，${name}`,
    anonymous: "您还没有登录。",
    failed: (error) => `登录没有完成（${error}）。`,
    logIn: "登录",
    logOut: "退出登录",
    other: "打开示例网站，不用再次登录",
    id: "账号 ID",
  },
  en: {
    title: "Example single-page app",
    hello: (name) => `Hello, ${name}`,
    anonymous: "You are not logged in.",
    failed: (error) => `You were not logged in (${error}).`,
    logIn: "Log in",
    logOut: "Log out",
    other: "Open the website, without a second login",
    id: "Account id",
  },
};
const language = navigator.language.startsWith("zh") ? "zh" : "en";
const texts = TEXTS[language];
const here = location.origin + location.pathname;
const element = (id) => document.getElementById(id);

// Tokens are kept in `sessionStorage`, so only in this tab. The refresh token renews the access token.
const lingpai = new Lingpai(CONFIG.issuer, CONFIG.clientId, {
  redirectUri: here,
  postLogoutRedirectUri: here,
  scope: "openid profile phone",
});

function show(user) {
  element("inside").hidden = !user;
  element("outside").hidden = Boolean(user);
  if (user) {
    const { sub, name, preferred_username: username, phone_number: phone } = user;
    element("user").textContent = texts.hello(name || username || phone || sub);
    element("sub").textContent = sub;
  }
}

async function start() {
  document.documentElement.lang = language;
  document.title = texts.title;
  for (const each of document.querySelectorAll("[data-text]")) each.textContent = texts[each.dataset.text];
  element("other").href = CONFIG.otherApp;
  element("log-in").onclick = () => lingpai.loginRedirect();
  element("log-out").onclick = () => lingpai.logoutRedirect();
  try {
    // Does nothing unless the browser comes back from a login at Lingpai, with a code or an error.
    await lingpai.finishLogin();
    show(await lingpai.userinfo());
  } catch (error) {
    show(null);
    if (!(error instanceof LoginRequired)) element("note").textContent = texts.failed(error.error || error.message);
  }
}

start();
