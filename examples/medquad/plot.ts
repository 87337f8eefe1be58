import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'

/** What a page's background asks for. */
export type Theme = 'light' | 'dark'

/** Colours of a plot: its background, text, lines of a grid, two kinds of marks, and marks that matter less. */
export const inks = {
  light: { paper: '#ffffff', ink: '#333333', faint: '#dddddd', first: '#1b5e9e', second: '#b3541e', grey: '#888888' },
  dark: { paper: '#0d1117', ink: '#c9d1d9', faint: '#30363d', first: '#6cb0f5', second: '#f0a060', grey: '#8b949e' },
} as const

/** Draws a plot as a file of SVG that stands by itself; `description` is for those who cannot see it. */
export function drawPlot(description: string, theme: Theme, options: Plot.PlotOptions): string {
  const { document } = parseHTML('<!doctype html><html><body></body></html>')
  const { paper, ink } = inks[theme]
  const svg = Plot.plot({
    ...{ document, marginLeft: 56, marginBottom: 44 },
    style: { background: paper, color: ink, fontSize: '12px', fontFamily: 'system-ui, sans-serif' },
    ...options,
  })
  svg.querySelector('style')?.remove()
  svg.setAttribute('xmlns', namespace)
  svg.setAttribute('role', 'img')
  svg.setAttribute('aria-label', description)
  for (const part of svg.querySelectorAll('[aria-label]')) part.removeAttribute('aria-label')
  const title = document.createElementNS(namespace, 'title')
  title.textContent = description
  svg.prepend(title)
  return `${svg.outerHTML}\n`
}

const namespace = 'http://www.w3.org/2000/svg'
