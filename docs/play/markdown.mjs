// The part of the site's build that puts a button under the transcripts. Only where the machine was built.
import { existsSync, readFileSync } from 'node:fs'
import { blocksOf } from './needs.mjs'

const manifest = new URL('../public/play/machine.json', import.meta.url)

// machines is what docs/play/machine.sh has built: {v2: {size, sha256}, …}, or null.
export const machines = existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')).machines : null

export function runHere(md) {
  if (!machines) return
  md.core.ruler.push('run-here', (state) => {
    const fences = state.tokens.filter((t) => t.type === 'fence' && t.info.startsWith('console'))
    const blocks = blocksOf(fences, Object.keys(machines))
    let number = 0
    for (const fence of fences) {
      if (!/\b(run|play)\b/.test(fence.info.replace(/"[^"]*"/g, ''))) continue
      const tab = /\[[^\]]*\]/.test(fence.info) // of a ::: code-group
      fence.meta = { ...fence.meta, play: { number, tab, ...blocks[number] } }
      number++
    }
  })
  const fence = md.renderer.rules.fence
  md.renderer.rules.fence = (tokens, index, ...rest) => {
    const html = fence(tokens, index, ...rest)
    const play = tokens[index].meta?.play
    if (!play?.machine) return html
    const commands = encodeURIComponent(JSON.stringify(play.commands))
    const button = `<RunHere machine="${play.machine}" :number="${play.number}" commands="${commands.replaceAll("'", '%27')}" />`
    // In a group of tabs it belongs to its tab, and the tabs are counted.
    return play.tab ? html.replace(/<\/div>\s*$/, button + '</div>') : html + button
  }
}
