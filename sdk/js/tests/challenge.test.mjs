// The login without a browser: every step and outcome of /oauth/challenge.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { inspect } from "node:util";

import { BadAnswer, Challenge, InvalidSession, Lingpai, LingpaiSDKError, RedirectToWeb, Refused, Timeout, TransportError, memoryStorage } from "../lingpai.mjs";
import { MOBILES, PASSWORD, SECOND_FACTORS, TOTP, challengeServer, passkeyAnswer } from "./challenge-server.mjs";
import { ADDRESS, CLIENT, json } from "./support.mjs";

const REDIRECT = "https://app.example/callback";
const NOTHING = { done: false, next: [], reason: null, captcha: null, passkeyOptions: null, resendIn: null, expiresIn: null };
const NEEDED = { ...NOTHING, reason: "factor_required" };
const SECOND = { ...NEEDED, next: SECOND_FACTORS, expiresIn: 600 };

/** A client of a new server, and a login that it has begun. */
function begun({ server: settings, challenge, ...options } = {}) {
  const server = challengeServer(settings);
  const changes = [];
  const onChange = (tokens) => changes.push(tokens && tokens.accessToken);
  const lingpai = new Lingpai(ADDRESS, CLIENT, { scope: "openid profile", transport: server.transport, onChange, ...options });
  return { server, lingpai, changes, login: lingpai.challenge(challenge) };
}

/** Another client may be sent codes for; this one's login has the code that was sent last. */
const lastCode = (server) => server.sent.at(-1)[1];

/** Answer the options of a passkey as this person's phone would. */
const byPasskey = async (login, name) => {
  const { passkeyOptions } = await login.passkeyOptions();
  return login.passkey(passkeyAnswer(name, passkeyOptions.challenge));
};

/** A platform with `wx.login`, as long as the work lasts. */
async function withWeChat(name, work) {
  globalThis.wx = { login: ({ success }) => success({ code: `js of ${name}` }), getStorageSync() {}, setStorageSync() {}, removeStorageSync() {} };
  try {
    return await work();
  } finally {
    delete globalThis.wx;
  }
}

const refusal = (work) =>
  work.then(
    () => assert.fail("it was granted"),
    (error) => {
      assert.ok(error instanceof Refused, inspect(error));
      return [error.error, error.reason, error.status];
    },
  );

// --- Factors --------------------------------------------------------------------------------------------------------

const FIRST_FACTORS = {
  async code(login, name, server) {
    assert.deepEqual(await login.sendCode(MOBILES[name]), { ...NEEDED, next: ["code", "mobile"], resendIn: 60, expiresIn: 600 });
    return login.code(lastCode(server));
  },
  password: (login, name) => login.password(name, PASSWORD),
  wechat: (login, name) => withWeChat(name, () => login.wechat()),
  wechatAndNumber: (login, name) => withWeChat(name, () => login.wechat({ phoneCode: "phone code" })),
  idToken: (login, name) => login.idToken(name, "a nonce"),
};
const SECOND_STEPS = {
  totp: (login) => login.totp(TOTP),
  recoveryCode: (login) => login.recoveryCode("r-1"),
  passkey: (login) => byPasskey(login, "bob"),
};

for (const [first, take] of Object.entries(FIRST_FACTORS)) {
  test(`${first}: alone, and with each second factor`, async () => {
    const { server, lingpai, changes, login } = begun();
    const result = await take(login, "alice", server);
    assert.deepEqual(result, { done: true, tokens: await lingpai.tokens() });
    const { accessToken, refreshToken, scope, claims } = result.tokens;
    assert.deepEqual([accessToken, refreshToken, scope], ["access-1", "refresh-1", ["openid", "profile"]]);
    assert.equal(claims.preferred_username, "alice");
    assert.deepEqual(changes, ["access-1"]);
    assert.equal(await lingpai.accessToken(), "access-1");

    for (const [second, takeSecond] of Object.entries(SECOND_STEPS)) {
      const { server, lingpai, changes, login } = begun();
      assert.deepEqual(await take(login, "bob", server), SECOND, second);
      assert.deepEqual([await lingpai.tokens(), changes], [null, []]);
      const result = await takeSecond(login);
      assert.deepEqual(result, { done: true, tokens: await lingpai.tokens() });
      assert.deepEqual([result.tokens.claims.preferred_username, changes], ["bob", ["access-1"]]);
    }
  });
}

