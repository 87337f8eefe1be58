import { join } from 'node:path'
import { valueAndGrad } from '../../src/autograd/value-and-grad.ts'
import {
  type Adapter,
  adapterFiles,
  type CausalLm,
  fromArray,
  type LossContext,
  openAdapter,
  type PretrainedLm,
  type Tensor,
  TrainingRun,
} from '../../src/index.ts'
import { add, gather, logSoftmax, mul, sum } from '../../src/ops/index.ts'
import { openSafetensors, type TensorReader } from '../../src/safetensors/reader.ts'
import { bytesSource } from '../../src/safetensors/source.ts'
import type { LabelledBatch } from '../../src/train/labelled-batch.ts'
import { type Check, equal, within, withinShare, worst } from '../golden/check.ts'
import { batchOf, logitsOf } from '../golden/model-checks.ts'
import { rowsCheck } from './answer-checks.ts'
import { doubles, integers, type Numbers } from './numbers.ts'

/** Steps that there are numbers of. */
export const allSteps = 8
const learningRate = 2e-4

/**
 * Steps of QLoRA over bitsandbytes' very base, from its very adapter: PEFT's numbers. First as everybody trains, then
 * with the rounding of torch's loss, which its gradients show: the first gradients, and where all steps are asked for
 * those and what was trained.
 */
export async function* qloraChecks(model: PretrainedLm, numbers: Numbers, steps: number): AsyncGenerator<Check> {
  const reference = await numbers.tensors('reference.safetensors', 'qlora')
  yield await firstRowCheck('logits of the base in NF4', model, reference, 'base_logits')
  const batches: LabelledBatch[] = []
  for (let step = 0; step < steps; step++) batches.push(await labelledBatch(reference, step))
  const exact = (await doubles(reference, 'losses_f64_ce')).slice(0, steps)
  const rounded = await doubles(reference, 'losses')
  const wanted = await doubles(reference, 'grad_norms')
  const course = { learningRate, schedule: 'constant', maxGradNorm: 0, maxSteps: steps } as const
  for (const loss of [null, asTorchRounds(exact.map((value, step) => value - (rounded[step] ?? NaN)))]) {
    const how = loss === null ? '' : ", torch's rounding"
    const adapter = await openAdapter(model, join(numbers.path, 'qlora/start'), { trainable: true })
    if (loss !== null) yield await gradientCheck(adapter, () => loss(model, batches[0], stepOne(batches[0])), reference)
    if (loss === null || steps === allSteps) {
      const [losses, norms]: [number[], number[]] = [[], []]
      for await (const report of new TrainingRun(model, () => batches, { ...course, ...(loss && { loss }) })) {
        losses.push(report.loss)
        norms.push(report.gradNorm)
      }
      if (loss === null) yield within(`losses by step (${steps})`, losses, exact, 1e-5)
      const shares = norms.map((norm, step) => norm / (wanted[step] ?? NaN))
      yield within(`gradient norms, as shares${how}`, shares, new Float64Array(steps).fill(1), 1e-4)
      if (loss !== null) {
        yield await firstRowCheck('logits of the tuned model', model, reference, 'tuned_logits')
        yield* await endChecks(adapter, numbers)
      }
    }
    adapter.detach()
  }
}

const stepOne = (batch: LabelledBatch | undefined) => ({
  normalizer: batch?.labels.reduce((count, label) => count + +(label >= 0), 0) ?? 0,
  microBatches: 1,
  step: 1,
})

/**
 * Cross-entropy with the gradient that torch's f32 log-softmax gives over 49,152 logits: its log Σ exp is too small by
 * δ, so its probabilities are too large by that share, and p - y becomes (1 + δ) p - y. That moves the gradients of B
 * by 3e-4 of the largest, ten times what f32 does elsewhere; δ of a step is what its loss is short of the exact one.
 */
