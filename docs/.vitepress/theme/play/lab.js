// The machine behind the panel: v86 with a saved state, two serial lines with a shell on each.
import { V86 } from 'v86'
import { settings } from '../../../play/settings.mjs'

// A Failure has the name of the sentence that the panel says about it (words.js, errors).
export class Failure extends Error {
  constructor(name, detail = '') {
    super(detail)
    this.name = name
  }
}

// Saved states by address; kept while the page lives, so that a reset and the next chapter need no download.
const states = new Map()

async function download(url, expected, progress) {
  if (states.has(url)) return states.get(url)
  let answer
  try {
    answer = await fetch(url)
  } catch (error) {
    throw new Failure('missing', error.message)
  }
  if (!answer.ok) throw new Failure('missing', `${url}: ${answer.status}`)
  const data = new Uint8Array(expected.size)
  let have = 0
  const reader = answer.body.getReader()
  for (;;) {
    let part
    try {
      part = await reader.read()
    } catch {
      throw new Failure('damaged')
    }
    if (part.done) break
    if (have + part.value.length > expected.size) throw new Failure('damaged')
    data.set(part.value, have)
    have += part.value.length
    progress(have)
  }
  if (have !== expected.size) throw new Failure('damaged')
  // Without TLS, and not on this computer, browsers have no crypto.subtle: then the size must do.
  if (crypto.subtle) {
    const sum = new Uint8Array(await crypto.subtle.digest('SHA-256', data))
    const hex = [...sum].map((b) => b.toString(16).padStart(2, '0')).join('')
    if (hex !== expected.sha256) throw new Failure('damaged')
  }
  states.set(url, data.buffer)
  return data.buffer
}

// A Line is one serial line: what the last command printed, and whether it has ended.
class Line {
  marked = false // the shell that answers marks its prompts
  text = '' // since the last command was sent, as bytes
  written = () => {}
  finished = null
  timer = null

  receive(byte) {
    if (!this.finished) return // the reader types by himself
    this.text += String.fromCharCode(byte)
    // A shell that knows of the page says where its prompt begins; of another one only the look tells. What comes before
    // the end of the typed line belongs to the prompt before.
    if (!this.text.includes('\n')) return
    if (byte === 7 && this.text.endsWith('\x1b]133;A\x07')) {
      this.marked = true
      this.settle(60)
    } else if (!this.marked) {
      this.cancel()
      if (byte === 32 && /[\r\n](\S{0,20} ?)?[#$] $/.test(this.text.slice(-64))) this.settle(700)
    }
  }

  settle(wait) {
    this.cancel()
    this.timer = setTimeout(() => {
      this.timer = null
      this.finished?.(this.output())
      this.finished = null
    }, wait)
  }

  cancel() {
    clearTimeout(this.timer)
    this.timer = null
  }

  // output is what the command printed: after the mark "here it begins", or after the line that was typed.
  output() {
    let text = this.text
    const begin = text.indexOf('\x1b]133;C\x07')
    text = begin >= 0 ? text.slice(begin + 8) : text.slice(text.indexOf('\n') + 1)
    const end = text.lastIndexOf('\x1b]133;A\x07')
    text = end >= 0 ? text.slice(0, end) : text.replace(/[^\n]*$/, '')
    const bytes = Uint8Array.from(text, (c) => c.charCodeAt(0))
    // eslint-disable-next-line no-control-regex
    return new TextDecoder().decode(bytes).replace(/\x1b\][^\x07]*\x07/g, '').replace(/\x1b\[[0-9;?]*[A-Za-z]/g, '').replaceAll('\r', '')
  }
}

export class Lab {
  // base is the folder with the machine's files; expected is {size, sha256}.
  static async start({ base, machine, expected, progress }) {
    if (typeof WebAssembly !== 'object') throw new Failure('wasm')
    const state = await download(`${base}${machine}.zst?${expected.sha256.slice(0, 12)}`, expected, progress)
    progress(expected.size, true)
    const lab = new Lab()
    lab.state = state
    await lab.boot(base + 'v86.wasm')
    return lab
  }

  async boot(wasm) {
    let module
    try {
      const answer = await fetch(wasm)
      if (!answer.ok) throw new Failure('missing', `${wasm}: ${answer.status}`)
      module = await answer.arrayBuffer()
    } catch (error) {
      throw error instanceof Failure ? error : new Failure('missing', error.message)
    }
    const failed = new Promise((_, reject) => { this.fail = reject })
    try {
      this.emulator = new V86({
        ...settings,
        wasm_fn: async (imports) => {
          try {
            return (await WebAssembly.instantiate(module, imports)).instance.exports
          } catch (error) {
            this.fail(error instanceof RangeError ? new Failure('memory') : new Failure('wasm', error.message))
            throw error
          }
        },
        initial_state: { buffer: this.state },
      })
    } catch (error) {
      throw new Failure('other', error.message)
    }
    this.renew()
    for (const port of [0, 1]) this.emulator.add_listener(`serial${port}-output-byte`, (byte) => this.receive(port, byte))
    const ready = new Promise((resolve) => { this.emulator.add_listener('emulator-ready', resolve) })
    const late = new Promise((_, reject) => { setTimeout(() => reject(new Failure('other', '60 s')), 60000) })
    await Promise.race([ready, failed, late])
  }

  renew() {
    const written = this.lines?.map((l) => l.written) ?? []
    this.lines = [new Line(), new Line()]
    written.forEach((w, port) => { this.lines[port].written = w })
  }

  receive(port, byte) {
    this.lines[port].receive(byte)
    this.lines[port].written(byte)
  }

  onOutput(port, written) {
    this.lines[port].written = written
  }

  // type sends keys as they are.
  type(port, text) {
    this.emulator.serial_send_bytes(port, new TextEncoder().encode(text))
  }

  // run types a command and waits until its shell is at a prompt again.
  run(port, text) {
    const line = this.lines[port]
    line.cancel()
    Object.assign(line, { marked: false, text: '' })
    const finished = new Promise((resolve) => { line.finished = resolve })
    this.type(port, text.replaceAll('\n', '\r') + '\r')
    return finished
  }

  async reset() {
    this.renew()
    await this.emulator.restore_state(this.state)
  }

  async stop() {
    this.lines = [new Line(), new Line()]
    await this.emulator.destroy()
    this.emulator = null
  }
}