test("a passkey is enough by itself; its answer may be an object or its text", async () => {
  for (const form of [(answer) => answer, JSON.stringify, (answer) => ({ toJSON: () => answer })]) {
    const { server, lingpai, login } = begun();
    const asked = await login.passkeyOptions();
    const { challenge } = asked.passkeyOptions;
    const passkeyOptions = {
      rpId: "id.example.com",
      challenge,
      timeout: 60000,
      allowCredentials: [{ type: "public-key", id: "Ym9i", transports: [] }],
      userVerification: "required",
    };
    assert.deepEqual(asked, { ...NEEDED, next: ["passkey"], passkeyOptions });
    const answer = passkeyAnswer("bob", challenge);
    assert.deepEqual(await login.passkey(form(answer)), { done: true, tokens: await lingpai.tokens() });
    assert.deepEqual(JSON.parse(server.steps()[1].passkey), answer);
    assert.deepEqual(server.steps().map(({ auth_session }) => auth_session), [undefined, undefined]);
  }
});

test("what is sent: the request with the first step, only the session with the next one", async () => {
  const challenge = { scope: ["openid", "phone"], maxAge: 0, acrValues: "2", resource: "https://api.example" };
  const { server, login } = begun({ challenge, language: "en" });
  await login.password("bob", PASSWORD);
  await login.totp(TOTP);
  const [[, first], [path, second], [tokenPath, third]] = server.log;
  const { code_challenge, nonce, ...rest } = first;
  assert.deepEqual(rest, {
    client_id: CLIENT,
    response_type: "code",
    scope: "openid phone",
    code_challenge_method: "S256",
    max_age: "0",
    acr_values: "2",
    resource: "https://api.example",
    username: "bob",
    password: PASSWORD,
  });
  assert.match(nonce, /^[\w-]{43}$/);
  const { auth_session, ...step } = second;
  assert.deepEqual([path, step], ["/oauth/challenge", { client_id: CLIENT, totp: TOTP }]);
  assert.match(auth_session, /^[\w-]{36}$/);
  const { code, code_verifier, ...redeemed } = third;
  assert.deepEqual([tokenPath, redeemed], ["/oauth/token", { client_id: CLIENT, grant_type: "authorization_code" }]);
  assert.equal(createHash("sha256").update(code_verifier).digest("base64url"), code_challenge);
});

test("what may come: asked before the first step, and between two", async () => {
  const { login } = begun();
  assert.ok(login instanceof Challenge);
  assert.deepEqual(await login.nextStep(), { ...NEEDED, next: ["mobile", "password", "js_code", "id_token", "passkey"] });
  await login.sendCode(MOBILES.bob);
  assert.deepEqual(await login.nextStep(), { ...NEEDED, next: ["code", "mobile"] });
});

test("a captcha is shown, and its solution sent with the number", async () => {
  const { server, login } = begun({ server: { captcha: true } });
  const captcha = { provider: "altcha", challenge: { salt: "s" } };
  const asked = { ...NOTHING, next: ["captcha"], reason: "captcha_required", captcha };
  assert.deepEqual(await login.sendCode(MOBILES.alice), asked);
  assert.deepEqual(await login.sendCode(MOBILES.alice, { captcha: "wrong" }), { ...asked, reason: "bad_captcha" });
  assert.deepEqual(server.sent, []);
  assert.deepEqual((await login.sendCode(MOBILES.alice, { captcha: "solved" })).next, ["code", "mobile"]);
  assert.equal((await login.code(lastCode(server))).done, true);
});

