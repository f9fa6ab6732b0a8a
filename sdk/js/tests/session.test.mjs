// The session: what is stored, renewed, sent and ended.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  BadAnswer,
  Lingpai,
  LingpaiSDKError,
  LoginRequired,
  Refused,
  StorageError,
  Timeout,
  TransportError,
  memoryStorage,
} from "../lingpai.mjs";
import { ADDRESS, CLIENT, fakeServer, idToken, json, settled } from "./support.mjs";

const EXPIRED = { expiresIn: -60 };

/** A client with a session, whose storage is `storage`. */
async function loggedIn(server, options = {}) {
  const storage = options.storage || memoryStorage();
  const lingpai = new Lingpai(ADDRESS, CLIENT, { storage, transport: server.transport, ...options });
  await lingpai.password("alice", "correct horse battery");
  server.log.length = 0;
  return lingpai;
}

const twenty = (work) => Promise.all(Array.from({ length: 20 }, (_, i) => work(i)));
const refused = (error, reason) => (found) =>
  found instanceof Refused && found.error === error && found.reason === reason;

test("a login stores the tokens; another object with this storage has the session", async () => {
  const server = fakeServer();
  const storage = memoryStorage();
  const changes = [];
  const first = new Lingpai(ADDRESS, CLIENT, {
    storage,
    transport: server.transport,
    scope: ["openid", "read"],
    onChange: (tokens) => changes.push(tokens && tokens.accessToken),
  });
  assert.equal(await first.tokens(), null);
  const before = Date.now();
  const tokens = await first.password("alice", "p&ss wörd=1");
  assert.deepEqual(server.log, [
    [
      "/oauth/token",
      { client_id: CLIENT, grant_type: "password", username: "alice", password: "p&ss wörd=1", scope: "openid read" },
    ],
  ]);
  assert.ok(tokens.expiresAt >= before + 3600_000 && tokens.expiresAt <= Date.now() + 3600_000);
  assert.deepEqual([tokens.scope, tokens.idToken, tokens.claims], [["openid", "read"], null, null]);

  const second = new Lingpai(ADDRESS, CLIENT, { storage, transport: server.transport });
  assert.deepEqual(await second.tokens(), tokens);
  assert.equal(await second.accessToken(), "access-1");
  assert.deepEqual(changes, ["access-1"]);
  const another = new Lingpai(ADDRESS, "another app", { storage, transport: server.transport });
  assert.equal(await another.tokens(), null);
});

test("codes and third parties' credentials log in", async () => {
  const server = fakeServer();
  const lingpai = new Lingpai(ADDRESS, CLIENT, { transport: server.transport });
  server.answers = [json(200, { status: 200 }), json(200, { status: 200 })];
  await lingpai.sendCode("+86 138", { purpose: "login" });
  await lingpai.verifyCode("138", "123456");
  await lingpai.mobileCode("138", "123456", { scope: "read" });
  await lingpai.sign("an ID token", { nonce: "n" });
  assert.deepEqual(server.log, [
    ["/mobile/code/get", { client_id: CLIENT, mobile: "+86 138", purpose: "login" }],
    ["/mobile/code/verify", { client_id: CLIENT, mobile: "138", code: "123456" }],
    ["/mobile/token", { client_id: CLIENT, mobile: "138", code: "123456", scope: "read" }],
    ["/sign/token", { client_id: CLIENT, sign: "an ID token", nonce: "n" }],
  ]);
  assert.equal(await lingpai.accessToken(), "access-2");
});

test("20 calls with an expired token refresh once", async () => {
  const server = fakeServer(EXPIRED);
  const lingpai = await loggedIn(server);
  server.answers = [json(200, { access_token: "access-2", refresh_token: "refresh-2", expires_in: 3600 })];
  assert.deepEqual(new Set(await twenty(() => lingpai.accessToken())), new Set(["access-2"]));
  assert.deepEqual(server.log, [
    ["/oauth/token", { client_id: CLIENT, grant_type: "refresh_token", refresh_token: "refresh-1" }],
  ]);
  const { scope } = await lingpai.tokens();
  assert.deepEqual(scope, ["openid", "read"]);
});

