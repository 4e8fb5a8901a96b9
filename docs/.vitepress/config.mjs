import { defineConfig } from 'vitepress'
import { readdirSync, readFileSync, existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { casts } from './cast.mjs'
import { machines, runHere } from '../play/markdown.mjs'
import { badges } from './badges.mjs'

const docs = join(dirname(fileURLToPath(import.meta.url)), '..')

// What proves that the programs do what the chapters say, and what one looks things up in.
const evidence = ['attacks', 'conformance', 'benchmark', 'kernels', 'faults', 'differences', 'vulnerabilities']
const reference = ['play', 'playground', 'commands', 'exercises', 'troubleshooting', 'troubleshooting-engine', 'offline', 'glossary', 'further-reading', 'history-corrections', 'contributing']

// The sections of the small engine, and those of step 6, in the order in which they are read.
const small = ['images', 'overlay', 'supervision', 'logs', 'exec', 'network', 'security'].map((n) => '08-small-' + n)
const engine = ['engine', 'images', 'overlay', 'supervision', 'logs', 'exec', 'network', 'security', 'oci', 'explain'].map((n) => '08-step06-' + n)

// A tour of the full engine's packages.
const packages = ['runtime', 'early', 'mounts', 'cgroup', 'spec', 'volumes', 'build', 'restart', 'seccomp', 'terminal', 'hostimage', 'registry'].map((n) => '09-' + n)

// Real services in containers.
const use = ['nginx', 'app', 'build', 'runtime'].map((n) => '10-use-' + n)

// sidebar lists the chapters that exist, under their own first heading.
function sidebar(language, base, groups) {
  const folder = join(docs, language)
  if (!existsSync(folder)) return []
  const names = readdirSync(folder).filter((f) => f.endsWith('.md')).map((f) => f.slice(0, -3)).sort()
  const entry = (name) => {
    const heading = /^# +(.*)$/m.exec(readFileSync(join(folder, name + '.md'), 'utf8'))
    return { text: heading ? heading[1].replaceAll('`', '') : name, link: base + (name === 'index' ? '' : name) }
  }
  const numbered = names.filter((n) => /^\d/.test(n))
  return [
    { text: groups[0], items: ['index', ...numbered.filter((n) => n < '03')].filter((n) => names.includes(n)).map(entry) },
    { text: groups[1], items: numbered.filter((n) => n >= '03' && n < '08').map(entry) },
    { text: groups[2], items: small.filter((n) => names.includes(n)).map(entry) },
    { text: groups[3], items: [...engine, ...packages].filter((n) => names.includes(n)).map(entry) },
    { text: groups[4], items: use.filter((n) => names.includes(n)).map(entry) },
    { text: groups[5], items: evidence.filter((n) => names.includes(n)).map(entry) },
    { text: groups[6], items: reference.filter((n) => names.includes(n)).map(entry) },
    { text: groups[7], items: classroom(language, base) },
  ].filter((group) => group.items.length > 0)
}

// classroom lists the pages below teach/, the plan first.
function classroom(language, base) {
  const folder = join(docs, language, 'teach')
  if (!existsSync(folder)) return []
  const names = readdirSync(folder).filter((f) => f.endsWith('.md')).map((f) => f.slice(0, -3)).sort()
  return [...names.filter((n) => n === 'index'), ...names.filter((n) => n !== 'index')].map((name) => {
    const heading = /^# +(.*)$/m.exec(readFileSync(join(folder, name + '.md'), 'utf8'))
    return { text: heading ? heading[1].replaceAll('`', '') : name, link: base + 'teach/' + (name === 'index' ? '' : name) }
  })
}

// Chinese is not written with spaces between words: every pair of neighbouring characters is a term, so that
// 命名空间 is found by any part of it. Latin words stay whole, with _ and - inside (pivot_root, uid-map).
function tokenize(text) {
  const terms = []
  for (const part of text.toLowerCase().match(/[\p{Script=Han}]+|[a-z0-9]+(?:[_-][a-z0-9]+)*/gu) || []) {
    if (!/\p{Script=Han}/u.test(part)) {
      terms.push(part)
    } else if (part.length === 1) {
      terms.push(part)
    } else {
      for (let i = 0; i + 1 < part.length; i++) terms.push(part.slice(i, i + 2))
    }
  }
  return terms
}

const searchZh = {
  button: { buttonText: '搜索', buttonAriaLabel: '搜索' },
  modal: {
    displayDetails: '显示详细列表',
    resetButtonTitle: '清除查询',
    backButtonTitle: '关闭搜索',
    noResultsText: '没有找到',
    footer: { selectText: '选择', navigateText: '切换', closeText: '关闭' },
  },
}

export default defineConfig({
  srcDir: '.',
  srcExclude: ['node_modules/**'],
  vite: {
    // The machine in the page, where scripts/docs.sh machine has built it; otherwise nothing of it is in the site.
    define: { __MACHINES__: JSON.stringify(machines) },
    worker: { rollupOptions: { output: { inlineDynamicImports: true } } }, // v86 asks for Node's modules, where there is Node
    resolve: { alias: { '#play': join(docs, '.vitepress/theme/play', machines ? 'index.js' : 'none.js') } },
  },
  rewrites: { 'zh/:rest*': ':rest*' },
  cleanUrls: true,
  head: [['link', { rel: 'icon', href: '/icon.svg', type: 'image/svg+xml' }]],
  lastUpdated: false,
  metaChunk: true,
  buildConcurrency: 1, // the search index has the pages in the order in which they were read: the same for every build
  locales: {
    root: {
      label: '中文',
      lang: 'zh-CN',
      title: '手写 Docker',
      description: '用 Go 从零写出一个容器引擎',
      themeConfig: {
        sidebar: sidebar('zh', '/', ['开始之前', '五个小程序', '小引擎', '完整的引擎', '用起来', '证据', '附录', '课堂']),
        outline: { label: '本页目录', level: [2, 3] },
        docFooter: { prev: '上一章', next: '下一章' },
        darkModeSwitchLabel: '外观',
        lightModeSwitchTitle: '切换到浅色',
        darkModeSwitchTitle: '切换到深色',
        sidebarMenuLabel: '目录',
        returnToTopLabel: '回到顶部',
        langMenuLabel: '语言',
        skipToContentLabel: '跳到正文',
        notFound: { title: '没有这一页', quote: '它也许换了名字。', linkLabel: '回到首页', linkText: '回到首页' },
      },
    },
    en: {
      label: 'English',
      lang: 'en',
      title: 'Docker by Hand',
      description: 'Write a container engine in Go, from nothing',
      themeConfig: {
        sidebar: sidebar('en', '/en/', ['Before you start', 'Five small programs', 'The small engine', 'The full engine', 'In use', 'Evidence', 'Reference', 'Classroom']),
        outline: { level: [2, 3] },
      },
    },
  },
  themeConfig: {
    search: {
      provider: 'local',
      options: {
        locales: { root: { translations: searchZh } },
        miniSearch: {
          options: { tokenize },
          searchOptions: { tokenize, combineWith: 'AND', prefix: true, fuzzy: false, boost: { title: 4, text: 2, titles: 1 } },
        },
      },
    },
  },
  markdown: {
    codeTransformers: [
      {
        // Added and removed lines of a diff get a background, so that it can be read without telling colours apart.
        name: 'diff-lines',
        line(node, number) {
          if (this.options.lang !== 'diff') return
          const line = this.source.split('\n')[number - 1]
          if (/^\+(?!\+\+ )/.test(line)) this.addClassToHast(node, 'added')
          if (/^-(?!-- )/.test(line)) this.addClassToHast(node, 'removed')
        },
      },
    ],
    theme: { light: 'github-light-high-contrast', dark: 'github-dark-high-contrast' },
    config(md) {
      // A snippet says which file it is from: ```go file=step01-uts/run.go func=run
      const fence = md.renderer.rules.fence
      md.renderer.rules.fence = (tokens, index, ...rest) => {
        const info = tokens[index].info
        // Only the language is for the highlighter: it takes any digits after it for numbers of lines to mark. A tab
        // (::: code-group) keeps its name, and whether it is the first.
        const tab = /\[[^\]]*\]/.exec(info)
        tokens[index].info = info.split(' ')[0] + (tab ? ' ' + tab[0] : '') + (/ active$/.test(info) ? ' active' : '')
        const english = rest[1]?.relativePath?.startsWith('en/')
        const html = badges(info, english ? 'en' : 'zh', md.utils.escapeHtml) + fence(tokens, index, ...rest)
        const file = /\bfile=(\S+)/.exec(info)
        if (!file) return html
        const step = /\bto=(\S+)/.exec(info)
        const label = md.utils.escapeHtml(step ? `${step[1]}/${file[1]}` : file[1])
        // The package and the imports of a file are there for whoever types the program in, but in nobody's way.
        if (/ head\b/.test(info)) {
          const words = english ? 'its package and imports' : '文件的开头（package 与 import）'
          return `<details class="head"><summary><code>${label}</code> ${words}</summary>${html}</details>`
        }
        return `<div class="from-source"><p class="source">${label}</p>${html}</div>`
      }
      // VitePress names tabs at random; the same source is to give the same bytes.
      const group = md.renderer.rules['container_code-group_open']
      md.renderer.rules['container_code-group_open'] = (tokens, index, options, env, self) => {
        const number = (env.groups = (env.groups || 0) + 1)
        const tabs = {}
        return group(tokens, index, options, env, self).replace(/(name|id|for)="(group|tab)-([^"]*)"/g, (_, name, kind, id) => {
          tabs[id] ??= `${number}-${Object.keys(tabs).length}`
          return `${name}="${kind}-${tabs[id]}"`
        })
      }
      casts(md)
      runHere(md)
    },
  },
})