test("another code, and a code to another number", async () => {
  const { server, login } = begun();
  await login.sendCode(MOBILES.alice);
  const old = lastCode(server);
  await login.sendCode(MOBILES.bob);
  assert.deepEqual(await refusal(login.code(old)), ["invalid_grant", "bad_code", 400]);
  assert.deepEqual(await login.code(lastCode(server)), SECOND);
});

// --- What is wrong --------------------------------------------------------------------------------------------------

test("a wrong factor leaves the login as it is", async () => {
  const { server, login } = begun();
  assert.deepEqual(await refusal(login.password("bob", "wrong")), ["invalid_grant", "bad_credentials", 400]);
  assert.deepEqual(await refusal(login.idToken("bob", "wrong")), ["invalid_grant", "bad_nonce", 400]);
  await withWeChat("bob", async () => {
    assert.deepEqual(await refusal(login.wechat({ phoneCode: "wrong" })), ["invalid_grant", "bad_phone_code", 400]);
  });
  assert.deepEqual(await login.password("bob", PASSWORD), SECOND);
  assert.deepEqual(await refusal(login.totp("000000")), ["invalid_grant", "bad_second_factor", 400]);
  assert.deepEqual(await refusal(login.recoveryCode("r-9")), ["invalid_grant", "bad_second_factor", 400]);
  const { passkeyOptions } = await login.passkeyOptions();
  const foreign = passkeyAnswer("alice", passkeyOptions.challenge);
  assert.deepEqual(await refusal(login.passkey(foreign)), ["invalid_grant", "bad_passkey", 400]);
  assert.equal((await login.totp(TOTP)).done, true);
  const sessions = new Set(server.steps().slice(4).map(({ auth_session }) => auth_session));
  assert.equal(sessions.size, 1);
});

test("limits, failures and refused clients leave the login as it is", async () => {
  const { server, login } = begun();
  await login.sendCode(MOBILES.alice);
  server.answers = [json(429, { error: "too_many_requests", reason: "limit_reached" }, { "retry-after": "7" })];
  await assert.rejects(login.sendCode(MOBILES.alice), (error) => error instanceof Refused && error.retryAfter === 7);
  server.answers = [json(503, { error: "temporarily_unavailable", reason: "store_unavailable" })];
  assert.deepEqual(await refusal(login.code("1")), ["temporarily_unavailable", "store_unavailable", 503]);
  server.answers = [json(401, { error: "invalid_client", reason: "bad_client" })];
  assert.deepEqual(await refusal(login.code("1")), ["invalid_client", "bad_client", 401]);
  server.answers = [json(400, { error: "unauthorized_client", reason: "grant_not_allowed" })];
  assert.deepEqual(await refusal(login.nextStep()), ["unauthorized_client", "grant_not_allowed", 400]);
  assert.equal((await login.code(lastCode(server))).done, true);
});

test("the session is the one of the last answer that had one", async () => {
  const { server, login } = begun();
  server.answers = [
    json(403, { error: "insufficient_authorization", auth_session: "first", next: ["code"] }),
    json(400, { error: "invalid_grant", reason: "bad_code" }),
    json(400, { error: "invalid_grant", reason: "bad_code", auth_session: "second" }),
    json(403, { error: "insufficient_authorization", auth_session: "third", next: ["totp"] }),
  ];
  await login.sendCode(MOBILES.alice);
  await refusal(login.code("1"));
  await refusal(login.code("2"));
  await login.code("3");
  assert.deepEqual(await refusal(login.totp("4")), ["invalid_session", "invalid_session", 400]);
  assert.deepEqual(server.steps().map(({ auth_session }) => auth_session), [undefined, "first", "first", "second", "third"]);
});

