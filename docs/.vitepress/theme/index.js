import DefaultTheme from 'vitepress/theme-without-fonts'
import { withMachine } from '#play'
import Slides from './Slides.vue'
import './book.css'

const theme = {
  extends: DefaultTheme,
  Layout: DefaultTheme.Layout,
  enhanceApp({ app }) {
    app.component('Slides', Slides)
  },
}

export default withMachine(theme)
