// A service of somebody else that takes the issuer's tokens; it knows the issuer's address and its own name.
//
//   npm install
//   ISSUER=http://127.0.0.1:8000 AUDIENCE=https://api.example.com node with-jose.js

import { createServer } from 'node:http'
import { createRemoteJWKSet, errors, jwtVerify } from 'jose'

const { ISSUER, AUDIENCE, PORT = '9002', JWKS_SECONDS = '300' } = process.env

// What these say is about the issuer's answers, not about the token.
const ISSUER_FAILED = ['ERR_JOSE_GENERIC', 'ERR_JWKS_INVALID', 'ERR_JWKS_TIMEOUT']

let keys

// The issuer's keys, at the address that its metadata names (RFC 8414). `cacheMaxAge` is what the issuer's
// Cache-Control says; a revoked key is believed for so long.
async function issuersKeys() {
  if (!keys) {
    const address = `${ISSUER}/.well-known/oauth-authorization-server`
    const answer = await fetch(address, { redirect: 'error', signal: AbortSignal.timeout(5000) })
    const metadata = await answer.json()
    if (metadata.issuer !== ISSUER) throw new Error('this is the metadata of another issuer')
    keys = createRemoteJWKSet(new URL(metadata.jwks_uri), { cacheMaxAge: Number(JWKS_SECONDS) * 1000 })
  }
  return keys
}

// The claims of a good token; errors.JOSEError for a bad one.
async function verify(token) {
  const { payload } = await jwtVerify(token, await issuersKeys(), {
    algorithms: ['ES256'],
    typ: 'at+jwt',
    issuer: ISSUER,
    audience: AUDIENCE,
    clockTolerance: 30,
    requiredClaims: ['sub', 'exp', 'iat'],
  })
  return payload
}

function send(response, status, body, headers = {}) {
  response.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(body))
}

const server = createServer(async (request, response) => {
  const bearer = /^bearer (.*)$/i.exec(request.headers.authorization ?? '')
  if (!bearer) return send(response, 401, { error: 'no token' }, { 'WWW-Authenticate': 'Bearer' })
  try {
    const claims = await verify(bearer[1])
    send(response, 200, { sub: claims.sub, scope: claims.scope ?? '' })
  } catch (error) {
    if (!(error instanceof errors.JOSEError) || ISSUER_FAILED.includes(error.code)) {
      return send(response, 503, { error: 'the issuer does not answer' })
    }
    send(response, 401, { error: 'invalid_token' }, { 'WWW-Authenticate': 'Bearer error="invalid_token"' })
  }
})

server.listen(Number(PORT), '127.0.0.1')