test("a session that the server does not know any more: the login begins anew", async () => {
  const { server, login } = begun();
  await login.password("bob", PASSWORD);
  server.answers = [json(400, { error: "invalid_session", error_description: "begin anew" })];
  await assert.rejects(login.totp(TOTP), (error) => {
    assert.ok(error instanceof InvalidSession);
    assert.deepEqual([error.name, error.error, error.description, error.status], ["InvalidSession", "invalid_session", "begin anew", 400]);
    return true;
  });
  const sent = server.log.length;
  for (const step of [login.totp(TOTP), login.code("1"), login.recoveryCode("r-1")]) {
    assert.deepEqual(await refusal(step), ["invalid_session", null, null]);
  }
  assert.equal(server.log.length, sent);
  assert.deepEqual(await login.password("bob", PASSWORD), SECOND);
  assert.equal((await login.totp(TOTP)).done, true);
  const [before, after] = server.steps().filter(({ username }) => username);
  assert.notEqual(before.code_challenge, after.code_challenge);
  assert.notEqual(before.nonce, after.nonce);
});

test("a step that needs one before it is not sent without it", async () => {
  const { server, login } = begun();
  for (const step of [login.code("1"), login.totp(TOTP), login.recoveryCode("r-1")]) {
    assert.deepEqual(await refusal(step), ["invalid_session", null, null]);
  }
  assert.deepEqual(server.log, []);
});

test("what is left empty, or needs another platform, is not sent", async () => {
  const { server, login } = begun();
  for (const step of [
    login.sendCode(""),
    login.code(""),
    login.password("", PASSWORD),
    login.password("alice", ""),
    login.idToken(""),
    login.passkey(""),
    login.totp(""),
    login.recoveryCode(""),
    login.wechat(),
    login.passkey(),
  ]) {
    await assert.rejects(step, TypeError);
  }
  assert.deepEqual(server.log, []);
});

test("no answer of the server's", async () => {
  const { server, lingpai, login } = begun();
  for (const strange of [
    { status: 200, headers: {}, body: "<html>" },
    json(200, null),
    json(200, {}),
    json(200, { authorization_code: 1 }),
    json(200, { access_token: "a" }),
  ]) {
    server.answers = [strange];
    await assert.rejects(login.password("alice", PASSWORD), BadAnswer);
  }
  server.answers = [{ status: 403, headers: {}, body: "<html>" }];
  assert.deepEqual(await refusal(login.password("alice", PASSWORD)), ["access_denied", null, 403]);
  server.answers = [json(403, { error: "insufficient_authorization", next: "code", captcha: 1, passkey_options: "a", resend_in: "5", reason: 7 })];
  assert.deepEqual(await login.nextStep(), NOTHING);
  assert.equal(await lingpai.tokens(), null);
});

test("ID tokens of another login, client or issuer are refused, and the login is over", async () => {
  for (const claims of [{ nonce: "another" }, { nonce: undefined }, { aud: "another" }, { iss: "https://evil.example" }, { sub: 7 }]) {
    const { lingpai, changes, login } = begun({ server: { claims } });
    await assert.rejects(login.password("alice", PASSWORD), BadAnswer, JSON.stringify(claims));
    assert.deepEqual([await lingpai.tokens(), changes], [null, []]);
  }
  const { lingpai, login } = begun({ scope: "" });
  assert.deepEqual((await login.password("alice", PASSWORD)).tokens.claims, null);
  assert.equal(await lingpai.accessToken(), "access-1");
});

// --- A browser ------------------------------------------------------------------------------------------------------

test("a login that has to go on in a browser: its request is there already", async () => {
  const loginStorage = memoryStorage();
  const { server, lingpai, login } = begun({ loginStorage, challenge: { redirectUri: REDIRECT, appState: { to: "/cart" } } });
  await assert.rejects(login.password("carol", PASSWORD), (error) => {
    assert.ok(error instanceof RedirectToWeb && error instanceof Refused);
    assert.deepEqual([error.error, error.description, error.reason, error.status], ["redirect_to_web", "go to the pages", "no_second_factor", 403]);
    assert.deepEqual([error.name, error.requestUri, error.expiresIn], ["RedirectToWeb", "urn:ietf:params:oauth:request_uri:1", 600]);
    return true;
  });
  const [{ redirect_uri, state, nonce, code_challenge, scope }] = server.steps();
  assert.equal(redirect_uri, REDIRECT);
  const url = new URL(await login.loginUrl());
  assert.equal(url.origin + url.pathname, `${ADDRESS}/oauth/authorize`);
  assert.deepEqual(Object.fromEntries(url.searchParams), { client_id: CLIENT, request_uri: "urn:ietf:params:oauth:request_uri:1" });
  const back = server.granted(state, { redirect_uri, nonce, code_challenge, scope, name: "carol" });
  const { tokens, appState } = await lingpai.finishLogin(back);
  assert.deepEqual([tokens.claims.preferred_username, appState], ["carol", { to: "/cart" }]);
  assert.deepEqual(await lingpai.tokens(), tokens);

  // The next login in the app is another one.
  assert.equal((await login.password("alice", PASSWORD)).done, true);
  assert.notEqual(server.steps()[1].state, state);
});

