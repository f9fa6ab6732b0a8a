// /oauth/challenge as a function, for the tests of this folder: its answers are those of docs/api.md.
//
// People: alice has no second factor, bob has all of them, carol has one that only the pages can ask for.

import { createHash, randomUUID } from "node:crypto";

import { ADDRESS, CLIENT, idToken, json } from "./support.mjs";

export const PASSWORD = "correct horse battery";
export const SECOND_FACTORS = ["totp", "passkey", "recovery_code"];
export const TOTP = "123456";
const NAMES = { 13800138001: "alice", 13800138002: "bob", 13800138003: "carol" };
export const MOBILES = Object.fromEntries(Object.entries(NAMES).map(([mobile, name]) => [name, mobile]));
const STEPS = ["mobile", "code", "username", "js_code", "id_token", "passkey_options", "passkey", "totp", "recovery_code"];
const FIRST = ["mobile", "password", "js_code", "id_token", "passkey"];

/** What a platform answers to the options of a passkey, for this person. */
export const passkeyAnswer = (name, challenge) => ({
  id: name,
  rawId: name,
  type: "public-key",
  response: { clientDataJSON: Buffer.from(JSON.stringify({ challenge })).toString("base64url"), userHandle: name },
});

const refuse = (reason, error = "invalid_grant", status = 400, more = {}) =>
  json(status, { error, error_description: reason, reason, ...more });

/**
 * A transport to the endpoint. `log` has each request as [path, form]; `sent` each code as [mobile, code].
 *
 * `captcha` asks for one before each code; `claims` changes those of ID tokens. `lose` gets each request and says which
 * part of it is lost: "request" (no effect) or "answer". Otherwise as `fakeServer` of support.mjs: `answers` go first.
 */
