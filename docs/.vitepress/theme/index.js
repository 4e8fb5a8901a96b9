import DefaultTheme from 'vitepress/theme-without-fonts'
import { withMachine } from '#play'
import './book.css'

export default withMachine(DefaultTheme)
