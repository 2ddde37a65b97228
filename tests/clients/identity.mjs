// A real identity provider: the oidc-provider package, on a port that it prints. Arguments: the folder of the packages, the redirect URI.
// Whoever types a name is that person, with NAME@tv.example as mail address; the provider has not verified the one of "eve".
import { createServer } from 'node:http'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const [folder, redirect] = process.argv.slice(2)
const { default: Provider } = await import(pathToFileURL(join(folder, 'node_modules/oidc-provider/lib/index.js')))

// Nobody reads more than the port.
console.info = () => {}

const server = createServer()
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address()
  const provider = new Provider(`http://127.0.0.1:${port}`, {
    clients: [{ client_id: 'mast', client_secret: 'a secret: with/signs?', redirect_uris: [redirect] }],
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['preferred_username'] },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({
        sub: `number-of-${id}`,
        email: `${id}@tv.example`,
        email_verified: id !== 'eve',
        preferred_username: id,
      }),
    }),
    pkce: { required: () => true },
  })
  server.on('request', provider.callback())
  console.log(port)
})
