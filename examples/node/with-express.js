// A service of somebody else that takes the issuer's tokens; it knows the issuer's address and its own name.
//
//   npm install
//   ISSUER=http://127.0.0.1:8000 AUDIENCE=https://api.example.com node with-express.js

import express from 'express'
import { auth } from 'express-oauth2-jwt-bearer'

const { ISSUER, AUDIENCE, PORT = '9003', JWKS_SECONDS = '300' } = process.env

const app = express()

app.use(
  auth({
    issuerBaseURL: ISSUER, // its metadata (RFC 8414) names the address of its keys
    audience: AUDIENCE,
    tokenSigningAlg: 'ES256',
    strict: true, // "typ": "at+jwt" and the claims of RFC 9068, or no access token
    clockTolerance: 30,
    cacheMaxAge: Number(JWKS_SECONDS) * 1000, // what the issuer's Cache-Control says; a revoked key is believed for so long
  }),
)

app.get('/', (request, response) => {
  const { sub, scope = '' } = request.auth.payload
  response.json({ sub, scope })
})

// An issuer that does not answer is a 401 here too: the library does not tell the two apart.
app.use((error, request, response, next) => {
  response
    .status(error.status ?? 500)
    .set(error.headers ?? {})
    .json({ error: error.code ?? 'error' })
})

app.listen(Number(PORT), '127.0.0.1')