test("20 requests that are answered 401 refresh once, and are sent once more", async () => {
  const server = fakeServer();
  const lingpai = await loggedIn(server);
  server.generation = 2; // what this object has is out of date
  await twenty(async (i) => {
    for (let pause = 0; pause < i % 4; pause++) await settled();
    assert.deepEqual(await lingpai.request("/api"), { ok: true });
  });
  assert.equal(server.count("/oauth/token"), 1);
  assert.ok(server.count("/api") <= 40);
});

test("a second 401 is the answer", async () => {
  const server = fakeServer();
  const lingpai = await loggedIn(server);
  const no = json(401, { error: "invalid_token", error_description: "not here" });
  server.answers = [no, null, no];
  await assert.rejects(lingpai.request("/api"), refused("invalid_token", null));
  assert.deepEqual(server.log.map(([path]) => path), ["/api", "/oauth/token", "/api"]);
});

test("new tokens do not help where the user has to log in by stronger means", async () => {
  const server = fakeServer();
  const lingpai = await loggedIn(server);
  const error = "insufficient_user_authentication";
  for (const [parameters, stepUp] of [
    ['acr_values="2", max_age="600"', { acrValues: "2", maxAge: 600 }],
    ["max_age=0", { acrValues: undefined, maxAge: 0 }],
    ['acr_values="2 3"', { acrValues: "2 3", maxAge: undefined }],
  ]) {
    const challenge = `Bearer realm="a", error="${error}", error_description="a stronger login", ${parameters}`;
    server.answers = [json(401, { error }, { "www-authenticate": challenge })];
    await assert.rejects(lingpai.request("/api"), (found) => {
      assert.deepEqual([found.error, found.stepUp], [error, stepUp]);
      return refused(error, null)(found);
    });
  }
  assert.equal(server.count("/oauth/token"), 0);
  server.answers = [json(403, { error: "insufficient_scope" }, { "www-authenticate": 'Bearer error="insufficient_scope"' })];
  await assert.rejects(lingpai.request("/api"), (found) => found.stepUp === null);
});

test("two objects that share a storage with a lock refresh once", async () => {
  const server = fakeServer(EXPIRED);
  let queue = Promise.resolve();
  const lock = (_, work) => {
    const result = queue.then(work);
    queue = result.catch(() => {});
    return result;
  };
  const storage = { ...memoryStorage(), lock };
  const tabs = [await loggedIn(server, { storage }), new Lingpai(ADDRESS, CLIENT, { storage, transport: server.transport })];
  server.answers = [json(200, { access_token: "access-2", refresh_token: "refresh-2", expires_in: 3600 })];
  const found = await twenty((i) => tabs[i % 2].accessToken());
  assert.deepEqual(new Set(found), new Set(["access-2"]));
  assert.equal(server.log.length, 1);
});

test("without a lock two objects get the same tokens, and keep them", async () => {
  const server = fakeServer(EXPIRED);
  const storage = memoryStorage();
  const tabs = [await loggedIn(server, { storage }), new Lingpai(ADDRESS, CLIENT, { storage, transport: server.transport })];
  const found = await Promise.all(tabs.map((tab) => tab.refresh()));
  assert.deepEqual(found.map((each) => each.accessToken), ["access-2", "access-2"]);
  assert.equal(server.log.length, 2);
  assert.equal((await tabs[0].tokens()).refreshToken, "refresh-2");
});

test("a refusal because another tab was faster ends nothing", async () => {
  const server = fakeServer(EXPIRED);
  const storage = memoryStorage();
  const [first, second] = [await loggedIn(server, { storage }), new Lingpai(ADDRESS, CLIENT, { storage, transport: server.transport })];
  let newer;
  server.answers = [
    async () => {
      newer = await second.password("alice", "correct horse battery");
      return json(400, { error: "invalid_grant", reason: "bad_refresh_token" });
    },
  ];
  assert.deepEqual(await first.refresh(), newer);
});

