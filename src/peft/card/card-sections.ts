import type { CardContent, CardData, CardFigure, CardResult } from './card-content.ts'
import { linkTo, plainLine, plainText, tableOf } from './markup.ts'

/** What stands on top of a medical adapter's card. */
export const medicalDisclaimer =
  'This adapter is for research and teaching. Nothing that it writes is medical advice, a diagnosis or a treatment: ' +
  'it makes up facts, doses and names, and states them as surely as true ones. It is no medical device, and nobody ' +
  'has approved it for the care of patients. Ask a clinician, and check every answer against its source.'

const medicalOutOfScope = [
  'Advice to patients, diagnosis, triage, treatment or dosing, also as a draft that nobody checks.',
  'Any use in which a false sentence could harm somebody.',
]
const notStated = 'Not stated.'

/** A frame that the Hub and GitHub draw around what must not be overlooked. */
export function disclaimerOf({ medical = false, disclaimer }: CardContent): string | null {
  const said = disclaimer ?? (medical ? medicalDisclaimer : undefined)
  if (said === undefined) return null
  return `> [!WARNING]\n> **${medical ? 'No medical advice.' : 'Disclaimer.'}** ${plainText(said)}`
}

/** What it is for, and what it is not for. */
export function usesOf({ intendedUse = [], outOfScopeUse = [], medical = false }: CardContent): string {
  const outOfScope = [...(medical ? medicalOutOfScope : []), ...outOfScopeUse]
  return `## Uses\n\n### Intended use\n\n${listed(intendedUse)}\n\n### Out of scope\n\n${listed(outOfScope)}`
}

/** What may be wrong with it. */
export function limitationsOf({ limitations = [], results = [] }: CardContent): string {
  const known = [
    'It writes fluent text that may be false, and has what is wrong or one-sided in its base and its data.',
    ...(results.length === 0
      ? ['It was not evaluated, or its figures are not stated: how good it is, is unknown.']
      : []),
    ...(results.length === 0 ? [] : ['What was measured is under Evaluation; of anything else nothing is known.']),
  ]
  return `## Limitations\n\n${listed([...known, ...limitations])}`
}

/** What it was trained on. */
export function dataOf({ trainingData }: CardContent): string {
  return `## Training data\n\n${trainingData === undefined ? notStated : dataTable(trainingData)}`
}

function dataTable({ name, url, license, attribution, counts = {}, split }: CardData): string {
  return tableOf(
    ['', ''],
    [
      ['Data', plainText(name)],
      ...(url === undefined ? [] : [['From', linkTo(url)]]),
      ['Licence', license === undefined ? 'not stated' : plainText(license)],
      ...(attribution === undefined ? [] : [['Attribution', plainText(attribution)]]),
      ...Object.entries(counts).map(([what, number]) => [capitalized(plainText(what)), number.toLocaleString('en-US')]),
      ['Split', split === undefined ? 'not stated' : plainText(split)],
    ],
  )
}

/** How it was trained, and what that took. */
export function procedureOf(adapter: string, { figures = {}, commit }: CardContent): string {
  const rows: [string, string | number][] = Object.entries({
    Adapter: adapter,
    ...figures,
    ...(commit !== undefined && { 'Code, commit': commit }),
  })
  const cells = rows.map(([name, value]) => [plainText(name), plainText(String(value))])
  const energy = 'Energy and emissions were not measured.'
  return `## Training procedure\n\n${tableOf(['', ''], cells)}\n\n### Environmental impact\n\n${
    'Time' in figures && 'Device' in figures ? 'The table has the device and the seconds of the training. ' : ''
  }${energy}`
}

/** What was measured, beside what it is to be held against. */
export function resultsOf({ results = [], intervals }: CardContent): string {
  if (results.length === 0) return `## Evaluation\n\nNot stated.`
  const others = [...new Set(results.flatMap(({ baselines = {} }) => Object.keys(baselines)))]
  const head = ['Task', 'Measure', 'n', '**With this adapter**', ...others.map((name) => capitalized(plainText(name)))]
  const rows = results.map((result) => [
    taskOf(result),
    plainText(result.metric),
    result.n?.toLocaleString('en-US') ?? '',
    `**${shown(result.figure)}**`,
    ...others.map((name) => shown(result.baselines?.[name])),
  ])
  const notes = results.flatMap(({ task, metric, note }) => {
    return note === undefined ? [] : [`- ${plainLine(`${task}, ${metric}: ${note}`)}`]
  })
  const how = `In brackets: intervals; ${intervals === undefined ? 'how they were found is not stated' : plainText(intervals)}.`
  const isInterval = ({ low, high }: CardFigure) => typeof low === 'number' && typeof high === 'number'
  const hasAny = results.some(({ figure, baselines = {} }) => [figure, ...Object.values(baselines)].some(isInterval))
  return [
    '## Evaluation',
    tableOf(head, rows),
    ...(notes.length === 0 ? [] : [notes.join('\n')]),
    hasAny ? how : 'There are no intervals: how far the figures would be from those of other data is unknown.',
  ].join('\n\n')
}

function taskOf({ task, dataset = task, split }: CardResult): string {
  const of = [...(dataset === task ? [] : [dataset]), ...(split === undefined ? [] : [split])]
  return plainText(of.length === 0 ? task : `${task} (${of.join(', ')})`)
}

function shown(figure: CardFigure | undefined): string {
  if (figure === undefined) return ''
  const { value, low, high } = figure
  const digits = (number: number) => (Number.isInteger(number) ? String(number) : number.toFixed(4))
  if (typeof low !== 'number' || typeof high !== 'number') return digits(value)
  return `${digits(value)} (${digits(low)} to ${digits(high)})`
}

function listed(items: readonly string[]): string {
  return items.length === 0 ? notStated : items.map((item) => `- ${plainLine(item)}`).join('\n')
}

function capitalized(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1)
}
