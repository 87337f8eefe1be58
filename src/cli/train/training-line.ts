import type { StepReport } from '../../train/training-run.ts'
import { showBytes } from '../../io/plan/memory-advice.ts'
import { duration } from '../progress-line.ts'

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

/** How far a training is, in one line: step, loss and its course, rate, speed, memory and time left. */
export function describeStep(report: StepReport, losses: readonly number[], memoryBytes: number): string {
  const { step, steps, loss, learningRate, tokensPerSecond, secondsLeft } = report
  return [
    `step ${step}/${steps}`,
    `loss ${loss.toFixed(4)} ${sparkline(losses, 16)}`,
    `lr ${learningRate.toPrecision(2)}`,
    `${Math.round(tokensPerSecond).toLocaleString('en-US')} tokens/s`,
    showBytes(memoryBytes),
    `${duration(secondsLeft)} left`,
  ].join('  ')
}
