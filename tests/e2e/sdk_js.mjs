// The JavaScript SDK in Node against a running server.
//
// In: argv: the server's address. The server has the public clients `my-app` (grants password, mobile, refresh_token;
// scopes read, lingpai:account), and the user alice. Out: what each step gave, as JSON on stdout.

import {
  Lingpai, LoginRequired, Refused, TransportError, fetchTransport, memoryStorage,
} from "../../sdk/js/lingpai.mjs";

const [address] = process.argv.slice(2);
const [NUMBER, PASSWORD] = ["13900139077", "correct horse battery"];
const found = {};

/** A client whose requests to the token endpoint are counted; `lose` answers of it are lost. */
function make(options = {}) {
  const send = fetchTransport();
  const client = { refreshes: 0, lose: 0 };
  client.lingpai = new Lingpai(address, "my-app", {
    scope: "read lingpai:account",
    language: "en",
    transport: async (request) => {
      const isRefresh = /grant_type=refresh_token/.test(request.body ?? "");
      if (isRefresh) client.refreshes += 1;
      const answer = await send(request);
      if (isRefresh && client.lose-- > 0) throw new TransportError("the answer was lost");
      return answer;
    },
    ...options,
  });
  return client;
}

const refusal = (work) =>
  work.then(
    () => "granted",
    (error) => {
      if (!(error instanceof Refused)) throw error;
      const { error: code, description, reason, status, retryAfter } = error;
      return { error: code, description, reason, status, retryAfter };
    },
  );

/** Put another access token in place of the stored one: expired, or one that the server does not know. */
async function spoil(storage, change) {
  const key = `lingpai:my-app@${address}`;
  storage.set(key, JSON.stringify({ ...JSON.parse(storage.get(key)), ...change }));
}

// --- codes ---
{
  const { lingpai } = make();
  await lingpai.sendCode(NUMBER);
  found.tooSoon = await refusal(lingpai.sendCode(NUMBER));
  const messages = await (await fetch(`${address}/_local/sms`)).json();
  const { code } = messages.filter(({ to }) => to.endsWith(NUMBER)).at(-1);
  await lingpai.verifyCode(NUMBER, code);
  found.wrong = await refusal(lingpai.verifyCode(NUMBER, "not a code"));
  const tokens = await lingpai.mobileCode(NUMBER, code);
  found.scope = tokens.scope;
  found.seconds = Math.round((tokens.expiresAt - Date.now()) / 1000);
  found.used = await refusal(make().lingpai.mobileCode(NUMBER, code));
  found.user = await lingpai.currentUser();
}

// --- refresh ---
const UNKNOWN = `${"x".repeat(22)}.${"x".repeat(43)}`;
{
  const storage = memoryStorage();
  const client = make({ storage });
  const { lingpai } = client;
  found.badPassword = await refusal(lingpai.password("alice", "wrong"));
  const first = await lingpai.password("alice", PASSWORD);
  await spoil(storage, { expiresAt: 0 });
  const many = await Promise.all(Array.from({ length: 20 }, () => lingpai.currentUser()));
  found.twenty = [client.refreshes, new Set(many.map(({ username }) => username)).size, many[0].username];

  client.refreshes = 0;
  await spoil(storage, { accessToken: UNKNOWN });
  const bodies = await Promise.all(Array.from({ length: 20 }, () => lingpai.fetch(`${address}/users/current`, { method: "POST", body: "{}" })));
  found.fetched = [client.refreshes, bodies.map(({ status }) => status).filter((status) => status === 200).length];

  Object.assign(client, { refreshes: 0, lose: 2 });
  const renewed = await lingpai.refresh();
  found.lost = [client.refreshes, renewed.refreshToken !== first.refreshToken];
  found.stillGood = (await lingpai.currentUser()).username;

  // Two objects without a common lock, as two tabs of an old browser.
  const second = make({ storage }).lingpai;
  const both = await Promise.all([lingpai.refresh(), second.refresh()]);
  found.samePair = both[0].accessToken === both[1].accessToken && both[0].refreshToken === both[1].refreshToken;
  found.afterwards = (await second.currentUser()).username;

  const last = await lingpai.tokens();
  await lingpai.logout();
  found.loggedOut = await lingpai.tokens();
  const answer = await fetch(`${address}/users/current`, { headers: { authorization: `Bearer ${last.accessToken}` } });
  found.revoked = answer.status;
}

// --- a session that was ended elsewhere ---
{
  const { lingpai } = make();
  const { refreshToken } = await lingpai.password("alice", PASSWORD);
  await make().lingpai.revoke(refreshToken);
  found.ended = await lingpai.currentUser().catch((error) => [error instanceof LoginRequired, error.reason]);
}

// --- nobody answers ---
{
  const nowhere = new Lingpai("http://127.0.0.1:9", "my-app");
  found.nowhere = await nowhere.password("alice", PASSWORD).catch((error) => error.name);
}

console.log(JSON.stringify(found));
