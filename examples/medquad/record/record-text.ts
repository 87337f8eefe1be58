import type { Interval, LossByGroup } from 'peft-medaware'
import type { describeHeldOut } from '../held-out.ts'
import type { Summary } from '../summary.ts'
import { bytes, duration } from '../words.ts'

/** What a run has left. */
export interface RecordedRun {
  readonly summary: Summary
  readonly heldOut: ReturnType<typeof describeHeldOut>
  readonly answers: readonly Answer[]
}

interface Answer {
  readonly question: string
  readonly before: string
  readonly after: string
  readonly reference: string
}

/** Questions that a disease has to have to be shown by itself. */
const shown = 3

/** The figures, the loss by disease and the answers, in Markdown. */
export function recordOf({ summary, heldOut, answers }: RecordedRun): string {
  return [...figures(summary), ...(heldOut === null ? [] : byDisease(heldOut)), ...answers.flatMap(answerOf)].join('\n')
}

function figures({ device, stepsDone, steps, best, seconds, tokensPerSecond, ...summary }: Summary): string[] {
  const { training, validation, heldOutBefore, heldOutAfter } = seconds
  const measured = `${duration(heldOutBefore)} before, ${duration(heldOutAfter)} after`
  return table(
    ['', ''],
    [
      ['Engine', device],
      ['Steps', `${stepsDone} of ${steps}; the adapter of step ${best?.step ?? stepsDone}`],
      ['Training', `${duration(training)}, ${Math.round(tokensPerSecond)} tokens a second`],
      ['Validations', duration(validation)],
      ['Held-out questions', measured],
      ['Memory', `${bytes(summary.peakMemoryBytes)} resident at most; planned ${bytes(summary.plannedMemoryBytes)}`],
    ],
  )
}

function byDisease({ before, after, change }: NonNullable<RecordedRun['heldOut']>): string[] {
  const of = (report: LossByGroup, name: string) => report.groups.find(({ group }) => group === name)
  const few = before.groups.filter(({ examples }) => examples < shown)
  const rows = before.groups.filter(({ examples }) => examples >= shown)
  const per = rows.map(({ group, examples, bitsPerByte }) => {
    const [later, less] = [of(after, group), of(change, group)]
    return [group, String(examples), ...[bitsPerByte, later?.bitsPerByte, less?.bitsPerByte].map(interval)]
  })
  const whole = (name: string, of3: readonly (Interval | null)[]) => [name, ...of3.map(interval)]
  return [
    ...table(
      [`${before.examples} questions on ${before.groups.length} diseases`, 'before', 'after', 'change'],
      [
        whole('nats a token', [before.loss, after.loss, change.loss]),
        whole('bits per byte', [before.bitsPerByte, after.bitsPerByte, change.bitsPerByte]),
      ],
    ),
    ...table(['disease', 'questions', 'bits per byte before', 'after', 'change'], per),
    `${few.length} more diseases have fewer than ${shown} questions each.\n`,
  ]
}

/** `0.823 (0.801 to 0.846)`. */
function interval(given: Interval | null | undefined): string {
  if (!given) return ''
  const { value, low, high } = given
  return low === null || high === null
    ? value.toFixed(3)
    : `${value.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`
}

function answerOf({ question, before, after, reference }: Answer): string[] {
  const quoted = (name: string, text: string) => {
    const lines = text.trim() === '' ? ['_nothing_'] : text.trim().split('\n')
    return [`_${name}_\n`, ...lines.map((line) => `> ${line}`.trimEnd()), '']
  }
  return [
    `### ${question}\n`,
    ...quoted('before', before),
    ...quoted('after', after),
    ...quoted('reference', reference),
  ]
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line), '']
}
