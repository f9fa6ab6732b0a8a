// The login in a browser: PKCE, state, issuer, ID token.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { test } from "node:test";

import { BadAnswer, Lingpai, Refused, StorageError, TransportError, memoryStorage, sha256 } from "../lingpai.mjs";
import { ADDRESS, CLIENT, fakeServer, idToken, json } from "./support.mjs";

const REDIRECT = "https://app.example/callback?from=lingpai";

/** A client, and a login that it has begun. `answer` makes the address that the browser comes back to. */
async function begun(login = {}, options = {}) {
  const server = fakeServer();
  const lingpai = new Lingpai(ADDRESS, CLIENT, { redirectUri: REDIRECT, scope: "openid", transport: server.transport, ...options });
  const url = new URL(await lingpai.loginUrl(login));
  const asked = Object.fromEntries(url.searchParams);
  const answer = (changes = {}) => {
    const query = new URLSearchParams({ code: "the code", state: asked.state, iss: ADDRESS, ...changes });
    return `${REDIRECT}&${query}#fragment`;
  };
  const issues = (claims) => {
    server.answers = [json(200, { access_token: "a", refresh_token: "r", expires_in: 60, id_token: idToken({ nonce: asked.nonce, ...claims }) })];
  };
  return { server, lingpai, url, asked, answer, issues };
}

test("SHA-256 as Node has it", () => {
  for (let length = 0; length < 300; length++) {
    const message = randomBytes(length);
    assert.deepEqual(Buffer.from(sha256(message)), createHash("sha256").update(message).digest());
  }
  const long = randomBytes(100_000);
  assert.deepEqual(Buffer.from(sha256(long)), createHash("sha256").update(long).digest());
});

test("the request has everything that was asked for", async () => {
  const { url, asked } = await begun({
    scope: ["openid", "phone"],
    prompt: "login",
    loginHint: "alice",
    uiLocales: "zh",
    maxAge: 0,
    acrValues: "2",
    resource: ["https://a.example", "https://b.example"],
  });
  const { state, nonce, code_challenge, resource, ...rest } = asked;
  assert.equal(url.origin + url.pathname, `${ADDRESS}/oauth/authorize`);
  assert.deepEqual(url.searchParams.getAll("resource"), ["https://a.example", "https://b.example"]);
  assert.ok(resource);
  assert.deepEqual(rest, {
    response_type: "code",
    client_id: CLIENT,
    redirect_uri: REDIRECT,
    scope: "openid phone",
    code_challenge_method: "S256",
    prompt: "login",
    login_hint: "alice",
    ui_locales: "zh",
    max_age: "0",
    acr_values: "2",
  });
  const others = (await begun()).asked;
  for (const value of [state, nonce, code_challenge]) assert.match(value, /^[\w-]{43}$/);
  assert.equal(new Set([state, nonce, code_challenge, others.state, others.nonce, others.code_challenge]).size, 6);
});

test("a login is finished by the code and its verifier", async () => {
  const { server, lingpai, asked, answer, issues } = await begun({ appState: { to: "/cart", 数: 1 } });
  issues({ sub: "42", name: "爱丽丝", auth_time: 5 });
  const { tokens, appState } = await lingpai.finishLogin(answer());
  assert.deepEqual(appState, { to: "/cart", 数: 1 });
  assert.deepEqual([tokens.claims.sub, tokens.claims.name], ["42", "爱丽丝"]);
  const [[path, form]] = server.log;
  const { code_verifier, ...rest } = form;
  assert.equal(path, "/oauth/token");
  assert.deepEqual(rest, { client_id: CLIENT, grant_type: "authorization_code", code: "the code", redirect_uri: REDIRECT });
  // RFC 7636 sections 4.1 and 4.2.
  assert.match(code_verifier, /^[A-Za-z0-9._~-]{43,128}$/);
  assert.equal(createHash("sha256").update(code_verifier).digest("base64url"), asked.code_challenge);
  assert.deepEqual(await lingpai.tokens(), tokens);
});

test("an address without an answer is none", async () => {
  const { server, lingpai, asked } = await begun();
  for (const address of [REDIRECT, "https://app.example/", `${REDIRECT}&state=${asked.state}`, `${REDIRECT}&code=1`, `${REDIRECT}#code=1&state=${asked.state}`]) {
    assert.equal(await lingpai.finishLogin(address), null);
  }
  assert.deepEqual(server.log, []);
});

