// Prints the book, chapter after chapter, into one PDF for each language. Usage: node pdf.mjs http://127.0.0.1:8000/
import { writeFileSync, readFileSync } from 'node:fs'
import puppeteer from 'puppeteer-core'

const base = process.argv[2]
const dist = new URL('.vitepress/dist/', import.meta.url).pathname
const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM || '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] })
const page = await browser.newPage()

// The letters in a PDF are those of this machine: without a Chinese font every one would be the same empty box.
const drawn = await page.evaluate(() => {
  const picture = (letter) => {
    const canvas = document.createElement('canvas')
    canvas.width = canvas.height = 40
    const context = canvas.getContext('2d')
    context.font = '30px sans-serif'
    context.fillText(letter, 4, 32)
    return canvas.toDataURL()
  }
  return picture('命') !== picture('名')
})
if (!drawn) {
  console.error('pdf: this machine has no Chinese font: apt-get install fonts-noto-cjk')
  process.exit(1)
}

for (const [language, home] of [['zh', ''], ['en', 'en/']]) {
  await page.goto(base + home, { waitUntil: 'networkidle0' })
  // The order of the book is the order of the sidebar.
  const links = await page.evaluate(() => [...document.querySelectorAll('.VPSidebar a')].map((a) => a.href))
  const chapters = []
  for (const link of links) {
    await page.goto(link, { waitUntil: 'networkidle0' })
    chapters.push(await page.evaluate(() => {
      document.querySelectorAll('details').forEach((d) => (d.open = true))
      document.querySelectorAll('img').forEach((i) => (i.src = i.src))
      return document.querySelector('.vp-doc').outerHTML
    }))
  }
  // One page with the site's own styles and all chapters.
  await page.goto(base + home, { waitUntil: 'networkidle0' })
  await page.evaluate((html) => {
    document.body.innerHTML = html.map((c) => `<article style="break-before: page; padding: 0 8px">${c}</article>`).join('')
  }, chapters)
  await page.addStyleTag({ content: 'pre, img, tr { break-inside: avoid } h1, h2, h3, h4 { break-after: avoid } .header-anchor, button.copy { display: none } pre code { white-space: pre-wrap !important; overflow-wrap: anywhere }' })
  await page.waitForNetworkIdle()
  const file = `mydocker-${language}.pdf`
  writeFileSync(dist + file, await page.pdf({
    format: 'A4', printBackground: true, outline: true, displayHeaderFooter: true,
    margin: { top: '18mm', bottom: '18mm', left: '16mm', right: '16mm' },
    headerTemplate: '<span></span>',
    footerTemplate: '<div style="width:100%;text-align:center;font-size:9px"><span class="pageNumber"></span></div>',
  }))
  console.log(`${file}: ${links.length} chapters, ${Math.round(readFileSync(dist + file).length / 1024)} kB`)
}
await browser.close()
