import type { Theme } from 'vitepress'
import theme from 'vitepress/theme'
import { LiveFigure } from '../live/live-figure.ts'
import './style.css'
import './live.css'

export default {
  extends: theme,
  enhanceApp({ app }) {
    app.component('LiveFigure', LiveFigure)
  },
} satisfies Theme
