// node oidc-provider, alone on node's own HTTP server, with the adapter that it has by default, which keeps everything
// in memory and is for development. https://github.com/panva/node-oidc-provider/blob/main/docs/README.md
//
// In: PEER_SECRET; lines `{"sessions": N}`, until the end. Out, a JSON line each: port and versions, then the refresh
// tokens asked for.

import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';

import Provider from 'oidc-provider';

const secret = process.env.PEER_SECRET;
const server = createServer().listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address();

const jwk = (alg, pair) => ({ ...pair.privateKey.export({ format: 'jwk' }), alg, use: 'sig', kid: alg });
const machine = (id) => ({
  client_id: id,
  client_secret: secret,
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
});

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    machine('machine'),
    machine('machine-es256'),
    machine('machine-rs256'),
    {
      client_id: 'app',
      client_secret: secret,
      grant_types: ['authorization_code', 'refresh_token'],
      redirect_uris: ['https://app.example.com/cb'],
      response_types: ['code'],
    },
  ],
  jwks: {
    keys: [
      jwk('RS256', generateKeyPairSync('rsa', { modulusLength: 2048 })),
      jwk('ES256', generateKeyPairSync('ec', { namedCurve: 'P-256' })),
    ],
  },
  scopes: ['openid', 'offline_access', 'read'],
  // By default it rotates the tokens of public clients, and others when most of their life is over.
  rotateRefreshToken: true,
  findAccount: async (ctx, id) => ({ accountId: id, claims: async () => ({ sub: id }) }),
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    // Access tokens are JWTs where a resource asks for them.
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: async (ctx, resource) => ({
        scope: 'read',
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: resource.endsWith('es256') ? 'ES256' : 'RS256' } },
      }),
    },
  },
  ttl: { ClientCredentials: 3600, AccessToken: 3600, RefreshToken: 30 * 86400, Grant: 30 * 86400 },
});

// A session as a login with consent leaves it behind; without `openid`, so that a refresh makes no ID token.
async function session() {
  const grant = new provider.Grant({ accountId: 'alice', clientId: 'app' });
  grant.addOIDCScope('offline_access read');
  const grantId = await grant.save();
  const client = await provider.Client.find('app');
  const token = new provider.RefreshToken({
    accountId: 'alice',
    client,
    grantId,
    gty: 'authorization_code',
    scope: 'offline_access read',
  });
  return token.save();
}

const told = (content) => process.stdout.write(`${JSON.stringify(content)}\n`);
const module = new URL(import.meta.resolve('oidc-provider'));
const { version } = JSON.parse(readFileSync(new URL('../package.json', module)));

server.on('request', provider.callback());
told({ port, versions: { 'oidc-provider': version, node: process.versions.node, v8: process.versions.v8 } });
createInterface({ input: process.stdin })
  .on('line', async (line) => {
    const made = [];
    for (let left = JSON.parse(line).sessions; left > 0; left -= 1) made.push(await session());
    told({ sessions: made });
  })
  .on('close', () => process.exit(0));
