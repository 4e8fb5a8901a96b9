// The slides of the classroom: for each lesson of teach/notes.md its title and aim, the pictures of the pages that it
// reads, and its question. Taken from the pages when the site is built, so slides and book are never of two minds.
import { readFileSync } from 'node:fs'
import { dirname, join, basename } from 'node:path'
import { fileURLToPath } from 'node:url'

const docs = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const picture = /!\[([^\]]*)\]\(\.\.\/assets\/([^)\s]+)\)/g

// What the labels of notes.md are called in each language.
const labels = {
  zh: { aim: '目标', question: '提问' },
  en: { aim: 'Aim', question: 'Ask' },
}

const plain = (text) => text.replace(/\[([^\]]*)\]\([^)]*\)(\{[^}]*\})?/g, '$1').replace(/[`*]/g, '').trim()

// labelled is the text after a bold label, up to the next one.
function labelled(lesson, label) {
  const found = new RegExp(`\\*\\*${label}\\*\\*(?:：|: ?)([^\\n]*?)(?=\\*\\*[^*]+\\*\\*(?:：|: )|\\n|$)`).exec(lesson)
  return found ? plain(found[1]) : ''
}

// pictures of a page, each with the heading above it.
function pictures(language, name) {
  const text = readFileSync(join(docs, language, name), 'utf8')
  const title = plain(/^# +(.*)$/m.exec(text)[1])
  return [...text.matchAll(picture)].map((found) => {
    const above = [...text.slice(0, found.index).matchAll(/^#{2,3} +(.*)$/gm)].pop()
    return { title: above ? `${title} · ${plain(above[1])}` : title, alt: found[1], src: basename(found[2]) }
  })
}

function lessons(language) {
  const notes = readFileSync(join(docs, language, 'teach', 'notes.md'), 'utf8')
  return notes.split(/^## /m).slice(1).map((lesson) => {
    const names = [...lesson.matchAll(/\]\(\.\.\/([\w-]+\.md)\)/g)].map((found) => found[1])
    return {
      title: plain(lesson.slice(0, lesson.indexOf('\n'))),
      aim: labelled(lesson, labels[language].aim),
      question: labelled(lesson, labels[language].question),
      pictures: [...new Set(names)].filter((name) => /^\d/.test(name)).flatMap((name) => pictures(language, name)),
    }
  })
}

export default {
  watch: ['../../*/*.md', '../../*/teach/notes.md'],
  load: () => ({ zh: lessons('zh'), en: lessons('en') }),
}