test("without a request of its own the browser gets a new one; without a redirect URI there is none", async () => {
  const { server, lingpai, login } = begun();
  await assert.rejects(login.password("carol", PASSWORD), (error) => {
    assert.deepEqual([error.name, error.requestUri, error.expiresIn], ["RedirectToWeb", null, null]);
    return true;
  });
  assert.deepEqual([server.steps()[0].redirect_uri, server.steps()[0].state], [undefined, undefined]);
  await assert.rejects(login.loginUrl(), TypeError);

  const other = lingpai.challenge({ redirectUri: REDIRECT, scope: "openid", maxAge: 60 });
  server.answers = [json(403, { error: "redirect_to_web" })];
  await assert.rejects(other.password("carol", PASSWORD), RedirectToWeb);
  const { state, nonce, code_challenge, ...asked } = Object.fromEntries(new URL(await other.loginUrl()).searchParams);
  assert.deepEqual(asked, {
    client_id: CLIENT,
    response_type: "code",
    redirect_uri: REDIRECT,
    scope: "openid",
    code_challenge_method: "S256",
    max_age: "60",
  });
  for (const [name, value] of Object.entries({ state, nonce, code_challenge })) assert.notEqual(value, server.steps()[1][name]);
});

test("a redirect URI that was named is named again for the tokens", async () => {
  const { server, login } = begun({ redirectUri: REDIRECT });
  assert.equal((await login.password("alice", PASSWORD)).done, true);
  assert.equal(server.log.at(-1)[1].redirect_uri, REDIRECT);
});

// --- Lost answers ---------------------------------------------------------------------------------------------------

/** Loses one request for which `when` holds: its answer, or all of it. */
const losing = (part, when) => {
  let lost = 0;
  return (path, form) => (when(path, form) && lost++ === 0 ? { [part]: new Timeout("no answer in time") } : null);
};

test("no step is sent again by itself", async () => {
  for (const [first, take] of Object.entries(FIRST_FACTORS)) {
    const { server, login } = begun();
    if (first === "code") {
      await login.sendCode(MOBILES.alice);
      server.log.length = 0;
    }
    server.options.lose = losing("before", () => true);
    await assert.rejects(first === "code" ? login.code("1") : take(login, "alice", server), Timeout);
    assert.equal(server.log.length, 1, first);
    assert.equal((await take(login, "alice", server)).done, true, first);
  }
});

test("the answer to a second factor is lost: taken again, the login begins anew", async () => {
  const { server, login } = begun();
  await login.password("bob", PASSWORD);
  server.options.lose = losing("after", (_, { totp }) => totp);
  await assert.rejects(login.totp(TOTP), TransportError);
  assert.deepEqual(await refusal(login.totp(TOTP)), ["invalid_session", "invalid_session", 400]);
  await login.password("bob", PASSWORD);
  assert.equal((await login.totp(TOTP)).done, true);
});

test("the answer to a number is lost: another code can be asked for", async () => {
  const { server, login } = begun();
  server.options.lose = losing("after", (_, { mobile }) => mobile);
  await assert.rejects(login.sendCode(MOBILES.alice), TransportError);
  assert.deepEqual(await refusal(login.code(lastCode(server))), ["invalid_session", null, null]);
  await login.sendCode(MOBILES.alice);
  assert.equal((await login.code(lastCode(server))).done, true);
});

