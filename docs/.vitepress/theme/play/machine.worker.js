// The machine, in a thread of its own: the page answers whatever the machine does, and when the thread is ended all its
// memory is free. Messages to it: {module, raw} once, {port, bytes}; from it: {ready}, {failure, message}, {port, bytes}.
import { V86 } from 'v86'
import { settings } from '../../../play/settings.mjs'

let emulator
let ready = false

onmessage = ({ data }) => {
  if (data.module) boot(data).catch(fail)
  else emulator?.serial_send_bytes(data.port, data.bytes)
}
onunhandledrejection = (event) => fail(event.reason)
onerror = (event) => fail(event)

// fail says what went wrong: memory when none could be had, crashed when the machine had been running.
function fail(error) {
  const name = ready ? 'crashed' : error instanceof RangeError ? 'memory' : 'other'
  postMessage({ failure: name, message: error?.message ?? String(error) })
}

async function boot({ module, raw }) {
  const state = await raw.arrayBuffer().catch((error) => { throw new RangeError(error.message) })
  const large = largeOf(state)
  emulator = new V86({
    ...settings,
    wasm_fn: async (imports) => part((await WebAssembly.instantiate(module, imports)).exports),
    initial_state: { buffer: state },
  })
  for (const port of [0, 1]) listen(port)
  emulator.add_listener('emulator-loaded', () => {
    ready = true
    giveBack(large)
    postMessage({ ready })
  })
}

// largeOf lists the buffers that are as large as the machine: the state, and the copy that the emulator takes of it and
// needs until it has started.
function largeOf(state) {
  const large = [state]
  state.slice = (from, to) => {
    const copy = ArrayBuffer.prototype.slice.call(state, from, to)
    if (copy.byteLength > 16 << 20) large.push(copy)
    return copy
  }
  return large
}

// giveBack frees buffers at once, where the collector might wait for long: they go away with a message to nobody.
function giveBack(buffers) {
  const { port1, port2 } = new MessageChannel()
  port2.close()
  port1.postMessage(null, buffers)
  port1.close()
}

// part is the emulator's WebAssembly. A new thread's memory is zeros: to write zeros over all of it would take it from the
// computer, and most of it the machine never touches.
function part(exports) {
  return {
    ...exports,
    zero_memory() {},
    allocate_memory(size) {
      try {
        return exports.allocate_memory(size)
      } catch (error) {
        throw new RangeError(error.message)
      }
    },
  }
}

// listen passes on what a serial line prints, in one piece for each turn of the emulator.
function listen(port) {
  let waiting = []
  const send = () => {
    postMessage({ port, bytes: Uint8Array.from(waiting) })
    waiting = []
  }
  emulator.add_listener(`serial${port}-output-byte`, (byte) => { if (waiting.push(byte) === 1) queueMicrotask(send) })
}
