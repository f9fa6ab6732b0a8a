// What differs from platform to platform: sending, storing, locking, random numbers.

import assert from "node:assert/strict";
import http from "node:http";
import { after, before, mock, test } from "node:test";

import {
  Lingpai,
  LingpaiSDKError,
  Timeout,
  TransportError,
  appStorage,
  appTransport,
  fetchTransport,
  webStorage,
} from "../lingpai.mjs";
import { PASSWORD, TOTP, challengeServer } from "./challenge-server.mjs";
import { ADDRESS, CLIENT, json } from "./support.mjs";

// --- A server that answers by the path ---

const asked = [];
let address;
const server = http.createServer(async (request, response) => {
  let body = "";
  for await (const piece of request) body += piece;
  const path = request.url.split("?")[0];
  asked.push({ method: request.method, path, authorization: request.headers.authorization, body });
  const send = (status, content, headers = {}) => response.writeHead(status, headers).end(JSON.stringify(content));
  if (path === "/redirect") return send(307, {}, { location: `${address}/elsewhere` });
  if (path === "/silence") return;
  if (path === "/oauth/token") return send(200, { access_token: "new", refresh_token: "r", expires_in: 60 }, { "X-Trace": "t" });
  if (request.headers.authorization === "Bearer new") return send(200, { body });
  return send(401, { error: "invalid_token" }, { "www-authenticate": "Bearer" });
});
before(async () => {
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  address = `http://127.0.0.1:${server.address().port}`;
});
after(() => {
  server.closeAllConnections();
  server.close();
});

/** A client whose access token the server does not take. */
function outOfDate() {
  const tokens = { accessToken: "old", refreshToken: "r", expiresAt: Date.now() + 60_000, scope: [], idToken: null };
  const kept = { value: JSON.stringify(tokens) };
  const storage = { get: () => kept.value, set: (_, value) => (kept.value = value), remove() {} };
  asked.length = 0;
  return new Lingpai(address, CLIENT, { storage });
}

test("fetch sends a body again after a renewal, whatever it is", async () => {
  const stream = () => new ReadableStream({ start: (to) => (to.enqueue(new TextEncoder().encode("streamed")), to.close()) });
  for (const [input, init, text] of [
    [`${address}/a`, { method: "POST", body: "text" }, "text"],
    [new URL(`${address}/a`), { method: "PUT", body: new Uint8Array([111, 107]) }, "ok"],
    [new Request(`${address}/a`, { method: "POST", body: "of a Request" }), undefined, "of a Request"],
    [`${address}/a`, { method: "POST", body: stream(), duplex: "half" }, "streamed"],
  ]) {
    const lingpai = outOfDate();
    const answer = await lingpai.fetch(input, init);
    assert.deepEqual([answer.status, await answer.json()], [200, { body: text }]);
    const calls = asked.filter(({ path }) => path === "/a");
    assert.deepEqual(calls.map(({ authorization, body }) => [authorization, body]), [["Bearer old", text], ["Bearer new", text]]);
  }
});

test("fetch gives a refusal back as it is", async () => {
  const lingpai = outOfDate();
  await lingpai.refresh();
  mock.method(globalThis, "fetch", async () => new Response("no", { status: 403 }));
  try {
    assert.equal((await lingpai.fetch(`${address}/a`)).status, 403);
  } finally {
    mock.restoreAll();
  }
});

test("by fetch: headers in lower case, no redirect, a timeout, no connection", async () => {
  const send = fetchTransport();
  const request = { method: "POST", url: `${address}/oauth/token?secret`, headers: {}, body: "a=b", timeout: 20_000 };
  const answer = await send(request);
  assert.deepEqual([answer.status, answer.headers["x-trace"], JSON.parse(answer.body).access_token], [200, "t", "new"]);
  asked.length = 0;
  await assert.rejects(send({ ...request, url: `${address}/redirect` }), TransportError);
  assert.deepEqual(asked.map(({ path }) => path), ["/redirect"]);
  const isLate = (error) => error instanceof Timeout && error.message === `POST ${address}/silence: no answer in time`;
  await assert.rejects(send({ ...request, url: `${address}/silence?secret`, timeout: 50 }), isLate);
  const isLost = (error) => error.name === "TransportError" && !/secret/.test(error.message);
  await assert.rejects(send({ ...request, url: "http://127.0.0.1:9/?secret" }), isLost);
});

