// The site with the machine: a button under the transcripts, and the panel with the terminals, loaded when it is opened.
import { defineAsyncComponent, defineComponent, h } from 'vue'
import RunHere from './RunHere.vue'
import { panel } from './panel.js'

const Panel = defineAsyncComponent(() => import('./Panel.vue'))

export const withMachine = (theme) => ({
  extends: theme,
  Layout: defineComponent({
    setup: () => () => h(theme.Layout, null, { 'layout-bottom': () => (panel.used ? h(Panel) : null) }),
  }),
  enhanceApp({ app }) {
    app.component('RunHere', RunHere)
  },
})
