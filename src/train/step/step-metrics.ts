import { check } from '../../core/errors.ts'
import { show, showNames } from '../../core/show.ts'
import { showShape } from '../../core/shape.ts'
import type { Device } from '../../device/device.ts'
import { empty, Tensor } from '../../tensor/tensor.ts'

/** Numbers of a micro-batch, or the sums of those of several, by their names. */
export interface StepMetrics {
  readonly names: readonly string[]
  /** f32, one a name. */
  readonly values: Tensor
}

/** What a report has anyway. */
const reserved = ['step', 'time', 'epoch', 'loss', 'grad_norm', 'learning_rate', 'tokens', 'label_tokens', 'seconds']

/**
 * Copies of what a loss gave beside itself; null for nothing. @throws MedAwareError `config` for a name that a report
 * has anyway, and for what is no tensor, `shape` unless f32 [1].
 */
export function packMetrics(device: Device, metrics: Readonly<Record<string, unknown>>): StepMetrics | null {
  const names = Object.keys(metrics)
  if (names.length === 0) return null
  const taken = names.find((name) => name === '' || reserved.includes(name))
  check(
    taken === undefined,
    'config',
    () => `TrainingRun: a metric cannot be called ${show(taken)}; give it another name`,
  )
  const values = empty(device, [names.length], 'metrics')
  for (const [i, name] of names.entries()) {
    const value = metrics[name]
    check(value instanceof Tensor && value.device === device, 'config', () => {
      return `TrainingRun: the metric ${name} must be a tensor on the model's device, f32 [1], got ${show(value)}`
    })
    check(value.dtype === 'f32' && value.count === 1, 'shape', () => {
      return `TrainingRun: the metric ${name} must be f32 [1], not ${value.dtype} ${showShape(value.shape)}`
    })
    device.copy(value, { buffer: values.buffer, byteOffset: values.byteOffset + 4 * i, byteLength: 4 })
  }
  return { names, values }
}

/** Sees that a loss gives the same metrics each time. @throws MedAwareError `config`. */
export function checkSameMetrics(before: readonly string[], now: readonly string[]): void {
  const list = (names: readonly string[]) => showNames(names) || 'none'
  const isSame = before.length === now.length && before.every((name, i) => name === now[i])
  check(isSame, 'config', () => {
    return `TrainingRun: the loss must give the same metrics for each batch; it gave ${list(before)}, and then ${list(now)}`
  })
}