test("a lost answer is asked for again", async () => {
  const server = fakeServer(EXPIRED);
  const lingpai = await loggedIn(server);
  const lose = async () => {
    server.generation += 1;
    throw new Timeout("POST /oauth/token: no answer in time");
  };
  server.answers = [lose, json(502, {})];
  assert.equal((await lingpai.refresh()).refreshToken, "refresh-2");
  assert.deepEqual(new Set(server.log.map(([, form]) => form.refresh_token)), new Set(["refresh-1"]));
  assert.equal(server.log.length, 3);
});

test("if all answers are lost the tokens stay, and the next call tries again", async () => {
  const server = fakeServer(EXPIRED);
  const lingpai = await loggedIn(server);
  server.answers = [1, 2, 3].map(() => new TransportError("POST /oauth/token: no answer"));
  await assert.rejects(Promise.all([lingpai.accessToken(), lingpai.accessToken()]), TransportError);
  assert.equal(server.log.length, 3);
  assert.equal(await lingpai.accessToken(), "access-2");
});

test("a 503 is waited for if that is short; a 429 is not sent again", async () => {
  const server = fakeServer(EXPIRED);
  const lingpai = await loggedIn(server);
  server.answers = [json(503, { error: "temporarily_unavailable" }, { "retry-after": "0" })];
  assert.equal((await lingpai.refresh()).accessToken, "access-2");
  assert.equal(server.log.length, 2);
  const slow = { error: "temporarily_unavailable", reason: "store_unavailable" };
  server.answers = [json(503, slow, { "retry-after": "60" })];
  await assert.rejects(lingpai.refresh(), refused("temporarily_unavailable", "store_unavailable"));
  const limited = { error: "too_many_requests", reason: "refreshed_too_often" };
  server.answers = [json(429, limited, { "retry-after": "7" })];
  await assert.rejects(lingpai.refresh(), (error) => error.retryAfter === 7 && error.status === 429);
  assert.equal(server.log.length, 4);
  assert.equal((await lingpai.tokens()).refreshToken, "refresh-2");
});

test("logins are never repeated: a code may be used up", async () => {
  const server = fakeServer();
  const lingpai = new Lingpai(ADDRESS, CLIENT, { transport: server.transport });
  for (const login of [() => lingpai.mobileCode("138", "123456"), () => lingpai.password("a", "b"), () => lingpai.sendCode("138")]) {
    server.answers = [new TransportError("no answer")];
    await assert.rejects(login(), TransportError);
  }
  assert.equal(server.log.length, 3);
});

test("a session that has ended is forgotten", async () => {
  const changes = [];
  const server = fakeServer(EXPIRED);
  const lingpai = await loggedIn(server, { onChange: (tokens) => changes.push(tokens) });
  server.ended = true;
  await assert.rejects(
    lingpai.accessToken(),
    (error) => error instanceof LoginRequired && error.reason === "bad_refresh_token",
  );
  assert.equal(await lingpai.tokens(), null);
  assert.equal(changes.at(-1), null);
  await assert.rejects(lingpai.request("/api"), (error) => error instanceof LoginRequired && error.reason === null);
  assert.equal(server.log.length, 1);
});

test("a session without a refresh token ends with its access token", async () => {
  const server = fakeServer();
  const lingpai = new Lingpai(ADDRESS, CLIENT, { transport: server.transport });
  server.answers = [json(200, { access_token: "only", expires_in: 1 })];
  await lingpai.sign("somebody");
  await assert.rejects(lingpai.accessToken(), LoginRequired);
  assert.equal(await lingpai.tokens(), null);
});

