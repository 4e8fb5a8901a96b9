// What the buttons and the panel say.
import { computed } from 'vue'
import { useData } from 'vitepress'

const words = {
  zh: {
    here: '在这里运行',
    download: (mb) => `第一次要下载 ${mb} MB`,
    title: { v2: 'Linux 虚拟机（cgroup v2）', v1: 'Linux 虚拟机（cgroup v1）' },
    about: '与书里有什么不同',
    loading: (have, all) => `正在下载：${have} / ${all} MB`,
    starting: '正在恢复虚拟机……',
    ready: '虚拟机就绪',
    busy: '命令正在运行',
    away: '这一页刚才在后台，浏览器可能让虚拟机停了一会儿，现在它继续运行。命令没有反应，就按“重置”。',
    root: 'root 的终端',
    student: 'student 的终端',
    next: '运行这一条',
    all: '运行全部',
    command: '下一条命令（可以修改）',
    done: '这一段的命令都运行过了，可以在终端里继续。',
    reset: '重置',
    stop: '关机',
    close: '收起',
    announce: '朗读输出',
    leave: '在终端里按 Shift+Esc 离开终端。',
    switched: '换了一台虚拟机：前一台里的改动没有了。',
    errors: {
      wasm: '这个浏览器不能用 WebAssembly，虚拟机启动不了。换一个浏览器，或在浏览器设置里允许 WebAssembly；正文照常可读。',
      missing: (what) => `虚拟机的文件取不到（${what}）。用 scripts/docs.sh machine 重新生成，再 scripts/docs.sh build；正文照常可读。`,
      damaged: '虚拟机的文件不完整，或不是这一版网站的。清除浏览器缓存后再试；还不行，就重新运行 scripts/docs.sh machine 和 build。',
      memory: '内存不够，虚拟机启动不了（大约需要 400 MB）。关掉一些标签页，收起这个面板，再按一次按钮。',
      crashed: (what) => `虚拟机停下了（${what}），里面的改动没有了。再按一次“在这里运行”，就会启动一台新的。`,
      other: (what) => `虚拟机启动不了：${what}。刷新这一页再试。`,
    },
  },
  en: {
    here: 'Run it here',
    download: (mb) => `${mb} MB to download the first time`,
    title: { v2: 'A Linux machine (cgroup v2)', v1: 'A Linux machine (cgroup v1)' },
    about: 'what is different from the book',
    loading: (have, all) => `Downloading: ${have} of ${all} MB`,
    starting: 'Restoring the machine…',
    ready: 'The machine is ready',
    busy: 'A command is running',
    away: 'This page was in the background, where the browser may have held the machine up; it goes on now. If a command does not answer, press "Reset".',
    root: "root's terminal",
    student: "student's terminal",
    next: 'Run this one',
    all: 'Run all',
    command: 'The next command (you may change it)',
    done: 'All commands of this block have run. Go on in the terminal.',
    reset: 'Reset',
    stop: 'Turn off',
    close: 'Hide',
    announce: 'Read output aloud',
    leave: 'Shift+Esc leaves the terminal.',
    switched: 'This is another machine: what you changed in the one before is gone.',
    errors: {
      wasm: 'This browser has no WebAssembly, so the machine cannot start. Take another browser, or allow WebAssembly in its settings; the text can be read as always.',
      missing: (what) => `The machine's files cannot be had (${what}). Make them with scripts/docs.sh machine, then scripts/docs.sh build; the text can be read as always.`,
      damaged: "The machine's files are incomplete, or of another build of this site. Clear the browser's cache and try again; if that does not help, run scripts/docs.sh machine and build again.",
      memory: 'There is not enough memory for the machine (it takes about 400 MB). Close some tabs, hide this panel and press the button again.',
      crashed: (what) => `The machine has stopped (${what}), and what you changed in it is gone. Press "Run it here" again: that starts a new one.`,
      other: (what) => `The machine cannot start: ${what}. Reload this page and try again.`,
    },
  },
}

export function useWords() {
  const { lang } = useData()
  return computed(() => (lang.value.startsWith('zh') ? words.zh : words.en))
}
