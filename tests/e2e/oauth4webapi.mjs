// The npm package oauth4webapi against a running server, as its users write it.
//
// In: argv: the issuer, then the package's index.js; stdin: {"client", "secret", "username", "password", "machine",
// "machineSecret"}. Out: what each step gave, as JSON on stdout. What the package takes offence at ends this with an
// error that says so.

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [issuerText, module] = process.argv.slice(2);
const oauth = await import(pathToFileURL(module));
const given = JSON.parse(readFileSync(0, "utf8"));

// The server of this test has no TLS; everything else is as in production.
const options = { [oauth.allowInsecureRequests]: true };
const issuer = new URL(issuerText);

// RFC 8414: discovery, which holds the issuer against the address asked.
const server = await oauth.processDiscoveryResponse(
  issuer,
  await oauth.discoveryRequest(issuer, { algorithm: "oauth2", ...options }),
);

// RFC 6749 section 4.4: a client for itself, by Basic.
const machine = { client_id: given.machine };
const machineAuth = oauth.ClientSecretBasic(given.machineSecret);
const own = await oauth.processClientCredentialsResponse(
  server,
  machine,
  await oauth.clientCredentialsGrantRequest(server, machine, machineAuth, { scope: "read" }, options),
);

// RFC 9068: the access token, verified by the keys that the metadata name.
const claims = await oauth.validateJwtAccessToken(
  server,
  new Request("https://resource.example/", { headers: { authorization: `Bearer ${own.access_token}` } }),
  server.issuer,
  options,
);

// A user's tokens, the secret in the body; then RFC 6749 section 6: refreshing.
const client = { client_id: given.client };
const auth = oauth.ClientSecretPost(given.secret);
const credentials = { username: given.username, password: given.password };
const first = await oauth.processGenericTokenEndpointResponse(
  server,
  client,
  await oauth.genericTokenEndpointRequest(server, client, auth, "password", credentials, options),
);
const second = await oauth.processRefreshTokenResponse(
  server,
  client,
  await oauth.refreshTokenGrantRequest(server, client, auth, first.refresh_token, options),
);

// RFC 7662 and RFC 7009.
const introspect = async (token) =>
  oauth.processIntrospectionResponse(
    server,
    client,
    await oauth.introspectionRequest(server, client, auth, token, options),
  );
const revoke = async (token) =>
  oauth.processRevocationResponse(await oauth.revocationRequest(server, client, auth, token, options));

const before = await introspect(second.access_token);
const refreshBefore = await introspect(second.refresh_token);
await revoke(second.refresh_token);
const after = await introspect(second.access_token);
const refreshAfter = await introspect(second.refresh_token);
await revoke("unknown");

// What is refused arrives as the package's own error, with the code of RFC 6749 section 5.2.
const refused = async (response) =>
  oauth.processRefreshTokenResponse(server, client, await response).then(
    () => "granted",
    (error) => error.error,
  );
const reused = await refused(oauth.refreshTokenGrantRequest(server, client, auth, second.refresh_token, options));
const imposter = oauth.ClientSecretPost("not the secret");
const challenged = await oauth
  .processRefreshTokenResponse(
    server,
    client,
    await oauth.refreshTokenGrantRequest(server, client, imposter, first.refresh_token, options),
  )
  .then(
    () => "granted",
    (error) => `${error.code} ${error.cause?.[0]?.scheme ?? error.error}`,
  );

console.log(
  JSON.stringify({
    server, own, claims, first, second, before, refreshBefore, after, refreshAfter, reused, challenged,
  }),
);