test("asked twice at once, the code is redeemed once; later the login is over", async () => {
  const { server, lingpai, answer, issues } = await begun();
  issues({});
  const [first, second] = await Promise.all([lingpai.finishLogin(answer()), lingpai.finishLogin(answer())]);
  assert.equal(first, second);
  assert.equal(server.log.length, 1);
  const again = new Lingpai(ADDRESS, CLIENT, { transport: server.transport });
  await assert.rejects(again.finishLogin(answer()), BadAnswer);
  assert.equal(server.log.length, 1);
});

test("a foreign answer is refused, and does not end the login", async () => {
  const { server, lingpai, answer, issues } = await begun();
  await assert.rejects(lingpai.finishLogin(answer({ state: "of an attacker" })), BadAnswer);
  await assert.rejects(lingpai.finishLogin("https://app.example/?state=a&code=%E0%A4"), BadAnswer);
  assert.deepEqual(server.log, []);
  issues({});
  assert.ok(await lingpai.finishLogin(answer()));
});

test("an answer of another issuer, or of none, is refused (RFC 9207)", async () => {
  for (const change of [{ iss: "https://evil.example" }, { iss: `${ADDRESS}/` }, { iss: "" }]) {
    const { server, lingpai, answer } = await begun();
    await assert.rejects(lingpai.finishLogin(answer(change)), BadAnswer);
    await assert.rejects(lingpai.finishLogin(answer({ ...change, code: "", error: "access_denied" })), BadAnswer);
    assert.deepEqual(server.log, []);
  }
  const { lingpai, answer, issues } = await begun({}, { issuer: "https://issuer.example" });
  issues({ iss: "https://issuer.example" });
  assert.ok(await lingpai.finishLogin(answer({ iss: "https://issuer.example" })));
});

test("a refused login is an error of its own", async () => {
  const { lingpai, answer } = await begun();
  const url = answer({ code: "", error: "access_denied", error_description: "the user said no" });
  await assert.rejects(lingpai.finishLogin(url), (error) => {
    assert.ok(error instanceof Refused);
    assert.deepEqual([error.error, error.description, error.status], ["access_denied", "the user said no", null]);
    return true;
  });
});

test("ID tokens of another login, client, issuer or user are refused", async () => {
  for (const claims of [{ nonce: "another" }, { nonce: undefined }, { aud: "another" }, { aud: [CLIENT, "another"] }, { iss: "https://evil.example" }, { sub: 7 }]) {
    const { lingpai, answer, issues } = await begun();
    issues(claims);
    await assert.rejects(lingpai.finishLogin(answer()), BadAnswer, JSON.stringify(claims));
    assert.equal(await lingpai.tokens(), null);
  }
  const { server, lingpai, answer, issues } = await begun();
  issues({ aud: [CLIENT], sub: "42" });
  await lingpai.finishLogin(answer());
  server.answers = [json(200, { access_token: "b", refresh_token: "s", expires_in: 60, id_token: idToken({ sub: "43" }) })];
  await assert.rejects(lingpai.refresh(), BadAnswer);
  server.answers = [json(200, { sub: "43" })];
  await assert.rejects(lingpai.userinfo(), BadAnswer);
  server.answers = [json(200, { sub: "42", name: "Alice" })];
  assert.deepEqual(await lingpai.userinfo(), { sub: "42", name: "Alice" });
});

test("the answer to a code may be lost", async () => {
  const { server, lingpai, answer, issues } = await begun();
  issues({});
  server.answers.unshift(new TransportError("no answer"));
  assert.ok(await lingpai.finishLogin(answer()));
  assert.equal(server.log.length, 2);
  assert.deepEqual(server.log[0], server.log[1]);
});

test("without a redirect URI or a storage there is no login in a browser", async () => {
  const lingpai = new Lingpai(ADDRESS, CLIENT);
  await assert.rejects(lingpai.loginUrl(), TypeError);
  const loginStorage = {
    ...memoryStorage(),
    set() {
      throw new Error("blocked");
    },
  };
  await assert.rejects(new Lingpai(ADDRESS, CLIENT, { redirectUri: REDIRECT, loginStorage }).loginUrl(), StorageError);
});
