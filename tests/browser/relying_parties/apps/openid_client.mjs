// A web app that logs people in by openid-client: pushed authorization requests, PKCE, refresh, logout.
import express from 'express'
import session from 'express-session'
import * as client from 'openid-client'

const { ISSUER, CLIENT_ID, CLIENT_SECRET, BASE_URL, PORT } = process.env

const config = await client.discovery(new URL(ISSUER), CLIENT_ID, CLIENT_SECRET, undefined, {
  execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks],
})

const app = express()
app.use(session({ name: 'openid-client', secret: CLIENT_SECRET, resave: false, saveUninitialized: false }))

const userinfo = ({ tokens, sub }) => client.fetchUserInfo(config, tokens.access_token, sub)

app.get('/', (req, res) => {
  res.json({ claims: req.session.claims ?? null })
})

app.get('/login', async (req, res) => {
  const verifier = client.randomPKCECodeVerifier()
  const login = { verifier, state: client.randomState(), nonce: client.randomNonce() }
  const url = await client.buildAuthorizationUrlWithPAR(config, {
    redirect_uri: `${BASE_URL}/callback`,
    scope: 'openid profile phone roles',
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state: login.state,
    nonce: login.nonce,
    ...(req.query.prompt && { prompt: req.query.prompt }),
  })
  req.session.login = login
  res.redirect(url.href)
})

app.get('/callback', async (req, res) => {
  const { verifier, state, nonce } = req.session.login
  const tokens = await client.authorizationCodeGrant(config, new URL(req.url, BASE_URL), {
    pkceCodeVerifier: verifier,
    expectedState: state,
    expectedNonce: nonce,
    idTokenExpected: true,
  })
  const claims = tokens.claims()
  Object.assign(req.session, { tokens, claims, sub: claims.sub })
  res.redirect('/')
})

app.get('/userinfo', async (req, res) => {
  res.json(await userinfo(req.session))
})

app.get('/refresh', async (req, res) => {
  const before = req.session.tokens
  const tokens = await client.refreshTokenGrant(config, before.refresh_token)
  req.session.tokens = tokens
  res.json({ renewed: tokens.access_token !== before.access_token, userinfo: await userinfo(req.session) })
})

app.get('/logout', (req, res) => {
  const url = client.buildEndSessionUrl(config, {
    id_token_hint: req.session.tokens.id_token,
    post_logout_redirect_uri: `${BASE_URL}/`,
    state: client.randomState(),
  })
  req.session.destroy(() => res.redirect(url.href))
})

app.use((error, req, res, next) => {
  res.status(400).json({ type: error.name, error: error.error ?? error.message, iss: error.cause?.get?.('iss') })
})

app.listen(Number(PORT), '127.0.0.1')
