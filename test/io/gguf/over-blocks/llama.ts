import { Random } from '../../../../src/core/random.ts'
import type { Device } from '../../../../src/device/device.ts'
import { generateTokens } from '../../../../src/generate/generate.ts'
import { loadModel } from '../../../../src/io/load/load-model.ts'
import type { PretrainedLm } from '../../../../src/models/causal-lm.ts'
import type { Weight } from '../../../../src/nn/module.ts'
import { attachLora } from '../../../../src/peft/attach.ts'
import { StoredMatrix } from '../../../../src/tensor/stored-matrix.ts'
import type { LabelledBatch } from '../../../../src/train/labelled-batch.ts'
import { vocabSize } from '../../../gguf/llama-in-blocks.ts'
import { maxDifference, maxMagnitude } from '../../../peft/tiny-falcon.ts'
import { filesOf } from '../../tiny-files.ts'

const [rows, tokens] = [2, 12]
const random = new Random(21)
const inputIds = Int32Array.from({ length: rows * tokens }, () => Math.floor(vocabSize * random.uniform()))
/** Three texts in the first row, two in the second. */
const positionIds = Int32Array.from([5, 4, 3, 7, 5].flatMap((length) => [...Array(length).keys()]))
const isPadding = (i: number) => i >= rows * tokens - 5

export const whole = { inputIds, shape: [rows, tokens] } as const

/** A row padded on the right, and texts packed into rows, of which none sees another. */
export const batches: readonly LabelledBatch[] = [
  {
    ...whole,
    attentionMask: Uint8Array.from(inputIds, (_, i) => +!isPadding(i)),
    labels: inputIds.map((id, i) => (isPadding(i) ? -100 : id)),
  },
  { ...whole, positionIds, labels: inputIds.map((id, i) => (positionIds[i] === 0 ? -100 : id)) },
]

/** The model of a file, in its blocks or in the numbers that they stand for. */
export async function load(device: Device, file: Uint8Array, as: 'blocks' | 'numbers'): Promise<PretrainedLm> {
  const { model } = await loadModel(filesOf({ 'm.gguf': file }), {
    device,
    ...(as === 'numbers' && { quantize: false }),
  })
  return model
}

/** LoRA on all projections whose B is not zero, so that A has gradients, and the rank of it. */
export const r = 4
export function attach(model: PretrainedLm) {
  const config = { r, targetModules: 'all-linear', initLoraWeights: false } as const
  return attachLora(model, config, { device: model.device, seed: 3 })
}

/** Weights of the seven projections, whether an adapter is on them or not, by their names without it. */
export function projections(model: PretrainedLm): readonly (readonly [name: string, weight: Weight])[] {
  return [...model.namedWeights()]
    .filter(([name]) => name.includes('_proj') && !name.includes('lora_'))
    .map(([name, weight]) => [name.replace('.base_layer', ''), weight])
}

/** How projections are stored, in the words of `quantize`; null for numbers. */
export function typesOf(model: PretrainedLm): (string | null)[] {
  return projections(model).map(([, weight]) => (weight instanceof StoredMatrix ? weight.recipe.type : null))
}

/** The most likely tokens behind the first six. */
export async function greedy(model: PretrainedLm): Promise<number[]> {
  const ids: number[] = []
  const options = { maxNewTokens: 8, doSample: false, eosTokenId: null }
  for await (const [id] of generateTokens(model, [[...inputIds.subarray(0, 6)]], options)) ids.push(id ?? NaN)
  return ids
}

/** The largest difference, as a share of the largest that is wanted. */
export function shareOff(values: ArrayLike<number>, wanted: ArrayLike<number>): number {
  return maxDifference(values, wanted) / maxMagnitude(wanted)
}