test("`relogin` logs in again, once for all callers", async () => {
  const server = fakeServer();
  const relogin = (lingpai) => lingpai.sign("a fresh code");
  const lingpai = new Lingpai(ADDRESS, CLIENT, { transport: server.transport, relogin });
  await twenty(() => lingpai.request("/api"));
  assert.equal(server.count("/sign/token"), 1);

  const failing = new Lingpai(ADDRESS, CLIENT, {
    transport: server.transport,
    relogin: () => Promise.reject(new Error("the user went away")),
  });
  await assert.rejects(failing.accessToken(), /the user went away/);
});

test("a logout waits for the renewal under way, and revokes the new tokens", async () => {
  const server = fakeServer(EXPIRED);
  const lingpai = await loggedIn(server);
  const renewed = lingpai.refresh();
  while (server.log.length === 0) await settled();
  await Promise.all([renewed, lingpai.logout()]);
  assert.deepEqual(server.log.at(-1), ["/oauth/revoke", { client_id: CLIENT, token: "refresh-2" }]);
  assert.equal(await lingpai.tokens(), null);
  await lingpai.logout();
  assert.equal(server.count("/oauth/revoke"), 1);
});

test("a logout that the server does not hear of is one on this device", async () => {
  const server = fakeServer();
  const lingpai = await loggedIn(server);
  server.answers = [1, 2, 3].map(() => new TransportError("no answer"));
  await assert.rejects(lingpai.logout(), TransportError);
  assert.equal(await lingpai.tokens(), null);
});

test("the address to log out at names the client and the ID token", async () => {
  const server = fakeServer({ claims: {} });
  const lingpai = await loggedIn(server, { postLogoutRedirectUri: "https://app.example/" });
  server.answers = [json(503, { error: "temporarily_unavailable" }, { "retry-after": "60" })];
  const url = new URL(await lingpai.logoutUrl({ state: "s" }));
  assert.equal(url.origin + url.pathname, `${ADDRESS}/oauth/logout`);
  assert.deepEqual(Object.fromEntries(url.searchParams), {
    client_id: CLIENT,
    id_token_hint: idToken({}),
    post_logout_redirect_uri: "https://app.example/",
    state: "s",
  });
  assert.equal(await lingpai.tokens(), null);
});

// --- Storage --------------------------------------------------------------------------------------------------------

test("a storage may be asynchronous", async () => {
  const kept = memoryStorage();
  const storage = {
    get: async (key) => kept.get(key),
    set: async (key, value) => kept.set(key, value),
    remove: async (key) => kept.remove(key),
  };
  const server = fakeServer(EXPIRED);
  const lingpai = await loggedIn(server, { storage });
  server.answers = [json(200, { access_token: "new", refresh_token: "refresh-2", expires_in: 3600 })];
  await twenty(() => lingpai.accessToken());
  assert.equal(server.log.length, 1);
  await lingpai.logout();
  assert.equal(await lingpai.tokens(), null);
});

test("tokens that cannot be stored are kept in the memory; what was stored is removed", async () => {
  const kept = memoryStorage();
  const full = new Error("quota exceeded");
  let broken = false;
  const storage = {
    ...kept,
    set: (key, value) => {
      if (broken) throw full;
      kept.set(key, value);
    },
  };
  const errors = [];
  const server = fakeServer();
  const lingpai = await loggedIn(server, { storage, onStorageError: (error) => errors.push(error) });
  broken = true;
  assert.equal((await lingpai.refresh()).accessToken, "access-2");
  assert.ok(errors[0] instanceof StorageError && errors[0].cause === full);
  assert.deepEqual(await lingpai.request("/api"), { ok: true });
  assert.equal(await new Lingpai(ADDRESS, CLIENT, { storage }).tokens(), null);

  broken = false;
  await lingpai.refresh();
  assert.equal((await new Lingpai(ADDRESS, CLIENT, { storage }).tokens()).accessToken, "access-3");
  assert.equal(errors.length, 1);
});