test("the answer with the tokens is lost: the code is redeemed again", async () => {
  const { server, lingpai, login } = begun();
  server.options.lose = losing("after", (path) => path === "/oauth/token");
  const result = await login.password("alice", PASSWORD);
  assert.deepEqual(result, { done: true, tokens: await lingpai.tokens() });
  const [first, second, ...more] = server.log.slice(1);
  assert.deepEqual([first, more], [second, []]);
  assert.equal(server.redeemed, 1);
});

test("all answers with the tokens are lost: nobody is logged in, and the login begins anew", async () => {
  const { server, lingpai, changes, login } = begun();
  server.options.lose = (path) => (path === "/oauth/token" ? { after: new TransportError("no answer") } : null);
  await assert.rejects(login.password("alice", PASSWORD), TransportError);
  assert.equal(server.log.length, 4);
  assert.deepEqual([await lingpai.tokens(), changes], [null, []]);
  server.options.lose = () => null;
  assert.deepEqual(await refusal(login.code("1")), ["invalid_session", null, null]);
  assert.equal((await login.password("alice", PASSWORD)).done, true);
});

// --- At once --------------------------------------------------------------------------------------------------------

test("a step that is asked for twice at once is sent once", async () => {
  const { server, changes, login } = begun();
  const [sent, again] = await Promise.all([login.sendCode(MOBILES.alice), login.sendCode(MOBILES.alice)]);
  assert.equal(sent, again);
  assert.equal(server.sent.length, 1);
  const [first, second] = await Promise.all([login.code(lastCode(server)), login.code(lastCode(server))]);
  assert.equal(first, second);
  assert.equal(first.done, true);
  assert.deepEqual([server.log.length, changes], [3, ["access-1"]]);
  const refused = await Promise.allSettled([login.password("alice", "wrong"), login.password("alice", "wrong")]);
  assert.equal(refused[0].reason, refused[1].reason);
  assert.equal(server.log.length, 4);
  assert.deepEqual(await refusal(login.code(lastCode(server))), ["invalid_session", null, null]);
});

test("different steps at once are taken one after the other", async () => {
  const { server, login } = begun();
  const [wrong, right, second] = await Promise.allSettled([
    login.password("bob", "wrong"),
    login.password("bob", PASSWORD),
    login.totp(TOTP),
  ]);
  assert.deepEqual([wrong.reason.reason, right.value, second.value.done], ["bad_credentials", SECOND, true]);
  assert.equal(server.steps().length, 3);
});

test("two logins of one client do not know each other", async () => {
  const { server, lingpai, login } = begun();
  const other = lingpai.challenge();
  await Promise.all([login.password("bob", PASSWORD), other.sendCode(MOBILES.bob)]);
  assert.deepEqual(await other.code(lastCode(server)), SECOND);
  assert.equal((await login.totp(TOTP)).done, true);
  assert.equal((await other.recoveryCode("r-2")).done, true);
  assert.equal((await lingpai.tokens()).accessToken, "access-2");
});

test("`relogin` can be such a login", async () => {
  const { server, lingpai } = begun({
    relogin: async (lingpai) => {
      const result = await lingpai.challenge().password("alice", PASSWORD);
      return result.tokens;
    },
  });
  assert.deepEqual(await Promise.all([lingpai.accessToken(), lingpai.accessToken()]), ["access-1", "access-1"]);
  assert.equal(server.log.length, 2);
});

// --- Passkeys of a browser ------------------------------------------------------------------------------------------

/** A browser whose `navigator.credentials.get` is this one. */
async function withCredentials(get, work) {
  const descriptor = Object.getOwnPropertyDescriptor(globalThis, "navigator");
  Object.defineProperty(globalThis, "navigator", { value: { credentials: { get } }, configurable: true });
  try {
    return await work();
  } finally {
    if (descriptor) Object.defineProperty(globalThis, "navigator", descriptor);
    else delete globalThis.navigator;
  }
}

