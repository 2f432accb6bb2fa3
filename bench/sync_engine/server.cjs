// The engine's processWebhook behind node:http, as its README shows: server.cjs PORT.
// CommonJS: the migrations of version 0.48.5 do not run from its ESM build.
const http = require('node:http')
const { StripeSync, runMigrations } = require('@supabase/stripe-sync-engine')

async function main() {
  const url = process.env.DATABASE_URL
  await runMigrations({ databaseUrl: url, schema: 'stripe', logger: console })
  const sync = new StripeSync({
    poolConfig: { connectionString: url, max: 10, keepAlive: true },
    schema: 'stripe',
    stripeSecretKey: process.env.STRIPE_SECRET_KEY,
    stripeWebhookSecret: process.env.STRIPE_WEBHOOK_SECRET,
  })
  const server = http.createServer((request, response) => {
    const chunks = []
    request.on('data', (chunk) => chunks.push(chunk)).on('end', async () => {
      try {
        await sync.processWebhook(Buffer.concat(chunks), request.headers['stripe-signature'])
        response.writeHead(200, { 'content-type': 'application/json' }).end('{"received":true}')
      } catch (error) {
        console.error(error)
        response.writeHead(500).end(String(error))
      }
    })
  })
  server.listen(Number(process.argv[2]), '127.0.0.1')
}

main()
