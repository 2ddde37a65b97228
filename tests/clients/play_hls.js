// Plays an HLS URL with hls.js in headless Chromium: node play_hls.js INSTALLED PROFILE URL
//
// Prints the account that play_hls.html keeps as one line of JSON, four times a second, until standard input closes. Each line is
// the whole account so far. The page comes from an origin of its own, as an operator's web player would.
const { spawn } = require('child_process')
const { readFileSync } = require('fs')
const { createServer } = require('http')
const { join } = require('path')

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

const browser = spawn('chromium', [
  '--headless=new', '--remote-debugging-pipe', `--user-data-dir=${profile}`,
  // Containers rarely allow Chromium's sandbox, and nothing but our own page is opened.
  '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage',
  '--autoplay-policy=no-user-gesture-required', '--mute-audio',
  // Nobody looks at the page, and it must be shown as if.
  '--disable-background-timer-throttling', '--disable-backgrounding-occluded-windows', '--disable-renderer-backgrounding',
  // Nothing but loopback.
  '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run', '--no-proxy-server',
  '--disable-features=OptimizationHints,MediaRouter', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
], { stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'], env: { ...process.env, HOME: profile, TMPDIR: profile } })
let complaints = ''
browser.stderr.on('data', (text) => { complaints = (complaints + text).slice(-4000) })

function end(problem) {
  if (problem) process.stderr.write(`${problem}\n${complaints}\n`)
  browser.removeAllListeners('exit')
  // Its own processes end with it, a moment later.
  browser.on('close', () => process.exit(problem ? 1 : 0))
  browser.kill('SIGKILL')
}
browser.on('error', (error) => { process.stderr.write(`chromium does not start: ${error.message}\n`); process.exit(1) })
browser.on('exit', (code, signal) => end(`chromium ended by itself (${code ?? signal})`))

// The DevTools protocol over two pipes: JSON texts, each with a zero byte behind it.
const [, , , commands, answers] = browser.stdio
const waiting = new Map()
let rest = ''
answers.setEncoding('utf8').on('data', (piece) => {
  const texts = (rest + piece).split('\0')
  rest = texts.pop()
  for (const text of texts) {
    const { id, result, error } = JSON.parse(text)
    const { resolve, reject } = waiting.get(id) ?? {}
    waiting.delete(id)
    if (error) reject?.(new Error(error.message))
    else resolve?.(result)
  }
})
// The browser may be gone already: its exit says so.
commands.on('error', () => {})
let last = 0
const call = (method, params = {}, sessionId = undefined) => new Promise((resolve, reject) => {
  waiting.set(++last, { resolve, reject })
  commands.write(`${JSON.stringify({ id: last, method, params, sessionId })}\0`)
})

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
