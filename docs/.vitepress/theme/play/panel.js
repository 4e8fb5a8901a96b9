// What the buttons in the text and the panel share.
import { reactive } from 'vue'

export const panel = reactive({
  used: false, // the panel has been opened on this page load
  open: false,
  machine: '', // v1 or v2
  block: null, // {number, commands}
})

export function show(machine, block) {
  Object.assign(panel, { machine, block, used: true, open: true })
}
