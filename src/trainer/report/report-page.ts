import { isJsonObject, type JsonObject } from '../../core/json.ts'
import type { BestEvaluation, LogHistory } from '../trainer-callback.ts'
import { chart, type ChartContent } from './chart.ts'
import { Html, markup } from './markup.ts'
import type { Sample } from './samples.ts'
import { type Point, shownNumber, smoothed, thinned } from './series.ts'
import { style } from './style.ts'

/** What a report is made of. */
export interface ReportContent {
  readonly history: LogHistory
  /** What the run is made of, a section for each name; as `run.json` has it, whose `model.nameOrPath` is in the title. */
  readonly description: JsonObject
  /** Steps done. */
  readonly step: number
  /** Of the whole run. */
  readonly steps: number
  /** Default null. */
  readonly best?: BestEvaluation | null
  /** Default none. */
  readonly samples?: readonly Sample[]
  /** Said over the samples. Default nothing. */
  readonly note?: string
}

/** Points of a curve, and rows of a table, from which on neighbours are put together. */
const most = { points: 400, rows: 500 }

/** The page of a report. */
export function reportPage(content: ReportContent): string {
  const { history, description, step, steps, samples = [], note = '' } = content
  const { nameOrPath } = isJsonObject(description['model']) ? description['model'] : {}
  const title = typeof nameOrPath === 'string' ? `Training of ${nameOrPath}` : 'A training'
  const curves = step === 0 ? [] : chartsOf(history, description).map((each) => chart(each, Math.max(step, 1)))
  const remark = note === '' ? '' : markup`<p class="lead">${note}</p>`
  const answers = samples.length === 0 ? '' : markup`<h2>Samples</h2>${remark}${samples.map(sampleOf)}`
  const facts = Object.entries(description).map(([name, value]) => details(name, pairs(flat(value))))
  return markup`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${title}</title>
<style>${new Html(style)}</style></head>
<body><main>
<h1>${title}</h1>
<p class="lead">Step ${shownNumber(step)} of ${shownNumber(steps)}, by peft-medaware</p>
${pairs(headlines(content))}
${curves}
${answers}
<h2>The run</h2>
${facts}
<h2>Numbers</h2>
${tables(history)}
</main></body></html>
`.source
}

function chartsOf({ training, evaluation }: LogHistory, { options }: JsonObject): readonly ChartContent[] {
  const course = (of: (report: LogHistory['training'][number]) => number): readonly Point[] => {
    return thinned(
      training.map((report) => ({ step: report.step, value: of(report) })),
      most.points,
    )
  }
  const isOwn = isJsonObject(options) && 'loss' in options
  const losses = course(({ loss }) => loss)
  const heldOut = evaluation.map(({ step, metrics }) => ({ step, value: metrics['evalLoss'] ?? NaN }))
  const one = (title: string, unit: string, points: readonly Point[], isFromZero = true): ChartContent => {
    return { title, unit, isFromZero, series: [{ label: title.toLowerCase(), kind: 'line', points }] }
  }
  return [
    {
      ...{ title: 'Loss', unit: isOwn ? 'as the run has it' : 'nats a token', isFromZero: false },
      series: [
        { label: 'training', kind: 'dots', points: losses },
        { label: 'training, smoothed', kind: 'line', points: smoothed(losses, Math.max(5, losses.length / 20)) },
        { label: 'held-out', kind: 'marks', points: thinned(heldOut, most.points) },
      ],
    },
    ...metricCharts(training),
    one(
      'Learning rate',
      'a step',
      course(({ learningRate }) => learningRate),
    ),
    one(
      'Gradient norm',
      'before clipping',
      course(({ gradNorm }) => gradNorm),
    ),
    one(
      'Throughput',
      'tokens a second',
      course(({ tokensPerSecond }) => tokensPerSecond),
    ),
  ]
}

/** What the loss told beside itself: those of a name before a slash share a chart, `rewards/chosen` and its like. */
function metricCharts(training: LogHistory['training']): readonly ChartContent[] {
  const names = Object.keys(training.at(-1)?.metrics ?? {})
  const groups = new Set(names.map((name) => name.split('/', 1)[0] ?? name))
  return [...groups].map((group) => {
    const members = names.filter((name) => name === group || name.startsWith(`${group}/`))
    const series = members.map((name) => {
      const points = training.map(({ step, metrics }) => ({ step, value: metrics?.[name] ?? NaN }))
      return {
        label: name.slice(group.length + 1) || name,
        kind: 'line' as const,
        points: thinned(points, most.points),
      }
    })
    return { title: titled(words(group)), unit: 'means over the step', isFromZero: false, series }
  })
}

