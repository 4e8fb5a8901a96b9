// Unpacks a saved machine, with the zstd that the emulator has in it. The result is a Blob: the browser keeps it outside
// of the page's memory, and a machine is started from it again and again without unpacking. This thread ends afterwards.
const piece = 4 << 20

onmessage = async ({ data: { module, packed, length } }) => {
  try {
    postMessage({ raw: await unpack(module, packed, length) })
  } catch (error) {
    postMessage({ failure: error instanceof RangeError ? 'memory' : 'damaged', message: String(error) })
  }
}

async function unpack(module, packed, length) {
  // Nothing of the emulator runs here, so that what it asks of the page need not work.
  const env = {}
  for (const { name, kind } of WebAssembly.Module.imports(module)) {
    env[name] = kind === 'table' ? new WebAssembly.Table({ element: 'anyfunc', initial: 4096 }) : () => 0
  }
  const zstd = (await WebAssembly.instantiate(module, { env })).exports
  const context = zstd.zstd_create_ctx(packed.size)
  const source = zstd.zstd_get_src_ptr(context) >>> 0
  new Uint8Array(zstd.memory.buffer, source, packed.size).set(new Uint8Array(await packed.arrayBuffer()))

  const pieces = []
  for (let have = 0; have < length; have += piece) {
    const size = Math.min(piece, length - have)
    const address = zstd.zstd_read(context, size) >>> 0
    if (address === 0) throw new Error(`not unpacked after ${have} bytes`)
    pieces.push(new Blob([new Uint8Array(zstd.memory.buffer, address, size)]))
    zstd.zstd_read_free(address, size)
  }
  return new Blob(pieces)
}
