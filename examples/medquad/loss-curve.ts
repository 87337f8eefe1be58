import { movingMean } from '../browser/moving-mean.ts'

/** A loss, in nats a token, after so many optimiser steps. */
export interface Point {
  readonly step: number
  readonly loss: number
}

const size = { width: 720, panel: 190, left: 56, right: 12, top: 30, bottom: 8, foot: 40 }

/**
 * Two panels as an SVG, each with its own scale: the loss on validation questions as a line, and each training step's
 * as a dot with their moving mean, which is noisy since steps read different texts.
 */
export function lossCurve(training: readonly Point[], validation: readonly Point[]): string {
  const means = movingMean(training.map(({ loss }) => loss))
  const smoothed = training.map(({ step, loss }, i) => ({ step, loss: means[i] ?? loss }))
  const last = Math.max(1, ...training.map(({ step }) => step))
  const height = 2 * size.panel + size.foot
  const x = (step: number) => size.left + (step / last) * (size.width - size.left - size.right)
  const ticks = [...new Set(Array.from({ length: 5 }, (_, i) => Math.round((last * i) / 4)))]
  const labels = ticks.map((tick) => text(x(tick), height - 24, String(tick), 'middle'))
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${height}" role="img" aria-label="Validation and training loss by step" font-family="system-ui, sans-serif" font-size="12">
<rect width="${size.width}" height="${height}" fill="#ffffff"/>
${panel(0, 'Validation loss, on diseases it is not trained on', validation, x, (y) => [line(validation, x, y), ...dots(validation, x, y, '#1b5e9e', 3)])}
${panel(size.panel, 'Training loss', training, x, (y) => [...dots(training, x, y, '#8fb8de', 2), line(smoothed, x, y)])}
${labels.join('\n')}
${text(size.width / 2, height - 6, 'optimiser step (loss in nats a token)', 'middle')}
</svg>`
}

type Scale = (value: number) => number

function panel(
  offset: number,
  title: string,
  points: readonly Point[],
  x: Scale,
  draw: (y: Scale) => string[],
): string {
  const losses = points.map(({ loss }) => loss)
  const [least, most] = [Math.min(...losses), Math.max(...losses)]
  const margin = Math.max(0.005, (most - least) / 10)
  const [low, high] = [least - margin, most + margin]
  const y = (loss: number) => offset + size.top + ((high - loss) / (high - low)) * (size.panel - size.top - size.bottom)
  const grid = Array.from({ length: 4 }, (_, i) => low + ((high - low) * i) / 3).map((tick) => {
    const at = y(tick).toFixed(1)
    const rule = `<line x1="${size.left}" x2="${size.width - size.right}" y1="${at}" y2="${at}" stroke="#dddddd"/>`
    return rule + text(size.left - 8, y(tick) + 4, tick.toFixed(2), 'end')
  })
  return [text(size.left, offset + 18, title, 'start'), ...grid, ...draw(y)].join('\n')
}

function line(points: readonly Point[], x: Scale, y: Scale): string {
  const places = points.map(({ step, loss }) => `${x(step).toFixed(1)},${y(loss).toFixed(1)}`)
  return `<polyline points="${places.join(' ')}" fill="none" stroke="#1b5e9e" stroke-width="2"/>`
}

function dots(points: readonly Point[], x: Scale, y: Scale, fill: string, radius: number): string[] {
  return points.map(
    ({ step, loss }) => `<circle cx="${x(step).toFixed(1)}" cy="${y(loss).toFixed(1)}" r="${radius}" fill="${fill}"/>`,
  )
}

function text(x: number, y: number, content: string, anchor: 'start' | 'middle' | 'end'): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" fill="#444444">${content}</text>`
}
