// Presses the buttons "run it here" of built pages in headless Chromium, as a reader does, and says what the machine
// printed. node drive.mjs URL <pages.json >lines of JSON; pages.json is [{page, blocks: [{info, content}]}]. (CHROMIUM names the browser)
import { readFileSync } from 'node:fs'
import puppeteer from 'puppeteer-core'
import { blocksOf } from './needs.mjs'

const base = process.argv[2]
const pages = JSON.parse(readFileSync(0, 'utf8'))
const limit = Number(process.env.PLAY_SECONDS || 240) * 1000 // for one block
const built = Object.keys(JSON.parse(readFileSync(new URL('../.vitepress/dist/play/machine.json', import.meta.url))).machines)
const say = (line) => process.stdout.write(JSON.stringify(line) + '\n')

const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM || '/usr/bin/chromium', protocolTimeout: 600000,
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-timer-throttling', '--disable-renderer-backgrounding'] })

async function open(page) {
  const tab = await browser.newPage()
  await tab.setViewport({ width: 1400, height: 900 })
  tab.on('request', (r) => { if (!/^(data|blob):/.test(r.url()) && !r.url().startsWith(base)) say({ problem: 'asks another host: ' + r.url() }) })
  tab.on('pageerror', (e) => say({ problem: 'error in the page: ' + e.message }))
  await tab.goto(base + page, { waitUntil: 'networkidle0', timeout: 120000 })
  await tab.evaluate(() => {
    window.ran = []
    window.ready = []
    addEventListener('lab-ran', (e) => window.ran.push(e.detail))
    addEventListener('lab-ready', (e) => window.ready.push(e.detail))
  })
  return tab
}

async function play(page, blocks) {
  const tab = await open(page)
  for (const [number, { reason }] of blocksOf(blocks, built).entries()) {
    if (reason) {
      say({ page, block: number, reason })
      continue
    }
    const button = await tab.$(`.run-here button[data-number="${number}"]`)
    if (!button) continue
    const machine = await button.evaluate((b) => b.dataset.machine)
    const began = Date.now()
    await button.evaluate((b) => { b.click(); return new Promise((resolve) => { setTimeout(resolve, 100) }) })
    let error = ''
    try {
      await tab.waitForSelector('.lab button.all:not(:disabled), .lab .failure', { timeout: 120000 })
      const failure = await tab.$eval('.lab .failure', (e) => e.textContent).catch(() => '')
      if (failure) throw new Error(failure)
      await tab.click('.lab button.all')
      await tab.waitForFunction((n) => {
        const own = window.ran.filter((r) => r.block === n)
        return !document.querySelector('#lab-command') && own.length > 0
      }, { timeout: limit, polling: 200 }, number)
    } catch (e) {
      error = e.message
    }
    const ran = await tab.evaluate((n) => window.ran.filter((r) => r.block === n), number)
    const screen = error ? await tab.evaluate(() => [...document.querySelectorAll('.lab .xterm-rows')].map((r) => r.innerText.trim()).join('\n----\n')) : ''
    say({ page, block: number, machine, seconds: (Date.now() - began) / 1000, outputs: ran.map((r) => r.output), error, screen })
    if (error) break // the shell waits for something: what follows would be typed into that
  }
  say({ page, ready: await tab.evaluate(() => window.ready) })
  await tab.close()
}

for (const { page, blocks } of pages) {
  await play(page, blocks).catch((error) => say({ problem: `${page}: ${error.message}` }))
}
await browser.close()
