// Calls the server at BASE_URL by the client that is made from docs/openapi.yaml, and ends with 1 if an answer is none
// of those that the types have, or none that is expected. Every access below is checked by the compiler.
import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { paths } from "./api.js";

const baseUrl = process.env.BASE_URL ?? "http://127.0.0.1:3000";
const api = createClient<paths>({ baseUrl });

const basic = (id: string, secret: string) => ({ Authorization: `Basic ${btoa(`${id}:${secret}`)}` });
const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });
// A form, as RFC 6749 has it.
const form = (fields: object) => new URLSearchParams(Object.entries(fields).map(([name, value]) => [name, String(value)]));
const asForm = { "Content-Type": "application/x-www-form-urlencoded" };

const metadata = await api.GET("/.well-known/oauth-authorization-server");
assert.equal(metadata.response.status, 200);
assert.equal(metadata.data?.token_endpoint, `${baseUrl}/oauth/token`);

const login = await api.POST("/oauth/token", {
  headers: { ...basic("web-client", "web-secret"), ...asForm },
  body: { grant_type: "password", username: "alice", password: "correct horse battery" },
  bodySerializer: form,
});
assert.equal(login.response.status, 200);
assert.ok(login.data && "access_token" in login.data && "token_type" in login.data);
const token = login.data.access_token;

const introspection = await api.POST("/oauth/introspect", {
  headers: { ...basic("standard-client", "standard-secret"), ...asForm },
  body: { token },
  bodySerializer: form,
});
assert.ok(introspection.data?.active === true);
assert.equal(introspection.data.client_id, "web-client");

const current = await api.GET("/users/current", { headers: bearer(token) });
assert.equal(current.response.status, 200);
assert.equal(current.data?.message.username, "alice");
assert.equal(String(current.data?.message.id), introspection.data.sub);

// Refusals have types, too.
const wrong = await api.POST("/oauth/token", {
  headers: { ...basic("web-client", "web-secret"), ...asForm },
  body: { grant_type: "password", username: "alice", password: "wrong" },
  bodySerializer: form,
});
assert.equal(wrong.response.status, 400);
assert.ok(wrong.error && "error_description" in wrong.error);
assert.equal(wrong.error.error, "invalid_grant");

const stranger = await api.GET("/users/current");
assert.equal(stranger.response.status, 401);
assert.ok(stranger.error && "error_description" in stranger.error);

const revocation = await api.POST("/oauth/revoke", {
  headers: { ...basic("web-client", "web-secret"), ...asForm },
  body: { token },
  bodySerializer: form,
});
assert.equal(revocation.response.status, 200);
const afterwards = await api.GET("/users/current", { headers: bearer(token) });
assert.equal(afterwards.response.status, 401);

console.log(`${baseUrl}: metadata, token, introspection, account, revocation and refusals are as docs/openapi.yaml says`);