test("a storage that cannot be read is an error, not a logout", async () => {
  const server = fakeServer();
  const blocked = () => {
    throw new Error("access is denied");
  };
  const storage = { get: blocked, set: blocked, remove: blocked };
  const errors = [];
  const onStorageError = (error) => errors.push(error.message);
  const lingpai = new Lingpai(ADDRESS, CLIENT, { storage, transport: server.transport, onStorageError });
  await assert.rejects(lingpai.tokens(), StorageError);
  await assert.rejects(lingpai.accessToken(), StorageError);
  await lingpai.password("alice", "correct horse battery");
  assert.equal(await lingpai.accessToken(), "access-1");
  assert.deepEqual(errors, ["could not store the tokens", "could not remove the tokens"]);
  await lingpai.logout();
  await assert.rejects(lingpai.accessToken(), StorageError);
  assert.equal(server.count("/oauth/revoke"), 1);
});

test("what is stored and cannot be understood is nobody's session", async () => {
  for (const text of ["", "{", "null", "[]", '{"accessToken":1}']) {
    const storage = { get: () => text, set() {}, remove() {} };
    assert.equal(await new Lingpai(ADDRESS, CLIENT, { storage }).tokens(), null);
  }
});

// --- Requests -------------------------------------------------------------------------------------------------------

test("bodies, methods and headers", async () => {
  const server = fakeServer();
  const asked = [];
  const lingpai = await loggedIn(server, { language: "en", apis: ["https://api.example.com"] });
  const answer = (request) => {
    asked.push(request);
    return { status: 200, headers: {}, body: "plain text" };
  };
  server.answers = [answer, answer, answer, answer];
  assert.equal(await lingpai.request("/api"), "plain text");
  await lingpai.request("https://api.example.com/a?b=c", { form: { a: "1 2", b: "ü&" } });
  await lingpai.request("/api", { json: { a: [1] }, method: "PUT", headers: { "x-trace": "t" } });
  await lingpai.request("/api", { body: "<a/>", headers: { "content-type": "application/xml" } });
  const common = { accept: "application/json", "accept-language": "en", authorization: "Bearer access-1" };
  const form = { "content-type": "application/x-www-form-urlencoded" };
  assert.deepEqual(asked, [
    { method: "GET", url: `${ADDRESS}/api`, headers: common, body: undefined, timeout: 15000 },
    { method: "POST", url: "https://api.example.com/a?b=c", headers: { ...common, ...form }, body: "a=1%202&b=%C3%BC%26", timeout: 15000 },
    { method: "PUT", url: `${ADDRESS}/api`, headers: { ...common, "content-type": "application/json", "x-trace": "t" }, body: '{"a":[1]}', timeout: 15000 },
    { method: "POST", url: `${ADDRESS}/api`, headers: { ...common, "content-type": "application/xml" }, body: "<a/>", timeout: 15000 },
  ]);
});

test("refusals are read as the server writes them", async () => {
  const server = fakeServer();
  const lingpai = await loggedIn(server);
  const cases = [
    [json(400, { error: "invalid_scope", error_description: "no", reason: "bad_scope" }), "invalid_scope", "no", "bad_scope"],
    [json(401, { error: "invalid_credentials", message: "no" }), "invalid_credentials", "no", null],
    [json(403, { status: 403, error: "请重新登录", reason: "recent_login_required" }), "access_denied", "请重新登录", "recent_login_required"],
    [json(404, { message: "Not Found" }), "not_found", "Not Found", null],
    [{ status: 418, headers: {}, body: "<h1>" }, "http_418", "", null],
  ];
  for (const [answer, error, description, reason] of cases) {
    server.answers = [answer];
    await assert.rejects(lingpai.password("a", "b"), (found) => {
      assert.deepEqual([found.name, found.error, found.description, found.reason], ["Refused", error, description, reason]);
      assert.deepEqual([found.status, found.retryAfter], [answer.status, null]);
      return true;
    });
  }
  const captcha = { provider: "altcha", challenge: { parameters: {}, signature: "s" } };
  server.answers = [json(403, { status: 403, error: "请先完成验证", reason: "captcha_required", captcha }), json(200, { status: 200 })];
  await assert.rejects(lingpai.sendCode("138"), (error) => {
    assert.deepEqual([error.reason, error.captcha], ["captcha_required", captcha]);
    return true;
  });
  await lingpai.sendCode("138", { captcha: "solved" });
  assert.deepEqual(server.log.at(-1), ["/mobile/code/get", { client_id: CLIENT, mobile: "138", captcha: "solved" }]);
  server.answers = [json(429, { error: "too_many_requests" }, { "retry-after": new Date(Date.now() + 60000).toUTCString() })];
  await assert.rejects(lingpai.sendCode("138"), (error) => error.retryAfter > 50 && error.retryAfter <= 60);
  for (const strange of [{ status: 200, headers: {}, body: "<html>" }, json(200, null), json(200, { status: 1 })]) {
    server.answers = [strange];
    await assert.rejects(lingpai.password("a", "b"), BadAnswer);
  }
});

