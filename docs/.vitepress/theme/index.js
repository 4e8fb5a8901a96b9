import DefaultTheme from 'vitepress/theme-without-fonts'
import { withMachine } from '#play'
import Cast from './Cast.vue'
import Slides from './Slides.vue'
import './book.css'

const theme = {
  extends: DefaultTheme,
  Layout: DefaultTheme.Layout,
  enhanceApp({ app }) {
    app.component('Cast', Cast)
    app.component('Slides', Slides)
  },
}

export default withMachine(theme)
