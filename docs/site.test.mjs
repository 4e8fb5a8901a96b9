// Opens every page of the built site in a headless browser: no console errors, no failed request, pictures drawn, links
// alive, no serious accessibility problem in light and dark, and the search finds Chinese and Latin words.
// Usage: node site.test.mjs http://127.0.0.1:8000/   (CHROMIUM names the browser)
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, relative } from 'node:path'
import puppeteer from 'puppeteer-core'

const base = process.argv[2] || 'http://127.0.0.1:8000/'
const dist = new URL('.vitepress/dist', import.meta.url).pathname
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const problems = []
const report = (page, text) => problems.push(`${page}: ${text}`)

function pagesIn(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((f) =>
    f.isDirectory() ? (f.name === 'assets' ? [] : pagesIn(join(folder, f.name))) : f.name.endsWith('.html') ? [join(folder, f.name)] : [])
}

// A browser with one tab (one in the background would draw no frames, nor notice that the scheme changes); current says
// what it is at when something is wrong.
async function open() {
  const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM || '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] })
  const page = (await browser.pages())[0]
  const t = { browser, page, current: '' }
  page.on('console', (m) => m.type() === 'error' && report(t.current, 'console: ' + m.text()))
  page.on('pageerror', (e) => report(t.current, 'error: ' + e.message))
  page.on('requestfailed', (r) => report(t.current, 'request failed: ' + r.url()))
  page.on('request', (r) => { if (!r.url().startsWith(base) && !r.url().startsWith('data:')) report(t.current, 'asks another host: ' + r.url()) })
  return t
}

// A page is loaded once: then it is light, dark, and narrow.
async function visit(t, path) {
  const { page } = t
  t.current = `/${path}`
  await page.setViewport({ width: 1280, height: 900 })
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'light' }])
  const answer = await page.goto(base + path, { waitUntil: 'networkidle0' })
  if (![200, 304].includes(answer.status())) report(t.current, 'status ' + answer.status())
  const broken = await page.evaluate(() => [...document.images].filter((i) => !i.complete || i.naturalWidth === 0).map((i) => i.src))
  for (const src of broken) report(t.current, 'picture not drawn: ' + src)
  // Colours are judged when they have changed, not on their way.
  await page.addStyleTag({ content: '*, ::before, ::after { transition: none !important; animation: none !important }' })
  await page.evaluate(axe)
  for (const scheme of ['light', 'dark']) {
    t.current = `/${path} (${scheme})`
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }])
    await page.waitForFunction((dark) => document.documentElement.classList.contains('dark') === dark, { timeout: 30000 }, scheme === 'dark')
    const found = await page.evaluate(() => axe.run({ runOnly: ['wcag2a', 'wcag2aa'] }))
    for (const v of found.violations.filter((v) => ['serious', 'critical'].includes(v.impact)))
      report(t.current, `accessibility: ${v.id}: ${v.help}: ${v.nodes[0].html.slice(0, 120)}`)
  }
  // A narrow screen must not scroll sideways.
  t.current = `/${path} (phone)`
  await page.setViewport({ width: 390, height: 844 })
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
  if (wide > 1) report(t.current, `${wide} pixels wider than the screen`)
}

const pages = pagesIn(dist).map((f) => relative(dist, f).replace(/(index)?\.html$/, '')).filter((p) => p !== '404')
const waiting = [...pages]
const workers = [await open(), await open()]
await Promise.all(workers.map(async (t) => { while (waiting.length > 0) await visit(t, waiting.shift()) }))

const t = workers[0], page = t.page
await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'light' }])
await page.setViewport({ width: 1280, height: 900 })

for (const [home, words] of [['', ['命名空间', 'pivot_root', '白障', 'max_user_namespaces']], ['en/', ['namespace', 'pivot_root', 'whiteout']]]) {
  for (const word of words) {
    t.current = `/${home} search ${word}`
    await page.goto(base + home, { waitUntil: 'networkidle0' })
    await page.click('.DocSearch-Button')
    await page.waitForSelector('input#localsearch-input, .search-input', { timeout: 10000 })
    await page.type('.search-input', word)
    try {
      await page.waitForFunction(() => document.querySelectorAll('.results li[role=option], .results .result').length > 0, { timeout: 10000 })
    } catch {
      report(t.current, 'nothing found')
    }
  }
}

// The language switch leads to the same chapter in the other language.
t.current = 'language switch'
await page.goto(base + '03-step01-uts', { waitUntil: 'networkidle0' })
const other = await page.evaluate(() => [...document.querySelectorAll('a')].map((a) => a.getAttribute('href')).filter((h) => h && h.startsWith('/en/03-step01-uts')).length)
if (other === 0) report(t.current, 'no link to /en/03-step01-uts')

for (const w of workers) await w.browser.close()
for (const p of [...new Set(problems)]) console.log('✘ ' + p)
console.log(`${problems.length === 0 ? '✔' : '✘'} site: ${pages.length} pages, ${problems.length} problems`)
process.exit(problems.length === 0 ? 0 : 1)
