// Boots the machine once and saves it: node boot.mjs v1|v2 CACHE STATE. Output of the boot goes to CACHE/boot-v?.log.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { V86 } from 'v86'
import { settings } from './settings.mjs'

const [machine, cache, stateFile] = process.argv.slice(2)
const buffer = (file) => {
  const data = readFileSync(file)
  return { buffer: data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength) }
}
const kernel = readdirSync(cache + '/kernel/boot').find((f) => f.startsWith('vmlinuz'))
const began = Date.now()
const emulator = new V86({
  ...settings,
  wasm_path: new URL('../node_modules/v86/build/v86.wasm', import.meta.url).pathname,
  bios: buffer(cache + '/bios/usr/share/seabios/bios.bin'),
  vga_bios: buffer(cache + '/bios/usr/share/seabios/vgabios-stdvga.bin'),
  bzimage: buffer(`${cache}/kernel/boot/${kernel}`),
  initrd: buffer(cache + '/initrd'),
  cmdline: `console=ttyS0 tsc=reliable mitigations=off init_on_alloc=0 init_on_free=1 random.trust_cpu=on swapaccount=1 audit=0 ${process.env.BOOT_VERBOSE ? '' : 'quiet '}MACHINE=${machine}`,
})

const seen = ['', '']
const finish = (status, text) => {
  writeFileSync(`${cache}/boot-${machine}.log`, seen.join('\n---- ttyS1\n'))
  console.log(`machine ${machine}: ${text} (${Math.round((Date.now() - began) / 1000)} s)`)
  process.exit(status)
}
const limit = Number(process.env.BOOT_SECONDS || 1800)
setTimeout(() => finish(1, `no prompt after ${limit} s: see ${cache}/boot-${machine}.log`), limit * 1000)

// Both shells stand at their prompts, and nothing has been written for a moment.
let quiet
for (const port of [0, 1]) {
  emulator.add_listener(`serial${port}-output-byte`, (byte) => {
    seen[port] += String.fromCharCode(byte)
    if (process.env.BOOT_VERBOSE) process.stderr.write(String.fromCharCode(byte))
    clearTimeout(quiet)
    if (/[#] $/.test(seen[0]) && /[$] $/.test(seen[1])) quiet = setTimeout(save, 3000)
  })
}

async function save() {
  emulator.stop()
  const state = await emulator.save_state()
  writeFileSync(stateFile, Buffer.from(state))
  finish(0, `saved, ${Math.round(state.byteLength / 1e6)} MB`)
}
