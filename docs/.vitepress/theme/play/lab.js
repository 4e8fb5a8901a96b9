// The machine behind the panel: a saved one, started in a thread (machine.worker.js), with a shell on each of its two
// serial lines.
import Machine from './machine.worker.js?worker&inline'
import Unpack from './unpack.worker.js?worker&inline'

// A Failure has the name of the sentence that the panel says about it (words.js, errors).
export class Failure extends Error {
  constructor(name, detail = '') {
    super(detail)
    this.name = name
  }
}

// What was downloaded, while the page lives: the next start needs no network. Blobs are not in the page's own memory.
const machines = new Map()
let emulator = null

async function answerOf(url) {
  let answer
  try {
    answer = await fetch(url)
  } catch (error) {
    throw new Failure('missing', error.message)
  }
  if (!answer.ok) throw new Failure('missing', `${url}: ${answer.status}`)
  return answer
}

async function download(url, expected, progress) {
  if (machines.has(url)) return machines.get(url)
  const data = new Uint8Array(expected.size)
  let have = 0
  const reader = (await answerOf(url)).body.getReader()
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
  machines.set(url, new Blob([data]))
  return machines.get(url)
}

// compile fetches the emulator, once for all machines.
async function compile(url) {
  if (emulator) return emulator
  const answer = await answerOf(url)
  try {
    emulator = await WebAssembly.compile(await answer.arrayBuffer())
  } catch (error) {
    throw new Failure('wasm', error.message)
  }
  return emulator
}

// unpack makes the raw machine of a downloaded one.
function unpack(module, packed, length) {
  const thread = new Unpack()
  return new Promise((resolve, reject) => {
    thread.onerror = (event) => reject(new Failure('other', event.message))
    thread.onmessage = ({ data }) => (data.raw ? resolve(data.raw) : reject(new Failure(data.failure, data.message)))
    thread.postMessage({ module, packed, length })
  }).finally(() => thread.terminate())
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
    // the end of the typed line belongs to the prompt before. A shell takes keys when its prompt is there, not before.
    if (!this.text.includes('\n')) return
    if (byte === 7 && this.text.endsWith('\x1b]133;A\x07')) {
      this.marked = true
      this.settle(2000)
    } else if (this.marked) {
      // eslint-disable-next-line no-control-regex
      if (byte === 32 && /\x1b\]133;A\x07[^\n]{0,30}[#$] $/.test(this.text.slice(-64))) this.settle(60)
    } else {
      this.cancel()
      if (byte === 32 && /[\r\n](\S{0,20} ?)?[#$] $/.test(this.text.slice(-64))) this.settle(700)
    }
  }

  settle(wait) {
    this.cancel()
    this.timer = setTimeout(() => this.end(), wait)
  }

  end() {
    this.cancel()
    this.finished?.(this.output())
    this.finished = null
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
  // base is the folder with the machine's files; expected is {size, raw, sha256}.
  static async start({ base, machine, expected, progress }) {
    if (typeof WebAssembly !== 'object') throw new Failure('wasm')
    const version = '?' + expected.sha256.slice(0, 12)
    const packed = await download(`${base}${machine}.zst${version}`, expected, progress)
    progress(expected.size, true)
    const module = await compile(`${base}v86.wasm${version}`)
    const lab = new Lab(module, await unpack(module, packed, expected.raw))
    await lab.boot()
    return lab
  }

  constructor(module, raw) {
    Object.assign(this, { module, raw, lines: [new Line(), new Line()], broken: () => {} })
  }

  boot() {
    this.thread = new Machine()
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Failure('other', '60 s')), 60000)
      const fail = (failure) => {
        clearTimeout(late)
        this.stop()
        reject(failure) // when it is too late for that, broken tells
        this.broken(failure)
      }
      this.thread.onerror = (event) => fail(new Failure('other', event.message))
      this.thread.onmessage = ({ data }) => {
        if (data.bytes) return this.receive(data.port, data.bytes)
        if (data.failure) return fail(new Failure(data.failure, data.message))
        clearTimeout(late)
        resolve()
      }
      this.thread.postMessage({ module: this.module, raw: this.raw })
    })
  }

  receive(port, bytes) {
    const line = this.lines[port]
    for (const byte of bytes) line.receive(byte)
    line.written(bytes)
  }

  onOutput(port, written) {
    this.lines[port].written = written
  }

  // onBroken is told when a machine that ran runs no more.
  onBroken(broken) {
    this.broken = broken
  }

  // type sends keys as they are.
  type(port, text) {
    this.thread?.postMessage({ port, bytes: new TextEncoder().encode(text) })
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

  // reset ends this machine and gives the same one as it was in the beginning.
  async reset() {
    this.stop()
    const fresh = new Lab(this.module, this.raw)
    await fresh.boot()
    return fresh
  }

  // stop ends the thread; who waits for a command hears that it has ended.
  stop() {
    this.thread?.terminate()
    this.thread = null
    for (const line of this.lines) line.end()
  }
}
