import type { Example } from '../../models/example.ts'
import { schedule, type ScheduleChoice } from '../../optim/schedules/schedules.ts'
import type { TensorToWrite } from '../../safetensors/writer.ts'
import { ExampleOrder, type OrderOptions } from '../../train/order.ts'

/** Which options say what is left of a run. */
export interface CourseOptions extends OrderOptions {
  readonly schedule: ScheduleChoice
  readonly warmup: number
  readonly learningRate: number
}

/**
 * What a run has before it: `order` i32 [steps left, examples of a step], -1 where a pass over the data ends within a
 * step, and `learning_rates` f64 [steps left]; with the examples, `input_ids` and `labels` i32 [all tokens] and
 * `offsets` i32 [examples + 1].
 */
export function stepsLeft(
  examples: readonly Example[],
  { step, steps }: { readonly step: number; readonly steps: number },
  options: CourseOptions,
): TensorToWrite[] {
  const order = new ExampleOrder(examples, options)
  const factorAt = schedule(options.schedule, steps, options.warmup, options.learningRate)
  const [left, width] = [steps - step, options.batchSize * options.gradientAccumulationSteps]
  const rows = new Int32Array(left * width).fill(-1)
  for (let i = 0; i < left; i++) rows.set(order.rowsOf(step + i).flat(), i * width)
  const rates = Float64Array.from({ length: left }, (_, i) => options.learningRate * factorAt(step + i))
  const offsets = new Int32Array(examples.length + 1)
  for (const [i, { inputIds }] of examples.entries()) offsets[i + 1] = (offsets[i] ?? 0) + inputIds.length
  const total = offsets.at(-1) ?? 0
  const [ids, labels] = [new Int32Array(total), new Int32Array(total)]
  for (const [i, example] of examples.entries()) {
    ids.set(example.inputIds, offsets[i])
    labels.set(example.labels, offsets[i])
  }
  return [
    { name: 'input_ids', dtype: 'I32', shape: [total], data: ids },
    { name: 'labels', dtype: 'I32', shape: [total], data: labels },
    { name: 'offsets', dtype: 'I32', shape: [offsets.length], data: offsets },
    { name: 'order', dtype: 'I32', shape: [left, width], data: rows },
    { name: 'learning_rates', dtype: 'F64', shape: [left], data: rates },
  ]
}

/**
 * Examples of one forward pass: as many as here where the step then has the fewest empty places, else fewer.
 * @param total Examples of a step.
 */
export function perDevice(batchSize: number, total: number, processes: number): number {
  const places = (each: number) => processes * each * Math.ceil(total / (processes * each))
  let best = batchSize
  for (let each = batchSize - 1; each > 0; each--) if (places(each) < places(best)) best = each
  return best
}
