// A login without a browser, by the JavaScript SDK: a first factor, and a second one where it is asked for.

/**
 * In: the client; `ask(what, details)`, which gives what a person or their phone answers; the factors (`second` is empty
 * where none is expected); `ownPasskeys` where the platform is asked for passkeys by itself.
 * Out: what came before the second factor, and what the session is good for.
 */
export async function logIn(lingpai, ask, { first, second, ownPasskeys }) {
  const login = lingpai.challenge();
  const passkey = async () => {
    if (ownPasskeys) return login.passkey();
    const { passkeyOptions } = await login.passkeyOptions();
    return login.passkey(await ask("passkey", { options: passkeyOptions }));
  };
  const take = {
    passkey,
    async code() {
      const { next, resendIn } = await login.sendCode(await ask("mobile"));
      if (String(next) !== "code,mobile" || !(resendIn > 0)) throw new Error(`no code was sent: ${next}`);
      return login.code(await ask("code"));
    },
    password: async () => login.password(await ask("username"), await ask("password")),
    wechat: () => login.wechat(),
    wechatAndNumber: async () => login.wechat({ phoneCode: await ask("phoneCode") }),
    idToken: async () => login.idToken(await ask("idToken"), await ask("nonce")),
    totp: async () => login.totp(await ask("totp")),
    recoveryCode: async () => login.recoveryCode(await ask("recoveryCode")),
  };
  const found = { before: null };
  let result = await take[first]();
  if (second) {
    found.before = { done: result.done, next: result.next, expiresIn: result.expiresIn, tokens: await lingpai.tokens() };
    result = await take[second]();
  }
  if (!result.done) throw new Error(`not done: ${result.next}`);
  const { scope, claims, refreshToken } = result.tokens;
  found.scope = scope;
  found.claims = { iss: claims.iss, aud: claims.aud, amr: claims.amr, acr: claims.acr };
  found.stored = (await lingpai.tokens()).accessToken === result.tokens.accessToken;
  found.user = await lingpai.userinfo();
  found.sameUser = found.user.sub === claims.sub;
  found.renewed = (await lingpai.refresh()).refreshToken !== refreshToken;
  await lingpai.logout();
  found.after = await lingpai.tokens();
  return found;
}
