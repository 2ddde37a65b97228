// Opens a page in headless Chromium, fills its form in and prints what it shows: node open_page.js PROFILE URL FIELDS
//
// FIELDS is a JSON object of values by the id of their fields. Printed is one JSON object: the text of each element that has an id, and under
// "problems" what the page's own security policy, or its script, had against it.
const { launch } = require('./chromium.js')

const [profile, url, fields] = process.argv.slice(2)
const { call, end } = launch(profile)
const LONGEST = 60_000

async function open () {
  const { targetId } = await call('Target.createTarget', { url: 'about:blank' })
  const { sessionId } = await call('Target.attachToTarget', { targetId, flatten: true })
  const evaluate = async (expression) => {
    const { result } = await call('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true }, sessionId)
    return result.value
  }
  const until = async (expression) => {
    while (!(await evaluate(expression))) await new Promise((resolve) => setTimeout(resolve, 50))
  }
  await call('Page.enable', {}, sessionId)
  await call('Page.addScriptToEvaluateOnNewDocument', {
    source: `window.problems = [];
      addEventListener('securitypolicyviolation', (event) => problems.push(event.violatedDirective + ' ' + event.blockedURI));
      addEventListener('error', (event) => problems.push(event.message));`
  }, sessionId)
  await call('Page.navigate', { url }, sessionId)
  await until("location.href !== 'about:blank' && document.readyState === 'complete' && !!document.querySelector('form')")
  await evaluate(`for (const [id, value] of Object.entries(${fields})) document.getElementById(id).value = value;
    document.querySelector('form button').click()`)
  await until("document.querySelector('form button').disabled === false && document.querySelector('[role=status]').textContent.length > 0")
  const shown = await evaluate(`({ ...Object.fromEntries([...document.querySelectorAll('[id]')].map((one) => [one.id, one.textContent])),
    problems: window.problems })`)
  process.stdout.write(JSON.stringify(shown))
  end()
}

process.on('unhandledRejection', (error) => end(error.message))
setTimeout(() => end('the page shows nothing'), LONGEST).unref()
open()