test("the token goes to no other origin", async () => {
  const server = fakeServer();
  const lingpai = await loggedIn(server, { apis: ["https://api.example.com/v1"] });
  for (const url of [
    "https://evil.example/",
    "http://id.example.com/api",
    "https://id.example.com:8443/api",
    "https://id.example.com.evil.example/",
    "https://id.example.com@evil.example/",
    "https://api.example.com\\@evil.example/",
    "https://api.example.com\t.evil.example/",
    "api",
    "",
  ]) {
    await assert.rejects(lingpai.request(url), TypeError, url);
    if (URL.canParse(url) && !new URL(url).href.startsWith("https://api.example.com/")) {
      await assert.rejects(lingpai.fetch(url), TypeError, url);
    }
  }
  assert.deepEqual(server.log, []);
});

test("addresses of the server", () => {
  const address = (url, options) => new Lingpai(url, CLIENT, options).baseUrl;
  assert.equal(address("https://id.example.com/"), ADDRESS);
  assert.equal(address("https://id.example.com/auth"), `${ADDRESS}/auth`);
  assert.equal(address("http://127.0.0.1:3000"), "http://127.0.0.1:3000");
  assert.equal(address("http://[::1]:3000"), "http://[::1]:3000");
  assert.equal(address("http://id.example.com", { allowHttp: true }), "http://id.example.com");
  for (const wrong of ["", "id.example.com", "http://id.example.com", "ftp://id.example.com", "https://a@b.example", "https://id.example.com?a=b", "https://id.example.com#a", "https://id example.com"]) {
    assert.throws(() => address(wrong), TypeError, wrong);
  }
  assert.throws(() => new Lingpai(ADDRESS, ""), TypeError);
  for (const api of ["api.example.com", "http://api.example.com", "https://a@b.example"]) {
    assert.throws(() => new Lingpai(ADDRESS, CLIENT, { apis: [api] }), TypeError, api);
  }
});

test("no error holds a secret", async () => {
  const server = fakeServer();
  const lingpai = await loggedIn(server);
  const errors = [];
  const kept = async (work) => assert.rejects(work, (error) => errors.push(error) > 0);
  server.answers = [new Timeout("POST https://id.example.com/oauth/token: no answer in time")];
  await kept(lingpai.password("alice", "secret-1"));
  server.answers = [json(400, { error: "invalid_grant", reason: "bad_code" })];
  await kept(lingpai.mobileCode("13800138000", "secret-2"));
  await kept(lingpai.request("https://evil.example/?secret-3"));
  await kept(lingpai.finishLogin("https://app.example/?state=secret-4&code=secret-5"));
  server.answers = [json(200, { access_token: "access", id_token: idToken({ aud: "secret-6" }) })];
  await kept(lingpai.sign("secret-7"));
  assert.equal(errors.length, 5);
  for (const error of errors) {
    assert.ok(error instanceof LingpaiSDKError || error instanceof TypeError);
    assert.doesNotMatch(`${error.stack} ${JSON.stringify(error)}`, /secret-|access-|refresh-|13800138000/);
  }
});
