// A server that is a function, for the tests of this folder.

export const ADDRESS = "https://id.example.com";
export const CLIENT = "app";

/** A JSON answer. */
export const json = (status, content, headers = {}) => ({ status, headers, body: JSON.stringify(content) });

/** An ID token with these claims, and a signature that nobody checks. */
export function idToken(claims) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const all = { iss: ADDRESS, aud: CLIENT, sub: "7", iat: 1, exp: 2, ...claims };
  return `${part({ alg: "RS256" })}.${part(all)}.c2lnbmF0dXJl`;
}

/** Lets what is due run. */
export const settled = () => new Promise((resolve) => setTimeout(resolve, 20));

/**
 * A transport that rotates refresh tokens as Lingpai does: one that was replaced gets the present pair again.
 *
 * `log` has each request as [path, form]. `answers` are given before the server's own: an answer, a function that
 * makes one of the request, or an Error.
 */
export function fakeServer({ expiresIn = 3600, claims } = {}) {
  const server = { log: [], answers: [], generation: 0, ended: false };
  const pair = () => ({
    access_token: `access-${server.generation}`,
    refresh_token: `refresh-${server.generation}`,
    token_type: "Bearer",
    expires_in: expiresIn,
    scope: "openid read",
    ...(claims && { id_token: idToken(claims) }),
  });
  const routes = {
    "/oauth/token": (form) => {
      if (form.grant_type !== "refresh_token") {
        server.generation += 1;
        return json(200, pair());
      }
      const known = /^refresh-\d+$/.test(form.refresh_token);
      if (server.ended || !known) return json(400, { error: "invalid_grant", reason: "bad_refresh_token" });
      if (form.refresh_token === `refresh-${server.generation}`) server.generation += 1;
      return json(200, pair());
    },
    "/oauth/revoke": () => {
      server.ended = true;
      return json(200, {});
    },
    "/api": (_, token) =>
      token === `access-${server.generation}`
        ? json(200, { ok: true })
        : json(401, { error: "invalid_token" }, { "www-authenticate": 'Bearer error="invalid_token"' }),
  };
  routes["/mobile/token"] = routes["/sign/token"] = routes["/oauth/token"];
  server.transport = async (request) => {
    const { url, headers, body = "" } = request;
    const path = new URL(url).pathname;
    const form = Object.fromEntries(new URLSearchParams(body));
    server.log.push([path, form]);
    await settled();
    const next = server.answers.shift();
    if (next instanceof Error) throw next;
    if (typeof next === "function") return next(request);
    if (next) return next;
    return routes[path](form, (headers.authorization || "").replace("Bearer ", ""));
  };
  server.count = (path) => server.log.filter(([each]) => each === path).length;
  return server;
}
