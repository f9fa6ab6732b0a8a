// A web app that logs people in by Auth.js (@auth/core by its integration for Express): the library's own pages.
import { ExpressAuth, getSession } from '@auth/express'
import express from 'express'

const { ISSUER, CLIENT_ID, CLIENT_SECRET, BASE_URL, PORT } = process.env

const config = {
  trustHost: true,
  basePath: '/auth',
  secret: `${CLIENT_SECRET}-of-the-cookie`,
  providers: [
    {
      id: 'lingpai',
      name: 'Lingpai',
      type: 'oidc',
      issuer: ISSUER,
      clientId: CLIENT_ID,
      clientSecret: CLIENT_SECRET,
      checks: ['pkce', 'state', 'nonce'],
      authorization: { params: { scope: 'openid profile phone roles' } },
      idToken: false, // the profile is that of userinfo
    },
  ],
  callbacks: {
    jwt: ({ token, profile }) => (profile ? { ...token, profile } : token),
    session: ({ session, token }) => ({ ...session, profile: token.profile }),
  },
}

const app = express()
app.set('trust proxy', true)
app.use('/auth', ExpressAuth(config))

app.get('/', async (req, res) => {
  const session = await getSession(req, config)
  res.json({ profile: session?.profile ?? null })
})

app.listen(Number(PORT), '127.0.0.1')
