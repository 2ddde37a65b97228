// Plays an HLS URL with hls.js in headless Chromium: node play_hls.js INSTALLED PROFILE URL
//
// Prints the account that play_hls.html keeps as one line of JSON, four times a second, until standard input closes. Each line is
// the whole account so far. The page comes from an origin of its own, as an operator's web player would.
const { readFileSync } = require('fs')
const { createServer } = require('http')
const { join } = require('path')
const { launch } = require('./chromium.js')

const [installed, profile, url] = process.argv.slice(2)
const LONGEST = 3600_000

const files = {
  '/': ['text/html', readFileSync(join(__dirname, 'play_hls.html'))],
  '/hls.js': ['text/javascript', readFileSync(join(installed, 'node_modules/hls.js/dist/hls.min.js'))],
}
const pages = createServer((request, response) => {
  const [type, body] = files[request.url.split('?')[0]] ?? []
  response.writeHead(body ? 200 : 404, { 'content-type': type ?? 'text/plain' }).end(body)
})

const { call, end } = launch(profile)

async function play() {
  await new Promise((listening) => pages.listen(0, '127.0.0.1', listening))
  const page = `http://127.0.0.1:${pages.address().port}/?url=${encodeURIComponent(url)}`
  const { targetId } = await call('Target.createTarget', { url: page })
  const { sessionId } = await call('Target.attachToTarget', { targetId, flatten: true })
  setInterval(async () => {
    const params = { expression: 'window.report?.()', returnByValue: true }
    const { result } = await call('Runtime.evaluate', params, sessionId)
    if (result.value) process.stdout.write(`${JSON.stringify(result.value)}\n`)
  }, 250)
}

process.on('unhandledRejection', (error) => end(error.message))
process.stdin.on('end', () => end()).resume()
process.stdout.on('error', () => end())
setTimeout(() => end('nobody closed the standard input'), LONGEST).unref()
play()
