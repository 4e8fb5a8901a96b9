// Recordings of the transcripts that a chapter runs: what the page prints, and what the checks have executed, as an
// asciicast (asciinema's format, version 2). Made when the site is built, so text and recording are the same.

const heading = /^(运行|跑起来|Run it)/
const key = 0.04, pause = 0.6 // seconds: for a typed character, and before and after an output

// castOf turns a block's text into the lines of an asciicast.
function castOf(text) {
  const lines = text.replace(/\n$/, '').split('\n')
  const width = Math.max(80, ...lines.map((line) => line.length + 2))
  const events = []
  let time = 0
  const print = (output, wait) => events.push(JSON.stringify([Number((time += wait).toFixed(2)), 'o', output]))
  for (const line of lines) {
    const command = /^((?:box)?[#$] |> )(.*)$/.exec(line)
    if (!command) {
      print(line.replace(/[‹›]/g, '') + '\r\n', 0.05)
      continue
    }
    print(`\x1b[1;32m${command[1]}\x1b[0m`, pause)
    for (const character of command[2]) print(character, key)
    print('\r\n', pause)
  }
  print('', pause)
  return [JSON.stringify({ version: 2, width, height: Math.min(lines.length + 1, 30) }), ...events].join('\n')
}

export function casts(md) {
  md.core.ruler.push('casts', (state) => {
    let shown = false
    state.tokens.forEach((token, i) => {
      if (token.type === 'heading_open' && token.tag === 'h2') shown = heading.test(state.tokens[i + 1].content)
      if (shown && token.type === 'fence' && /^console\b.*\brun\b/.test(token.info.replace(/"[^"]*"/g, '')))
        token.meta = { ...token.meta, cast: castOf(token.content) }
    })
  })
  const fence = md.renderer.rules.fence
  md.renderer.rules.fence = (tokens, index, ...rest) => {
    const cast = tokens[index].meta?.cast
    const html = fence(tokens, index, ...rest)
    return cast ? `${html}<Cast data="${encodeURIComponent(cast).replaceAll("'", '%27')}" />` : html
  }
}
