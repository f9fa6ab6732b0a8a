// The npm packages oauth4webapi and dpop against a running server: a login with tokens that are bound to a key.
//
// In: argv: the issuer, then the index.js of oauth4webapi and of dpop; stdin: a line with the redirect, once the user
// has logged in. Out, as JSON, a line each: {"authorize": the address for the browser}, and at the end what each step
// gave. What a package takes offence at ends this with an error that says so.

import { once } from "node:events";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [issuerText, oauthModule, dpopModule] = process.argv.slice(2);
const oauth = await import(pathToFileURL(oauthModule));
const dpop = await import(pathToFileURL(dpopModule));
const lines = createInterface({ input: process.stdin });

// The server of this test has no TLS; everything else is as in production.
const insecure = { [oauth.allowInsecureRequests]: true };
const issuer = new URL(issuerText);
const client = { client_id: "single-page-app" };
const redirectUri = "http://127.0.0.1:8001/";
const publicClient = oauth.None();

const server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure));
const keys = await oauth.generateKeyPair("ES256");
const DPoP = oauth.DPoP(client, keys);
let retries = 0;

// What the server demands a nonce for is sent again with the nonce (RFC 9449 sections 8 and 9).
async function retried(send, read) {
  try {
    return await read(await send());
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error;
    retries += 1;
    return read(await send());
  }
}

const verifier = oauth.generateRandomCodeVerifier();
const parameters = new URLSearchParams({
  response_type: "code",
  redirect_uri: redirectUri,
  scope: "openid profile",
  state: oauth.generateRandomState(),
  code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
  code_challenge_method: "S256",
});
const pushed = await retried(
  () => oauth.pushedAuthorizationRequest(server, client, publicClient, parameters, { DPoP, ...insecure }),
  (response) => oauth.processPushedAuthorizationResponse(server, client, response),
);
const authorize = new URL(server.authorization_endpoint);
authorize.searchParams.set("client_id", client.client_id);
authorize.searchParams.set("request_uri", pushed.request_uri);
console.log(JSON.stringify({ authorize: authorize.href }));

const [redirect] = await once(lines, "line");
const callback = oauth.validateAuthResponse(server, client, new URL(redirect), parameters.get("state"));

const redeem = (handle) =>
  oauth.authorizationCodeGrantRequest(server, client, publicClient, callback, redirectUri, verifier, {
    DPoP: handle,
    ...insecure,
  });
const readTokens = (response) => oauth.processAuthorizationCodeResponse(server, client, response);
const error = (promise) =>
  promise.then(
    () => "granted",
    (thrown) => thrown.error ?? thrown.cause?.[0]?.parameters?.error ?? String(thrown),
  );
// The code was pushed with a proof: with another key it gives nothing (section 10.1).
const thief = oauth.DPoP(client, await oauth.generateKeyPair("ES256"));
const stolenCode = await error(retried(() => redeem(thief), readTokens));
const first = await retried(() => redeem(DPoP), readTokens);
const subject = oauth.getValidatedIdTokenClaims(first).sub;

const userInfo = (token, handle) =>
  retried(
    () => oauth.userInfoRequest(server, client, token, { DPoP: handle, ...insecure }),
    (response) => oauth.processUserInfoResponse(server, client, subject, response),
  );
const refresh = (handle, token) =>
  retried(
    () => oauth.refreshTokenGrantRequest(server, client, publicClient, token, { DPoP: handle, ...insecure }),
    (response) => oauth.processRefreshTokenResponse(server, client, response),
  );
const info = await userInfo(first.access_token, DPoP);
const stolenToken = await error(userInfo(first.access_token, thief));
const stolenRefresh = await error(refresh(thief, first.refresh_token));
const unproven = await error(refresh(undefined, first.refresh_token));
const second = await refresh(DPoP, first.refresh_token);
const infoAgain = await userInfo(second.access_token, DPoP);

// The package dpop, with each algorithm that it knows; the same proof again; and the token as a bearer token.
const algorithms = {};
const basic = `Basic ${Buffer.from("standard-client:standard-secret").toString("base64")}`;
for (const algorithm of ["ES256", "Ed25519", "RS256", "PS256"]) {
  const pair = await dpop.generateKeyPair(algorithm);
  let nonce;
  const post = async (url, headers, body, token) => {
    const send = async () => {
      const proof = await dpop.generateProof(pair, url, "POST", nonce, token);
      return { proof, response: await fetch(url, { method: "POST", headers: { ...headers, DPoP: proof }, body }) };
    };
    let sent = await send();
    if (sent.response.headers.has("dpop-nonce") && !sent.response.ok) {
      nonce = sent.response.headers.get("dpop-nonce");
      sent = await send();
    }
    return { ...sent, json: await sent.response.json() };
  };
  const form = new URLSearchParams({
    grant_type: "password",
    username: "alice",
    password: "correct horse battery",
    scope: "lingpai:account",
  });
  const { json: tokens } = await post(server.token_endpoint, { Authorization: basic }, form);
  const url = `${server.issuer}/users/current`;
  const authorization = { Authorization: `DPoP ${tokens.access_token}` };
  const answer = await post(url, authorization, undefined, tokens.access_token);
  const replay = await fetch(url, { method: "POST", headers: { ...authorization, DPoP: answer.proof } });
  const bearer = await fetch(url, { method: "POST", headers: { Authorization: `Bearer ${tokens.access_token}` } });
  const introspected = await fetch(server.introspection_endpoint, {
    method: "POST",
    headers: { Authorization: basic },
    body: new URLSearchParams({ token: tokens.access_token }),
  });
  algorithms[algorithm] = {
    type: tokens.token_type,
    user: answer.json.message.username,
    replay: (await replay.json()).error,
    bearer: (await bearer.json()).error,
    bound: (await introspected.json()).cnf.jkt === (await dpop.calculateThumbprint(pair.publicKey)),
    secrets: [tokens.access_token, tokens.refresh_token],
  };
}

lines.close();
console.log(
  JSON.stringify({
    supported: server.dpop_signing_alg_values_supported,
    retries, first, second, info, infoAgain, stolenCode, stolenToken, stolenRefresh, unproven, algorithms,
  }),
);
