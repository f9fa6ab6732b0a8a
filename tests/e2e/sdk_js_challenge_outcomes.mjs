// What the JavaScript SDK makes of refusals and lost answers in a login without a browser.
//
// In: argv: JSON with `address`, `client`, `redirectUri`, and the `username` and `password` of `alone` (an account without
// a second factor) and `two` (one with an authenticator app and `recoveryCodes`); Out: each outcome, as JSON on stdout.

import { InvalidSession, Lingpai, RedirectToWeb, Refused, TransportError, fetchTransport } from "../../sdk/js/lingpai.mjs";

const { address, client, redirectUri, alone, two } = JSON.parse(process.argv[2]);
const found = {};
const lose = [];
const sent = [];
const send = fetchTransport();
const transport = async (request) => {
  const path = new URL(request.url).pathname;
  const fields = [...new URLSearchParams(request.body).keys()];
  sent.push(path);
  const answer = await send(request);
  const index = lose.findIndex((name) => name === path || fields.includes(name));
  if (index >= 0) {
    lose.splice(index, 1);
    throw new TransportError("the answer was lost");
  }
  return answer;
};
const lingpai = new Lingpai(address, client, { scope: "openid", language: "en", transport });
const refusal = (work) =>
  work.then(
    (value) => value,
    (error) => {
      if (error instanceof TransportError) return error.name;
      if (!(error instanceof Refused)) throw error;
      return [error.name, error.error, error.reason, error.status];
    },
  );
const byPassword = (login, { username, password }) => login.password(username, password);

// --- wrong factors ---
{
  const login = lingpai.challenge();
  found.first = (await login.nextStep()).next;
  found.badMobile = await refusal(login.sendCode("1"));
  found.badPassword = await refusal(byPassword(login, { ...two, password: "wrong" }));
  found.second = (await byPassword(login, two)).next;
  found.badTotp = await refusal(login.totp("000000"));
  found.badRecoveryCode = await refusal(login.recoveryCode("AAAA-AAAA-AAAA"));
  found.badPasskey = await refusal(login.passkey({ type: "public-key" }));
  found.stillSecond = (await login.nextStep()).next;
  const [once, again] = await Promise.all([login.recoveryCode(two.recoveryCodes[0]), login.recoveryCode(two.recoveryCodes[0])]);
  found.twice = once === again && once.done;
  found.over = await refusal(login.recoveryCode(two.recoveryCodes[1]));
}

// --- lost answers ---
{
  const login = lingpai.challenge();
  await byPassword(login, two);
  lose.push("recovery_code");
  found.lost = await refusal(login.recoveryCode(two.recoveryCodes[1]));
  found.taken = await refusal(login.recoveryCode(two.recoveryCodes[2]));
  await byPassword(login, two);
  lose.push("/oauth/token", "/oauth/token");
  sent.length = 0;
  const { done, tokens } = await login.recoveryCode(two.recoveryCodes[2]);
  found.redeemed = [done, [...sent], (await lingpai.userinfo()).sub === tokens.claims.sub];
}

// --- a browser ---
{
  const login = lingpai.challenge({ acrValues: "2" });
  const error = await byPassword(login, alone).catch((found) => found);
  found.toWeb = [error instanceof RedirectToWeb, error.error, error.status, error.requestUri, error.expiresIn];
  const other = lingpai.challenge({ acrValues: "2", redirectUri });
  const { requestUri, expiresIn } = await byPassword(other, alone).catch((found) => found);
  const query = Object.fromEntries(new URL(await other.loginUrl()).searchParams);
  found.pushed = [/^urn:ietf:params:oauth:request_uri:/.test(requestUri), expiresIn, query.request_uri === requestUri];
  const page = await fetch(await other.loginUrl(), { redirect: "manual" });
  found.page = [page.status, new URL(page.headers.get("location"), address).pathname];
  found.afterwards = await refusal(other.totp("000000"));
}

// --- a client that may not ---
{
  const foreign = new Lingpai(address, "public-client", { transport, language: "en" });
  found.notAllowed = await refusal(byPassword(foreign.challenge(), alone));
  found.nobody = await refusal(byPassword(new Lingpai("http://127.0.0.1:9", client).challenge(), alone));
  found.typed = InvalidSession.prototype instanceof Refused;
}

console.log(JSON.stringify(found));