// --- Mini-programs ---

/** A platform whose `request` calls one of its callbacks with this. */
function app(callback, result) {
  const kept = new Map();
  const calls = [];
  return {
    calls,
    request(options) {
      calls.push(options);
      setTimeout(() => options[callback](result));
    },
    login: ({ success }) => success({ code: "a code" }),
    getStorageSync: (key) => (kept.has(key) ? kept.get(key) : ""),
    setStorageSync: (key, value) => kept.set(key, value),
    removeStorageSync: (key) => kept.delete(key),
  };
}

test("by wx.request: what is sent, and what comes back", async () => {
  const request = { method: "POST", url: "https://id.example.com/a?secret", headers: { "x-a": "b" }, body: "c=d", timeout: 7 };
  const platform = app("success", { statusCode: 429, header: { "Retry-After": 5 }, data: '{"error":"e"}' });
  assert.deepEqual(await appTransport(platform)(request), { status: 429, headers: { "retry-after": "5" }, body: '{"error":"e"}' });
  const { success, fail, ...sent } = platform.calls[0];
  assert.deepEqual(sent, { method: "POST", url: request.url, header: { "x-a": "b" }, data: "c=d", timeout: 7, dataType: "text" });

  const parsed = app("success", { statusCode: 200, header: {}, data: { a: 1 } });
  assert.equal((await appTransport(parsed)(request)).body, '{"a":1}');
  const late = appTransport(app("fail", { errMsg: "request:fail timeout" }))(request);
  await assert.rejects(late, (error) => error instanceof Timeout && !/secret/.test(error.message));
  const lost = appTransport(app("fail", { errMsg: "request:fail" }))(request);
  await assert.rejects(lost, (error) => error.name === "TransportError");
});

test("uni is used by itself, and its storage keeps the session", async () => {
  const answer = json(200, { access_token: "a", refresh_token: "r", expires_in: 60 });
  globalThis.uni = app("success", { statusCode: 200, header: {}, data: answer.body });
  try {
    await new Lingpai("https://id.example.com", CLIENT).wxLogin();
    assert.equal(uni.calls[0].url, "https://id.example.com/sign/token");
    assert.equal(uni.calls[0].data, "client_id=app&sign=a%20code");
    assert.equal(await new Lingpai("https://id.example.com", CLIENT).accessToken(), "a");
    assert.equal(await new Lingpai("https://id.example.com", CLIENT, { storage: appStorage(app()) }).tokens(), null);
  } finally {
    delete globalThis.uni;
  }
  await assert.rejects(new Lingpai("https://id.example.com", CLIENT).wxLogin(), TypeError);
});

/** Runs the work as in a mini-program: with this `wx`, and without what browsers and Node have. */
async function inMiniProgram(platform, work) {
  const names = ["crypto", "fetch", "navigator", "URL", "URLSearchParams", "TextEncoder", "TextDecoder", "atob", "btoa"];
  const kept = names.map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)]);
  for (const name of names) delete globalThis[name];
  globalThis.wx = platform;
  try {
    return await work();
  } finally {
    delete globalThis.wx;
    for (const [name, descriptor] of kept) if (descriptor) Object.defineProperty(globalThis, name, descriptor);
  }
}

test("a login in steps in a mini-program: random numbers, requests and storage are those of wx", async () => {
  const { URL, URLSearchParams, crypto } = globalThis;
  const server = challengeServer();
  const answer = async ({ url, method, header, data }) => {
    Object.assign(globalThis, { URL, URLSearchParams });
    const { status, headers, body } = await server.transport({ url, method, headers: header, body: data });
    delete globalThis.URL;
    delete globalThis.URLSearchParams;
    return { statusCode: status, header: headers, data: body };
  };
  const platform = {
    ...app(),
    request: (options) => answer(options).then(options.success),
    login: ({ success }) => success({ code: "js of bob" }),
    getRandomValues: ({ length, success }) => success({ randomValues: crypto.getRandomValues(new Uint8Array(length)).buffer }),
  };
  await inMiniProgram(platform, async () => {
    const lingpai = new Lingpai(ADDRESS, CLIENT, { scope: "openid" });
    const login = lingpai.challenge();
    const { done, next } = await login.wechat({ phoneCode: "phone code" });
    assert.deepEqual([done, next], [false, ["totp", "passkey", "recovery_code"]]);
    await assert.rejects(login.passkey(), TypeError);
    const result = await login.totp(TOTP);
    assert.equal(result.tokens.claims.preferred_username, "bob");
    assert.equal(JSON.parse(platform.getStorageSync(`lingpai:${CLIENT}@${ADDRESS}`)).accessToken, "access-1");
  });
  const { js_code, phone_code } = server.steps()[0];
  assert.deepEqual([js_code, phone_code], ["js of bob", "phone code"]);
});

