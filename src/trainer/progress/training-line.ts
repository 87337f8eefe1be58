import { showBytes } from '../../io/plan/memory-advice.ts'
import type { StepReport } from '../../train/training-run.ts'
import { duration } from './duration.ts'

const bars = '▁▂▃▄▅▆▇█'

/** Losses as a row of bars, the newest last: each the mean of as many steps as fit all of them into `width`. */
export function sparkline(values: readonly number[], width: number): string {
  const each = Math.max(1, Math.ceil(values.length / width))
  const means = Array.from({ length: Math.ceil(values.length / each) }, (_, i) => {
    const some = values.slice(i * each, (i + 1) * each)
    return some.reduce((sum, value) => sum + value, 0) / some.length
  })
  const [least, most] = [Math.min(...means), Math.max(...means)]
  return means
    .map((mean) => bars[most === least ? 0 : Math.round(((mean - least) / (most - least)) * (bars.length - 1))] ?? '')
    .join('')
}

/** How far a training is, in one line: step, loss and its course, rate, speed, memory if it is known, and time left. */
export function describeStep(report: StepReport, losses: readonly number[], memoryBytes: number | null): string {
  const { step, steps, loss, learningRate, tokensPerSecond, secondsLeft } = report
  return [
    `step ${step}/${steps}`,
    `loss ${loss.toFixed(4)} ${sparkline(losses, 16)}`,
    `lr ${learningRate.toPrecision(2)}`,
    `${Math.round(tokensPerSecond).toLocaleString('en-US')} tokens/s`,
    ...(memoryBytes === null ? [] : [showBytes(memoryBytes)]),
    `${duration(secondsLeft)} left`,
  ].join('  ')
}

/** What an evaluation measured, in a line. */
export function describeMetrics(metrics: Readonly<Record<string, number>>): string {
  return Object.entries(metrics)
    .filter(([name]) => name !== 'evalTokens' && name !== 'evalSeconds')
    .map(([name, value]) => `${metricWords(name)} ${value.toFixed(4)}`)
    .join(', ')
}

/** `evalBitsPerByte` as `bits per byte`. */
export function metricWords(name: string): string {
  return name
    .replace(/^eval/, '')
    .replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
    .trim()
}
