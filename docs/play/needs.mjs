// What the machines in the page can do: which transcripts have the button "run it here", and why the others have none.

const common = ['overlay', 'busybox', 'jq', 'cgroup', 'cgroup-ns', 'time-ns', 'strace', 'iptables', 'losetup']
export const abilities = { v2: [...common, 'cgroup-v2'], v1: [...common, 'cgroup-v1', 'net_cls'] }

// Programs that are not in the machine, and words in a command that tell that it wants them.
const absent = [
  [/\bbin\/(mydocker|myrunc)\b|\.\/step06-final(?!\/small)|^mydocker /, 'the full engine is not in this machine'],
  [/\.\/scripts\/(?!mkrootfs\.sh)/, "the course's test scripts are not in this machine"],
  [/\b(gcc|curl|python3?|git|systemctl|systemd-run|runc|crun|podman|slirp4netns)\b/, 'the program is not in this machine'],
]

// commandsOf takes the commands out of a console block, as scripts/doccheck does.
export function commandsOf(text) {
  const commands = []
  for (const line of text.split('\n')) {
    const prompt = /^(box[#$]|[#$]) (.*)$/.exec(line)
    const last = commands[commands.length - 1]
    if (prompt) commands.push({ prompt: prompt[1], text: prompt[2], printed: false })
    else if (last && line.startsWith('> ') && !last.printed) last.text += '\n' + line.slice(2)
    else if (last) last.printed = true
  }
  return commands.map(({ prompt, text }) => ({ prompt, text }))
}

// attribute is the value of name="value" in a fence's first line.
const attribute = (info, name) => new RegExp(`\\b${name}="([^"]*)"`).exec(info)?.[1] ?? ''

// blocksOf lists the console blocks of a page that are executed somewhere ("run"), or that are for this machine alone
// ("play"): which machine each is for, or why none can do it. The blocks of a page run one after the other on the
// same machine, so a page that has a block for cgroup v1 is for v1, but for its blocks for v2. noplay="reason" says why
// neither machine can do a block that any other can.
export function blocksOf(fences, built) {
  const console = fences.filter((f) => /^console\b.*\b(run|play)\b/.test(f.info.replace(/"[^"]*"/g, '')))
  const ofPage = console.some((f) => /\bcgroup-v1\b/.test(attribute(f.info, 'needs'))) && built.includes('v1') ? 'v1' : 'v2'
  return console.map((f) => {
    const commands = commandsOf(f.content)
    const needs = attribute(f.info, 'needs').split(' ').filter(Boolean)
    const missing = absent.find(([pattern]) => commands.some((c) => pattern.test(c.text)))
    const reason = missing?.[1] || attribute(f.info, 'noplay')
    if (reason) return { commands, reason }
    const machine = [ofPage, ...Object.keys(abilities)].find((m) => built.includes(m) && needs.every((n) => abilities[m].includes(n)))
    if (!machine) return { commands, reason: `needs ${needs.join(' ')}` }
    return { commands, machine }
  })
}