test("wx.login that gives no code sends nothing", async () => {
  const server = challengeServer();
  const platform = { ...app(), login: ({ fail }) => fail({ errMsg: "login:fail" }) };
  globalThis.wx = platform;
  try {
    const login = new Lingpai(ADDRESS, CLIENT, { transport: server.transport }).challenge();
    await assert.rejects(login.wechat(), TransportError);
    assert.equal((await login.password("alice", PASSWORD)).done, true);
    assert.deepEqual(server.log.map(([path]) => path), ["/oauth/challenge", "/oauth/token"]);
  } finally {
    delete globalThis.wx;
  }
});

test("without random numbers for cryptography there is no login in a browser", async () => {
  const descriptor = Object.getOwnPropertyDescriptor(globalThis, "crypto");
  delete globalThis.crypto;
  try {
    const lingpai = new Lingpai("https://id.example.com", CLIENT, { redirectUri: "https://app.example/" });
    await assert.rejects(lingpai.loginUrl(), LingpaiSDKError);
    await assert.rejects(lingpai.challenge().password("alice", PASSWORD), LingpaiSDKError);
  } finally {
    Object.defineProperty(globalThis, "crypto", descriptor);
  }
});

// --- Locks of browsers ---

/** `navigator.locks` with this `request`, as long as the work lasts; others hold the locks of these names. */
async function withLocks(request, work, ...held) {
  const descriptor = Object.getOwnPropertyDescriptor(globalThis, "navigator");
  const query = async () => ({ held: held.map((name) => ({ name })), pending: [] });
  Object.defineProperty(globalThis, "navigator", { value: { locks: { request, query } }, configurable: true });
  try {
    return await work();
  } finally {
    if (descriptor) Object.defineProperty(globalThis, "navigator", descriptor);
    else delete globalThis.navigator;
  }
}

test("a lock is taken for what is stored in all tabs, and its errors are those of the work", async () => {
  const names = [];
  const granted = (name, _, work) => {
    names.push(name);
    return work();
  };
  const { lock } = webStorage("local");
  await withLocks(granted, async () => {
    assert.equal(await lock("a name", async () => 7), 7);
    let times = 0;
    const work = async () => {
      times += 1;
      throw new Error("refused");
    };
    await assert.rejects(lock("a name", work), /refused/);
    assert.equal(times, 1);
  });
  assert.deepEqual(names, ["a name", "a name"]);
  assert.equal(webStorage("session").lock, undefined);
  assert.equal(await lock("a name", async () => 8), 8);
});

test("what another tab has stored arrives before the work begins", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const granted = (_name, _options, work) => work();
  try {
    for (const [held, wait] of [["a name", 100], ["another name", 0]]) {
      let begun = false;
      const locked = () => webStorage("local").lock("a name", async () => (begun = true));
      await withLocks(
        granted,
        async () => {
          const waiting = locked();
          await turns();
          assert.equal(begun, wait === 0);
          mock.timers.tick(wait);
          assert.equal(await waiting, true);
        },
        held,
      );
    }
  } finally {
    mock.timers.reset();
  }
});

/** Lets everything run that waits for no timer. */
const turns = () => new Promise((resolve) => setImmediate(resolve));

test("a tab that sleeps with the lock holds nobody up for ever", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const never = (_, { signal }) =>
    new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  try {
    await withLocks(never, async () => {
      let done = false;
      const waiting = webStorage("local").lock("a name", async () => (done = true));
      await turns();
      mock.timers.tick(29_999);
      await turns();
      assert.equal(done, false);
      mock.timers.tick(1);
      assert.equal(await waiting, true);
    });
  } finally {
    mock.timers.reset();
  }
});
