// The machine's hardware: the same where it is booted and where it is shown, or a saved state does not fit.
export const settings = {
  memory_size: 192 * 1024 * 1024,
  vga_memory_size: 2 * 1024 * 1024,
  uart1: true,
  autostart: true,
  disable_keyboard: true,
  disable_mouse: true,
  disable_speaker: true,
}
