// What the panel promises beside the transcripts: quick and small, accessible in light, dark and on a phone, reset, no
// network once it is loaded, left by keyboard, and a sentence for each thing that can be wrong.
// node panel.test.mjs URL [whole|wrong]   (CHROMIUM: the browser; PLAY_SCREENSHOTS: a folder for pictures)
import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus, loadavg } from 'node:os'
import puppeteer from 'puppeteer-core'

const [base, only] = process.argv.slice(2)
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const pictures = process.env.PLAY_SCREENSHOTS
const problems = []
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))
const check = (ok, text) => {
  console.log(`${ok ? '✔' : '✘'} ${text}`)
  if (!ok) problems.push(text)
}

// On a machine that does other things too a time says nothing: then it is reported only.
function quick(milliseconds, limit, what) {
  const load = loadavg()[0]
  const text = `${what}: ${(milliseconds / 1000).toFixed(1)} s (at most ${limit}; load ${load.toFixed(1)})`
  if (load > cpus().length + 1) console.log('- ' + text)
  else check(milliseconds <= limit * 1000, text)
}

const launch = (...flags) => puppeteer.launch({ executablePath: process.env.CHROMIUM || '/usr/bin/chromium', protocolTimeout: 300000,
  args: ['--no-sandbox', '--disable-gpu', ...flags] })

// open shows a page; prepare may change the tab before that.
async function open(browser, path, prepare = async () => {}) {
  const tab = await browser.newPage()
  await tab.setViewport({ width: 1400, height: 900 })
  await prepare(tab)
  await tab.goto(base + path, { waitUntil: 'networkidle0', timeout: 120000 })
  await listen(tab)
  return tab
}

const listen = (tab) => tab.evaluate(() => {
  window.seen = []
  for (const name of ['lab-ready', 'lab-ran', 'lab-reset']) addEventListener(name, (e) => window.seen.push({ name, ...e.detail }))
})

const press = (tab) => tab.evaluate(() => document.querySelector('.run-here button').click())
const seen = (tab, name, count) =>
  tab.waitForFunction((n, c) => window.seen.filter((s) => s.name === n).length >= c, { timeout: 240000, polling: 50 }, name, count)
const last = (tab, name) => tab.evaluate((n) => window.seen.filter((s) => s.name === n).pop(), name)

