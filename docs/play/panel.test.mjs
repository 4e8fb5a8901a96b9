// What the panel promises beside the transcripts: accessible in light, dark and on a phone; reset; no network once it is
// loaded; left by keyboard; a sentence for each thing that can be wrong. node panel.test.mjs URL (CHROMIUM: the browser)
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import puppeteer from 'puppeteer-core'

const base = process.argv[2]
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const problems = []
const check = (ok, text) => {
  console.log(`${ok ? '✔' : '✘'} ${text}`)
  if (!ok) problems.push(text)
}

const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM || '/usr/bin/chromium', protocolTimeout: 300000,
  args: ['--no-sandbox', '--disable-gpu', '--enable-precise-memory-info'] })

// open shows a chapter; prepare may change the tab before that.
async function open(path, prepare = async () => {}) {
  const tab = await browser.newPage()
  await tab.setViewport({ width: 1400, height: 900 })
  await prepare(tab)
  await tab.goto(base + path, { waitUntil: 'networkidle0', timeout: 120000 })
  await tab.evaluate(() => {
    window.seen = []
    for (const name of ['lab-ready', 'lab-ran', 'lab-reset']) addEventListener(name, (e) => window.seen.push({ name, ...e.detail }))
  })
  return tab
}

const press = (tab) => tab.evaluate(() => document.querySelector('.run-here button').click())
const seen = (tab, name, count, timeout = 120000) =>
  tab.waitForFunction((n, c) => window.seen.filter((s) => s.name === n).length >= c, { timeout, polling: 100 }, name, count)

async function accessible(tab, what) {
  await tab.evaluate(axe)
  const found = await tab.evaluate(() => axe.run('.lab', { runOnly: ['wcag2a', 'wcag2aa'] }))
  const serious = found.violations.filter((v) => ['serious', 'critical'].includes(v.impact))
  check(serious.length === 0, `accessible, ${what} ${serious.map((v) => `${v.id}: ${v.nodes[0].html.slice(0, 150)}`).join('; ')}`)
}

async function wholeStory() {
  const strangers = []
  const tab = await open('03-step01-uts', async (t) => {
    t.on('request', (r) => { if (!/^(data|blob):/.test(r.url()) && !r.url().startsWith(base)) strangers.push(r.url()) })
    await t.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'light' }])
  })
  check(await tab.evaluate(() => !performance.getEntriesByType('resource').some((r) => r.name.includes('/play/'))), 'nothing of the machine is loaded before the button')
  await press(tab)
  await seen(tab, 'lab-ready', 1)
  console.log('  ready, cold: ' + (await tab.evaluate(() => Math.round(window.seen[0].milliseconds))) + ' ms')
  await tab.setOfflineMode(true)
  const began = Date.now()
  await tab.click('.lab button.all')
  await seen(tab, 'lab-ran', 1)
  console.log(`  the first command's answer: ${Date.now() - began} ms`)
  await seen(tab, 'lab-ran', 4)
  check(true, 'goes on without a network')

  const folder = process.env.PLAY_SCREENSHOTS
  const picture = async (name) => { if (folder) await tab.screenshot({ path: `${folder}/${name}.png` }) }
  await accessible(tab, 'light')
  await picture('light')
  await tab.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'dark' }])
  await tab.waitForFunction(() => document.documentElement.classList.contains('dark'))
  await new Promise((resolve) => setTimeout(resolve, 1000)) // colours change slowly
  await accessible(tab, 'dark')
  await picture('dark')
  await tab.setViewport({ width: 390, height: 844 })
  await accessible(tab, 'phone')
  const box = await tab.$eval('.lab', (e) => { const r = e.getBoundingClientRect(); return [r.left, r.top, r.width, r.height] })
  check(box.join() === '0,0,390,844', 'full screen on a phone')
  await picture('phone')
  await tab.setViewport({ width: 1400, height: 900 })

  await tab.focus('.lab .xterm textarea')
  await tab.keyboard.down('Shift')
  await tab.keyboard.press('Escape')
  await tab.keyboard.up('Shift')
  check(await tab.evaluate(() => document.activeElement.className === 'close'), 'Shift+Escape leaves the terminal')
  await tab.click('.lab .announce input')
  check((await tab.$('.lab .xterm [aria-live]')) !== null, 'output is in a live region when asked for')

  const memory = async () => (await tab.evaluate(() => performance.memory.usedJSHeapSize)) / 1e6
  const before = await memory()
  for (let n = 1; n <= 10; n++) {
    const start = Date.now()
    await tab.click('.lab button.reset')
    await seen(tab, 'lab-reset', n)
    if (n === 1) console.log(`  a reset: ${Date.now() - start} ms`)
  }
  await tab.click('.lab button.next')
  await seen(tab, 'lab-ran', 5)
  check(await tab.evaluate(() => window.seen.filter((s) => s.name === 'lab-ran').pop().output.trim() === 'lab'), 'runs after ten resets')
  console.log(`  heap before the resets ${Math.round(before)} MB, after ${Math.round(await memory())} MB`)
  await tab.click('.lab button.stop')
  check(await tab.evaluate(() => document.querySelector('.lab').style.display === 'none'), 'turned off')
  check(strangers.length === 0, `asks no other host ${strangers}`)
  await tab.setOfflineMode(false)
  await tab.close()
}

// wrong opens a page on which something is amiss: the panel says so, and the text is still there.
async function wrong(what, pattern, prepare) {
  const tab = await open('en/03-step01-uts', prepare)
  await press(tab)
  const text = await tab.waitForSelector('.lab .failure', { timeout: 60000 }).then((e) => e.evaluate((n) => n.textContent), (e) => e.message)
  check(pattern.test(text), `${what}: ${text}`)
  check(await tab.evaluate(() => document.querySelector('.vp-doc h1') !== null), `${what}: the page can be read`)
  await tab.close()
}

// instead answers for the saved machine.
const instead = (answer) => async (tab) => {
  await tab.setRequestInterception(true)
  tab.on('request', (r) => (r.url().includes('.zst') ? r.respond(answer) : r.continue()))
}

if (process.env.PLAY_ONLY !== 'wrong') await wholeStory()
await wrong('no state', /cannot be had/, instead({ status: 404, body: '' }))
await wrong('half a state', /incomplete/, instead({ status: 200, body: Buffer.alloc(1000) }))
await wrong("another build's state", /another build/, (tab) => tab.evaluateOnNewDocument(() => {
  const real = window.fetch
  window.fetch = async (url, ...rest) => {
    const answer = await real(url, ...rest)
    if (!String(url).includes('.zst')) return answer
    const data = new Uint8Array(await answer.arrayBuffer())
    data[1000] ^= 1
    return new Response(data)
  }
}))
await wrong('no WebAssembly', /no WebAssembly/, (tab) => tab.evaluateOnNewDocument(() => { delete window.WebAssembly }))
await browser.close()
console.log(`panel: ${problems.length} problems`)
process.exit(problems.length === 0 ? 0 : 1)
