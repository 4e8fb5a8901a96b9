// What stands above a terminal transcript: what it needs, or that nobody but the reader executes it, and why.
const words = {
  zh: {
    needs: '需要', norun: '本书的检查不执行这一段：',
    overlay: 'overlay 文件系统', cgroup: 'cgroup', 'cgroup-v1': 'cgroup v1（CentOS 7）', 'cgroup-v2': 'cgroup v2',
    'cgroup-ns': 'cgroup 命名空间（Linux 4.6）', 'time-ns': '时间命名空间（Linux 5.6）', net_cls: 'net_cls 控制器',
  },
  en: {
    needs: 'needs', norun: "not executed by the book's checks: ",
    overlay: 'the overlay file system', cgroup: 'cgroups', 'cgroup-v1': 'cgroup v1 (CentOS 7)', 'cgroup-v2': 'cgroup v2',
    'cgroup-ns': 'cgroup namespaces (Linux 4.6)', 'time-ns': 'time namespaces (Linux 5.6)', net_cls: 'the controller net_cls',
  },
}

// badges is the HTML for the first line of a console block, "" when there is nothing to say. A tab says it in its name.
export function badges(info, language, escape) {
  if (!info.startsWith('console') || /\[[^\]]*\]/.test(info)) return ''
  const say = words[language]
  const attribute = (name) => new RegExp(`\\b${name}="([^"]*)"`).exec(info)?.[1]
  const needs = (attribute('needs') ?? '').split(' ').filter(Boolean)
  const list = needs.map((n) => `<span class="badge needs">${say.needs} ${escape(say[n] ?? n)}</span>`)
  const reason = attribute('norun')
  if (reason) list.push(`<span class="badge norun">${say.norun}${escape(reason)}</span>`)
  return list.length ? `<p class="badges">${list.join(' ')}</p>` : ''
}