// memory of the tab's process, in MB: all of it, and what is its own, which browsers show as the tab's memory.
async function memory(browser) {
  const session = await browser.target().createCDPSession()
  const { processInfo } = await session.send('SystemInfo.getProcessInfo')
  const of = (pid, what) => Number(new RegExp(`${what}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1000
  const tabs = processInfo.filter((p) => p.type === 'renderer').map((p) => ({ all: of(p.id, 'VmRSS'), own: of(p.id, 'RssAnon') }))
  return tabs.sort((a, b) => b.own - a.own)[0]
}

async function accessible(tab, what) {
  await tab.evaluate(axe)
  const found = await tab.evaluate(() => axe.run('.lab', { runOnly: ['wcag2a', 'wcag2aa'] }))
  const serious = found.violations.filter((v) => ['serious', 'critical'].includes(v.impact))
  check(serious.length === 0, `accessible, ${what} ${serious.map((v) => `${v.id}: ${v.nodes[0].html.slice(0, 150)}`).join('; ')}`)
}

async function wholeStory() {
  const browser = await launch()
  const strangers = []
  const tab = await open(browser, '03-step01-uts', async (t) => {
    t.on('request', (r) => { if (!/^(data|blob):/.test(r.url()) && !r.url().startsWith(base)) strangers.push(r.url()) })
    await t.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'light' }])
  })
  check(await tab.evaluate(() => !performance.getEntriesByType('resource').some((r) => r.name.includes('/play/'))), 'nothing of the machine is loaded before the button')
  await press(tab)
  await seen(tab, 'lab-ready', 1)
  console.log(`- ready, nothing in the cache: ${((await last(tab, 'lab-ready')).milliseconds / 1000).toFixed(1)} s`)
  await tab.reload({ waitUntil: 'networkidle0' })
  await listen(tab)
  await press(tab)
  await seen(tab, 'lab-ready', 1)
  quick((await last(tab, 'lab-ready')).milliseconds, 3, 'ready, from the cache')
  await tab.setOfflineMode(true)
  const began = Date.now()
  await tab.click('.lab button.next')
  await seen(tab, 'lab-ran', 1)
  quick(Date.now() - began, 3, "the first command's answer")
  await tab.click('.lab button.all')
  await seen(tab, 'lab-ran', 4)
  check(true, 'runs without a network')

  await looks(tab)
  await keyboard(tab)
  await resets(browser, tab)
  await background(browser, tab)

  await tab.click('.lab button.stop')
  check(await tab.evaluate(() => document.querySelector('.lab').style.display === 'none'), 'turned off')
  // The browser gives memory back when it collects, which it does at its leisure.
  const collector = await tab.createCDPSession()
  let off
  for (let tries = 0; tries < 10; tries++) {
    await sleep(2000)
    await collector.send('HeapProfiler.collectGarbage')
    off = await memory(browser)
    if (off.own <= 150) break
  }
  check(off.own <= 150 && tab.workers().length === 0, `turned off, the tab has ${Math.round(off.own)} MB of its own, ${tab.workers().length} threads`)
  await press(tab)
  await seen(tab, 'lab-ready', 2)
  check(true, 'starts again without a network')
  check(strangers.length === 0, `asks no other host ${strangers}`)
  await browser.close()
}

async function looks(tab) {
  if (pictures) mkdirSync(pictures, { recursive: true })
  const picture = async (name) => { if (pictures) await tab.screenshot({ path: `${pictures}/${name}.png` }) }
  await accessible(tab, 'light')
  await picture('light')
  await tab.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'dark' }])
  await tab.waitForFunction(() => document.documentElement.classList.contains('dark'))
  await sleep(1000) // colours change slowly
  await accessible(tab, 'dark')
  await picture('dark')
  await tab.setViewport({ width: 390, height: 844 })
  await accessible(tab, 'phone')
  const box = await tab.$eval('.lab', (e) => { const r = e.getBoundingClientRect(); return [r.left, r.top, r.width, r.height] })
  check(box.join() === '0,0,390,844', 'full screen on a phone')
  await picture('phone')
  await tab.setViewport({ width: 1400, height: 900 })
}

async function keyboard(tab) {
  await tab.focus('.lab .xterm textarea')
  await tab.keyboard.down('Shift')
  await tab.keyboard.press('Escape')
  await tab.keyboard.up('Shift')
  check(await tab.evaluate(() => document.activeElement.className === 'close'), 'Shift+Escape leaves the terminal')
  check((await tab.$('.lab .xterm [aria-live]')) === null, 'output is not read aloud unasked')
  await tab.click('.lab .announce input')
  check((await tab.$('.lab .xterm [aria-live]')) !== null, 'output is in a live region when asked for')
}

async function resets(browser, tab) {
  const threads = tab.workers().length
  const before = await memory(browser)
  let slowest = 0
  for (let n = 1; n <= 10; n++) {
    await tab.click('.lab button.reset')
    await seen(tab, 'lab-reset', n)
    slowest = Math.max(slowest, (await last(tab, 'lab-reset')).milliseconds)
  }
  quick(slowest, 1, 'the slowest of ten resets')
  await tab.click('.lab button.next')
  await seen(tab, 'lab-ran', 5)
  check((await last(tab, 'lab-ran')).output.trim() === 'lab', 'runs after ten resets')
  await sleep(2000)
  const after = await memory(browser)
  check(tab.workers().length === threads, `threads before ten resets ${threads}, after ${tab.workers().length}`)
  check(after.own < before.own + 50, `the tab's own memory before ten resets ${Math.round(before.own)} MB, after ${Math.round(after.own)} MB`)
  const { all, own } = after
  check(own <= 400, `memory of the tab: ${Math.round(own)} MB of its own (at most 400); ${Math.round(all)} with what it shares with other tabs`)
}

// background: a tab that the browser has frozen goes on, and says what happened.
async function background(browser, tab) {
  const session = await tab.createCDPSession()
  await session.send('Page.setWebLifecycleState', { state: 'frozen' })
  await sleep(2000)
  await session.send('Page.setWebLifecycleState', { state: 'active' })
  const other = await browser.newPage()
  await other.bringToFront()
  await sleep(500)
  await tab.bringToFront()
  await tab.waitForFunction(() => !document.hidden)
  const text = await tab.$eval('.lab .status', (e) => e.textContent)
  check(/后台/.test(text), `after a time in the background: ${text}`)
  const ran = await tab.evaluate(() => window.seen.filter((s) => s.name === 'lab-ran').length)
  await tab.click('.lab button.next')
  await seen(tab, 'lab-ran', ran + 1)
  check(true, 'goes on after a time in the background')
  await other.close()
}

// wrong opens a page on which something is amiss: the panel says so, and the text is still there.
async function wrong(browser, what, pattern, prepare) {
  const tab = await open(browser, 'en/03-step01-uts', prepare)
  await press(tab)
  const text = await tab.waitForSelector('.lab .failure', { timeout: 120000 }).then((e) => e.evaluate((n) => n.textContent), (e) => e.message)
  check(pattern.test(text), `${what}: ${text}`)
  const readable = await tab.evaluate(() => document.querySelector('.vp-doc h1') !== null && document.querySelectorAll('.run-here button').length > 3)
  check(readable, `${what}: the page can be read`)
  await tab.close()
}

// instead answers for a file of the machine.
const instead = (name, answer) => async (tab) => {
  await tab.setRequestInterception(true)
  tab.on('request', (r) => (r.url().includes(name) ? r.respond(answer) : r.continue()))
}

// changed flips a bit of the saved machine on its way.
const changed = (sums) => (tab) => tab.evaluateOnNewDocument((withSums) => {
  if (!withSums) Object.defineProperty(crypto, 'subtle', { value: undefined })
  const real = window.fetch
  window.fetch = async (url, ...rest) => {
    const answer = await real(url, ...rest)
    if (!String(url).includes('.zst')) return answer
    const data = new Uint8Array(await answer.arrayBuffer())
    data[data.length >> 1] ^= 1
    return new Response(data)
  }
}, sums)

async function allThatIsWrong() {
  const browser = await launch()
  await wrong(browser, 'no state', /cannot be had.*docs\.sh machine/, instead('.zst', { status: 404, body: '' }))
  await wrong(browser, 'no emulator', /cannot be had.*docs\.sh machine/, instead('.wasm', { status: 404, body: '' }))
  await wrong(browser, 'an empty state', /incomplete.*cache/, instead('.zst', { status: 200, body: '' }))
  await wrong(browser, 'half a state', /incomplete.*cache/, instead('.zst', { status: 200, body: Buffer.alloc(1000) }))
  await wrong(browser, "another build's state", /another build/, changed(true))
  await wrong(browser, "another build's state, without checksums", /another build/, changed(false))
  await wrong(browser, 'an emulator that is none', /no WebAssembly/, instead('.wasm', { status: 200, body: 'not one' }))
  await browser.close()
  for (const [what, pattern, flag] of [
    ['WebAssembly off', /no WebAssembly.*another browser/, '--jitless'],
    ['too little memory to unpack', /not enough memory.*Close some tabs/, '--wasm-max-mem-pages=400'],
    ['too little memory for the machine', /not enough memory.*Close some tabs/, '--wasm-max-mem-pages=1600'],
  ]) {
    const poor = await launch('--js-flags=' + flag)
    await wrong(poor, what, pattern)
    await poor.close()
  }
}

const { machines } = await (await fetch(base + 'play/machine.json')).json()
for (const [name, { size }] of Object.entries(machines)) check(size <= 35e6, `machine ${name}: ${(size / 1e6).toFixed(1)} MB (at most 35)`)
if (only !== 'wrong') await wholeStory()
if (only !== 'whole') await allThatIsWrong()
console.log(`panel: ${problems.length} problems`)
process.exit(problems.length === 0 ? 0 : 1)