function headlines({ history, best = null }: ReportContent): readonly Pair[] {
  const { training, evaluation } = history
  const change = (numbers: readonly (number | undefined)[]) => {
    return [numbers[0], numbers.at(-1)].map((each) => shownNumber(each ?? NaN)).join(' → ')
  }
  const seconds = training.reduce((sum, each) => sum + each.seconds, 0)
  const tokens = training.reduce((sum, each) => sum + each.tokens, 0)
  const names = Object.keys(evaluation.at(-1)?.metrics ?? {}).filter((name) => !/(Seconds|Tokens)$/.test(name))
  return [
    ...(training.length === 0 ? [] : [['Training loss', change(training.map(({ loss }) => loss))] as const]),
    ...names.map((name) => [titled(words(name)), change(evaluation.map(({ metrics }) => metrics[name]))] as const),
    ...(best === null
      ? []
      : [['Best evaluation', `${shownNumber(best.value)} at step ${shownNumber(best.step)}`] as const]),
    ['Tokens read', shownNumber(tokens)],
    ['Seconds of training', shownNumber(seconds)],
    ['Tokens a second', shownNumber(seconds === 0 ? 0 : tokens / seconds)],
  ]
}

type Pair = readonly [name: string, value: string]

function pairs(rows: readonly Pair[]): Html {
  const lines = rows.map(([name, value]) => markup`<tr><th scope="row">${name}</th><td>${value}</td></tr>`)
  return markup`<table><tbody>
${lines}
</tbody></table>`
}

function details(title: string, content: Html): Html {
  return markup`<details><summary>${title}</summary>
${content}
</details>`
}

/** What a value is made of, by its path. */
function flat(value: unknown, path = ''): readonly Pair[] {
  if (!isJsonObject(value)) return [[path, typeof value === 'string' ? value : JSON.stringify(value)]]
  return Object.entries(value).flatMap(([name, each]) => flat(each, path === '' ? name : `${path}.${name}`))
}

function sampleOf({ prompt, before, between = [], after, reference }: Sample): Html {
  const answer = (when: string, text: string | null) => {
    return text === null ? '' : markup`<dt>${when}</dt><dd>${text}</dd>`
  }
  const later = between.map(({ step, text }) => markup`<dt>Step ${shownNumber(step)}</dt><dd>${text}</dd>`)
  return markup`<section class="sample"><blockquote>${prompt}</blockquote>
<dl>${answer('Before', before)}${later}${answer('After', after)}${answer('Reference', reference)}</dl></section>`
}

function tables({ training, evaluation }: LogHistory): Html {
  const each = Math.ceil(training.length / most.rows)
  const rows = training.filter(({ step }) => step % Math.max(1, each) === 0)
  const told = Object.keys(training.at(-1)?.metrics ?? {})
  const steps = rows.map(({ step, epoch, loss, gradNorm, learningRate, tokensPerSecond, metrics: beside }) => {
    return [step, epoch, loss, gradNorm, learningRate, tokensPerSecond, ...told.map((name) => beside?.[name])]
  })
  const metrics = [...new Set(evaluation.flatMap((entry) => Object.keys(entry.metrics)))]
  const measured = evaluation.map((entry) => [entry.step, ...metrics.map((name) => entry.metrics[name])])
  const title = each > 1 ? `Steps, each ${each}th of them` : 'Steps'
  const names = ['step', 'epoch', 'loss', 'gradient norm', 'learning rate', 'tokens a second', ...told]
  const evaluations =
    measured.length === 0 ? '' : details('Evaluations', numbers(['step', ...metrics.map(words)], measured))
  return markup`${details(title, numbers(names, steps))}
${evaluations}`
}

function numbers(names: readonly string[], rows: readonly (readonly (number | undefined)[])[]): Html {
  const heads = names.map((name) => markup`<th scope="col">${name}</th>`)
  const cell = (value: number | undefined) => markup`<td>${value === undefined ? '' : shownNumber(value)}</td>`
  const lines = rows.map((row) => markup`<tr>${row.map(cell)}</tr>`)
  return markup`<div class="scroll"><table class="numbers"><thead><tr>${heads}</tr></thead><tbody>
${lines}
</tbody></table></div>`
}

function titled(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1)
}

/** `evalBitsPerByte` as words: eval bits per byte. */
function words(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).replace(/^eval /, 'held-out ')
}
