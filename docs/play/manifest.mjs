// Writes machine.json: node manifest.mjs OUT. The checksum of a state is what the page compares before it restores one:
// a state of another build, or half of one, must not be started. raw is its size when it is unpacked.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'

const [out] = process.argv.slice(2)
const machines = {}
for (const name of ['v2', 'v1']) {
  const file = `${out}/${name}.zst`
  if (!existsSync(file)) continue
  const data = readFileSync(file)
  const raw = execFileSync('zstd', ['-dcq', file], { maxBuffer: 1 << 30 }).length
  machines[name] = { size: data.length, raw, sha256: createHash('sha256').update(data).digest('hex') }
}
writeFileSync(`${out}/machine.json`, JSON.stringify({ machines }, null, 1) + '\n')
