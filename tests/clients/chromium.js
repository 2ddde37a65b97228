// Headless Chromium over the DevTools protocol: launch(profile) gives { call, end }.
const { spawn } = require('child_process')

exports.launch = (profile) => {
  const browser = spawn('chromium', [
    '--headless=new', '--remote-debugging-pipe', `--user-data-dir=${profile}`,
    // Containers rarely allow Chromium's sandbox, and nothing but our own pages are opened.
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
  return { call, end }
}