export function challengeServer({ captcha = false, claims = {}, lose = () => null, resendIn = 60 } = {}) {
  const server = { log: [], sent: [], answers: [], redeemed: 0, options: { captcha, claims, lose } };
  const [sessions, codes, challenges, recovery] = [new Map(), new Map(), new Set(), new Set(["r-1", "r-2"])];
  const renew = (session, old) => {
    sessions.delete(old);
    const name = randomUUID();
    sessions.set(name, session);
    return { auth_session: name, auth_session_expires_in: 600 };
  };
  const more = (fields) =>
    json(403, { error: "insufficient_authorization", error_description: "more is needed", reason: "factor_required", ...fields });

  /** The login has this first factor: the code, or what else it needs. */
  const prove = (session, old, name) => {
    if (name === "carol") {
      sessions.delete(old);
      const pushed = session.redirect_uri && { request_uri: "urn:ietf:params:oauth:request_uri:1", expires_in: 600 };
      return json(403, { error: "redirect_to_web", error_description: "go to the pages", reason: "no_second_factor", ...pushed });
    }
    if (name === "bob") return more({ ...renew({ ...session, name }, old), next: SECOND_FACTORS });
    return finish({ ...session, name }, old);
  };
  const finish = (session, old) => {
    sessions.delete(old);
    const code = randomUUID();
    codes.set(code, session);
    return json(200, { authorization_code: code });
  };

  const steps = {
    mobile({ mobile, captcha: solution }, session, old) {
      if (!/^1\d{10}$/.test(mobile)) return refuse("bad_mobile", "invalid_request");
      if (server.options.captcha && solution !== "solved") {
        const reason = solution ? "bad_captcha" : "captcha_required";
        return more({ reason, next: ["captcha"], captcha: { provider: "altcha", challenge: { salt: "s" } } });
      }
      const code = String(100000 + server.sent.length);
      server.sent.push([mobile, code]);
      return more({ ...renew({ ...session, mobile, code }, old), next: ["code", "mobile"], resend_in: resendIn });
    },
    code({ code }, session, old) {
      if (code !== session.code) return refuse("bad_code");
      return prove(session, old, NAMES[session.mobile]);
    },
    username({ username, password }, session, old) {
      if (password !== PASSWORD || !MOBILES[username]) return refuse("bad_credentials");
      return prove(session, old, username);
    },
    js_code({ js_code, phone_code }, session, old) {
      if (!js_code.startsWith("js of ")) return refuse("sign_unknown");
      if (phone_code && phone_code !== "phone code") return refuse("bad_phone_code");
      return prove(session, old, js_code.slice(6));
    },
    id_token({ id_token, id_token_nonce }, session, old) {
      if (id_token_nonce === "wrong") return refuse("bad_nonce");
      return prove(session, old, id_token);
    },
    passkey_options() {
      const challenge = Buffer.from(randomUUID()).toString("base64url");
      challenges.add(challenge);
      const allowCredentials = [{ type: "public-key", id: "Ym9i", transports: [] }];
      const options = { rpId: "id.example.com", challenge, timeout: 60000, allowCredentials, userVerification: "required" };
      return more({ next: ["passkey"], passkey_options: options });
    },
    passkey({ passkey }, session, old) {
      const { response } = JSON.parse(passkey);
      const { challenge } = JSON.parse(Buffer.from(response.clientDataJSON, "base64url"));
      if (!challenges.delete(challenge)) return refuse("bad_passkey");
      if (!session.name) return finish({ ...session, name: response.userHandle }, old);
      return response.userHandle === session.name ? finish(session, old) : refuse("bad_passkey");
    },
    totp: ({ totp }, session, old) => (totp === TOTP ? finish(session, old) : refuse("bad_second_factor")),
    recovery_code: ({ recovery_code }, session, old) =>
      recovery.delete(recovery_code) ? finish(session, old) : refuse("bad_second_factor"),
  };

  const routes = {
    "/oauth/challenge"(form) {
      const { auth_session: old, client_id, response_type, code_challenge, code_challenge_method } = form;
      if (client_id !== CLIENT) return refuse("bad_client", "invalid_client", 401);
      if (old !== undefined && !sessions.has(old)) return refuse("invalid_session", "invalid_session");
      const asked = STEPS.filter((name) => name in form);
      if (asked.length > 1) return refuse("bad_parameter", "invalid_request");
      if (old === undefined && (response_type !== "code" || code_challenge_method !== "S256" || !code_challenge)) {
        return refuse("challenge_required", "invalid_request");
      }
      const { nonce, scope, redirect_uri, state } = form;
      const session = old === undefined ? { code_challenge, nonce, scope, redirect_uri, state } : sessions.get(old);
      const [step] = asked;
      if ((step === "code" && !session.code) || ((step === "totp" || step === "recovery_code") && !session.name)) {
        return refuse("missing_parameter", "invalid_request");
      }
      if (!step) return more({ next: session.name ? SECOND_FACTORS : session.code ? ["code", "mobile"] : FIRST });
      return steps[step](form, session, old);
    },
    "/oauth/token"({ grant_type, code, code_verifier, redirect_uri }) {
      const session = codes.get(code);
      const digest = createHash("sha256").update(code_verifier ?? "").digest("base64url");
      const right = session && digest === session.code_challenge && redirect_uri === session.redirect_uri;
      if (grant_type !== "authorization_code" || !right) return refuse("bad_authorization_code");
      if (!session.tokens) {
        server.redeemed += 1;
        const id = session.scope && idToken({ nonce: session.nonce, preferred_username: session.name, ...server.options.claims });
        session.tokens = { access_token: `access-${server.redeemed}`, refresh_token: `refresh-${server.redeemed}`, expires_in: 3600, scope: session.scope, id_token: id };
      }
      return json(200, session.tokens);
    },
  };

  /** The request that the server keeps for the browser was granted there. */
  server.granted = (state, session) => {
    const code = randomUUID();
    codes.set(code, session);
    return `${session.redirect_uri}?${new URLSearchParams({ code, state, iss: ADDRESS })}`;
  };
  server.transport = async ({ url, body, method, headers }) => {
    const path = new URL(url).pathname;
    const form = Object.fromEntries(new URLSearchParams(body));
    server.log.push([path, form]);
    if (method !== "POST" || headers["content-type"] !== "application/x-www-form-urlencoded") throw new Error("not a form");
    await new Promise((resolve) => setTimeout(resolve, 2));
    const next = server.answers.shift();
    if (next instanceof Error) throw next;
    if (next) return next;
    const lost = server.options.lose(path, form);
    if (lost && lost.before) throw lost.before;
    const answer = routes[path](form);
    if (lost && lost.after) throw lost.after;
    return answer;
  };
  server.steps = () => server.log.filter(([path]) => path === "/oauth/challenge").map(([, form]) => form);
  return server;
}
