// A web app that logs people in by express-openid-connect: the library's own routes /login, /callback and /logout.
const { randomUUID } = require('node:crypto')
const express = require('express')
const { auth, requiresAuth } = require('express-openid-connect')

const { ISSUER, CLIENT_ID, CLIENT_SECRET, BASE_URL, PORT } = process.env

const app = express()
app.use(
  auth({
    issuerBaseURL: ISSUER,
    baseURL: BASE_URL,
    clientID: CLIENT_ID,
    clientSecret: CLIENT_SECRET,
    secret: `${CLIENT_SECRET}-of-the-cookie`,
    authRequired: false,
    idpLogout: true,
    logoutParams: { state: randomUUID() },
    authorizationParams: { response_type: 'code', scope: 'openid profile phone roles' },
    routes: { login: false },
  }),
)

app.get('/', (req, res) => {
  res.json({ claims: req.oidc.isAuthenticated() ? req.oidc.idTokenClaims : null })
})

app.get('/login', (req, res) => {
  return res.oidc.login({ returnTo: '/', authorizationParams: { ...req.query } })
})

app.get('/userinfo', requiresAuth(), async (req, res) => {
  res.json(await req.oidc.fetchUserInfo())
})

app.get('/refresh', requiresAuth(), async (req, res) => {
  const before = req.oidc.accessToken.access_token
  const { access_token: after } = await req.oidc.accessToken.refresh()
  res.json({ renewed: after !== before, userinfo: await req.oidc.fetchUserInfo() })
})

app.use((error, req, res, next) => {
  res.status(400).json({ type: error.name, error: error.error ?? error.message })
})

app.listen(Number(PORT), '127.0.0.1')