test("a browser is asked for a passkey, and its answer sent as JSON", async () => {
  const { server, login } = begun();
  const asked = [];
  const bytes = (text) => new TextEncoder().encode(text).buffer;
  const get = async ({ publicKey }) => {
    asked.push(publicKey);
    const clientDataJSON = bytes(JSON.stringify({ challenge: Buffer.from(publicKey.challenge).toString("base64url") }));
    const response = { clientDataJSON, authenticatorData: bytes("\u0001?"), signature: bytes("~"), userHandle: null };
    return { id: "_-8", rawId: new Uint8Array([255, 239]).buffer, type: "public-key", response };
  };
  await withCredentials(get, async () => {
    await login.password("bob", PASSWORD);
    // The fake knows people by the user handle, which this passkey has not.
    assert.deepEqual(await refusal(login.passkey()), ["invalid_grant", "bad_passkey", 400]);
  });
  const [{ challenge, allowCredentials, ...rest }] = asked;
  assert.deepEqual(rest, { rpId: "id.example.com", timeout: 60000, userVerification: "required" });
  assert.equal(Buffer.from(challenge).length, 36);
  assert.deepEqual(allowCredentials, [{ type: "public-key", id: new Uint8Array([98, 111, 98]), transports: [] }]);
  const { client_id, auth_session, passkey, ...nothing } = server.steps().at(-1);
  assert.deepEqual([client_id, typeof auth_session, nothing], [CLIENT, "string", {}]);
  const { id, rawId, type, response } = JSON.parse(passkey);
  const { clientDataJSON, ...others } = response;
  assert.deepEqual([id, rawId, type, others], ["_-8", "_-8", "public-key", { authenticatorData: "AT8", signature: "fg" }]);
  assert.deepEqual(JSON.parse(Buffer.from(clientDataJSON, "base64url")), { challenge: Buffer.from(challenge).toString("base64url") });
  assert.equal((await login.totp(TOTP)).done, true);
});

test("what the browser throws is thrown on, and the login goes on", async () => {
  const { server, login } = begun();
  await login.password("bob", PASSWORD);
  const nobody = new DOMException("nobody answered", "NotAllowedError");
  await withCredentials(() => Promise.reject(nobody), async () => {
    await assert.rejects(login.passkey(), (error) => error === nobody);
    server.answers = [json(403, { error: "insufficient_authorization", next: ["totp"] })];
    await assert.rejects(login.passkey(), BadAnswer);
  });
  assert.equal((await login.totp(TOTP)).done, true);
});

// --- Secrets --------------------------------------------------------------------------------------------------------

test("neither the login nor its errors show a secret", async () => {
  const { server, login } = begun({ challenge: { redirectUri: REDIRECT } });
  const errors = [];
  const kept = (work) => assert.rejects(work, (error) => errors.push(error) > 0);
  await kept(login.password("bob", "secret-1"));
  await kept(login.idToken("secret-2", "wrong"));
  await login.password("bob", PASSWORD);
  const under = login.totp("secret-3");
  assert.doesNotMatch(`${JSON.stringify(login)} ${inspect(login, { depth: 9 })}`, /secret-/);
  await kept(under);
  const { auth_session } = server.steps().at(-1);
  for (const text of [JSON.stringify(login), inspect(login, { depth: 9, showHidden: true })]) {
    assert.ok(!text.includes(auth_session) && !text.includes(server.steps()[0].nonce));
  }
  server.answers = [new Timeout("POST https://id.example.com/oauth/challenge: no answer in time")];
  await kept(login.recoveryCode("secret-4"));
  server.answers = [json(200, { secret: "secret-5" })];
  await kept(login.recoveryCode("secret-6"));
  server.answers = [json(400, { error: "invalid_session" })];
  await kept(login.totp("secret-7"));
  await kept(login.totp("secret-8"));
  await kept(login.password("carol", PASSWORD));
  assert.equal(errors.length, 8);
  for (const error of errors) {
    assert.ok(error instanceof LingpaiSDKError);
    assert.doesNotMatch(`${error.stack} ${JSON.stringify(error)}`, /secret-|correct horse|13800138/);
    assert.ok(!inspect(error).includes(auth_session));
  }
});