function asTorchRounds(shortfalls: Float64Array) {
  return (model: CausalLm, batch: LabelledBatch | undefined, { normalizer, step }: LossContext) => {
    if (batch === undefined) throw new Error('there is no batch')
    const { shape, labels } = batch
    const [rows, tokens] = shape
    const next = Int32Array.from(labels, (_, i) => ((i + 1) % tokens === 0 ? -100 : (labels[i + 1] ?? -100)))
    const ids = fromArray(model.device, next, [rows, tokens, 1], 'labels')
    const logits = model.forward(batch)
    const delta = shortfalls[step - 1] ?? NaN
    const logProbs = sum(gather(logSoftmax(logits), ids))
    const chosen = sum(gather(logits, ids))
    return add(mul(logProbs, -(1 + delta) / normalizer), mul(chosen, delta / normalizer))
  }
}

async function labelledBatch(reference: TensorReader, step: number): Promise<LabelledBatch> {
  const batch = await batchOf(reference, `input_ids.${step}`, `attention_mask.${step}`)
  return { ...batch, labels: await integers(reference, `labels.${step}`) }
}

/** Logits of the first row of batch 0, of some of its positions. */
async function firstRowCheck(what: string, model: PretrainedLm, reference: TensorReader, name: string): Promise<Check> {
  const { inputIds, shape } = await batchOf(reference, 'input_ids.0')
  const logits = await logitsOf(model, { inputIds: inputIds.slice(0, shape[1]), shape: [1, shape[1]] })
  const positions = [...(await integers(reference, 'base_logits_positions'))]
  const rows = positions.map((at) => logits.subarray(at * model.vocabSize, (at + 1) * model.vocabSize))
  return rowsCheck(what, rows, reference, name)
}

/** The first step's gradients of B. */
async function gradientCheck(adapter: Adapter, loss: () => Tensor, reference: TensorReader): Promise<Check> {
  const scope = adapter.device.memory.open()
  const { grads } = valueAndGrad(adapter.model, loss)(null)
  const checks: Check[] = []
  for (const [name, tensor] of adapter.namedTrainableParameters()) {
    if (!reference.has(`grad0.${name}`)) continue
    const own = (await grads.get(tensor)?.read()) ?? []
    checks.push(withinShare(name, own, await reference.readF32(`grad0.${name}`), 1e-4))
  }
  scope.close()
  const all = reference.names.filter((name) => name.startsWith('grad0.')).length
  return worst('first gradients of B, as shares of the largest', [...checks, equal('all', [checks.length], [all])])
}

/**
 * The adapter as it is saved, beside PEFT's: the RMS of the difference as a share of what training changed. AdamW's
 * first step moves an element by the whole rate, whatever its gradient's size; where that is near zero, rounding gives
 * the direction. So the few worst are apart (with them the share is 8.5e-4), and may be off by two steps there and
 * back.
 */
async function endChecks(adapter: Adapter, numbers: Numbers): Promise<Check[]> {
  const saved = (await adapterFiles(adapter)).get('adapter_model.safetensors') ?? new Uint8Array()
  const own = await openSafetensors(bytesSource(saved))
  const start = await numbers.tensors('adapter_model.safetensors', 'qlora/start')
  const end = await numbers.tensors('adapter_model.safetensors', 'qlora/end')
  const off: number[] = []
  let moved = 0
  for (const name of end.names) {
    const [mine, first, last] = [await own.readF32(name), await start.readF32(name), await end.readF32(name)]
    for (const [i, value] of last.entries()) {
      off.push(Math.abs((mine[i] ?? NaN) - value))
      moved += ((first[i] ?? NaN) - value) ** 2
    }
  }
  const apart = 64
  const sorted = Float64Array.from(off).sort()
  const share = Math.sqrt(sorted.slice(0, -apart).reduce((sum, one) => sum + one ** 2, 0) / moved)
  return [
    within(`the trained adapter: RMS off without the ${apart} worst, as a share of the update`, [share], [0], 5e-4),
    within(`the trained adapter: the worst of ${off.length}`, sorted.slice(-1), [0], 4 * learningRate),
  ]
}
