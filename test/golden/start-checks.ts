import type { PretrainedLm } from '../../src/models/causal-lm.ts'
import type { LoraConfig } from '../../src/peft/lora/lora-config.ts'
import { startLora } from '../../src/peft/lora/starts/start-lora.ts'
import { dequantize } from '../../src/ops/dequantize.ts'
import type { TensorReader } from '../../src/safetensors/reader.ts'
import { type Check, within, withinShare, worst } from './check.ts'
import { adaptedNames, batchOf, logitsOf } from './model-checks.ts'

/** LoRA's starts that follow from the base alone, of which golden folders have numbers. */
export const goldenStarts = ['pissa', 'olora'] as const

const [rank, loraAlpha] = [4, 8]

/**
 * What LoRA (r=4, alpha=8, the architecture's own targets) starts with: A and B but for the signs of their vectors,
 * what that leaves of the base, and the logits. @param base The reference of its model, which has the tokens.
 */
export async function* startChecks(
  model: PretrainedLm,
  initLoraWeights: LoraConfig['initLoraWeights'] & string,
  wanted: TensorReader,
  base: TensorReader,
): AsyncGenerator<Check> {
  const adapter = await startLora(model, { r: rank, loraAlpha, initLoraWeights, targetModules: adaptedNames(wanted) })
  const [factors, rests]: [Check[], Check[]] = [[], []]
  for (const [path, layer] of adapter.layers) {
    const part = layer.adapter(adapter.name)
    const read = async (name: string) => (await part.factors[name]?.read()) ?? new Float32Array()
    const [a, b] = [await read('lora_A.weight'), await read('lora_B.weight')]
    const key = `base_model.model.${path}`
    const [a0, b0] = [await wanted.readF32(`${key}.lora_A.weight`), await wanted.readF32(`${key}.lora_B.weight`)]
    const columns = a.length / rank
    const signs = Array.from({ length: rank }, (_, row) => {
      const products = a
        .subarray(row * columns, (row + 1) * columns)
        .map((value, i) => value * (a0[row * columns + i] ?? 0))
      return products.reduce((sum, value) => sum + value, 0) < 0 ? -1 : 1
    })
    const sign = (i: number) => signs[i] ?? NaN
    factors.push(
      withinShare(
        `${path} A`,
        a.map((value, i) => sign(Math.floor(i / columns)) * value),
        a0,
        1e-3,
      ),
      withinShare(
        `${path} B`,
        b.map((value, i) => sign(i % rank) * value),
        b0,
        1e-3,
      ),
    )
    const { weight } = layer.base.weights
    if (!weight) throw new Error(`${path} has no weight`)
    const whole = dequantize(weight)
    const rest = (await whole.read()).map((value, i) => {
      const [row, column] = [Math.floor(i / columns), i % columns]
      return signs.reduce(
        (left, _, k) => left - (loraAlpha / rank) * (b[row * rank + k] ?? NaN) * (a[k * columns + column] ?? NaN),
        value,
      )
    })
    whole.dispose()
    rests.push(within(path, rest, await wanted.readF32(`${key}.base_layer.weight`), 1e-5))
  }
  yield worst('A and B', factors)
  yield worst('what is left of the base', rests)
  yield within('logits', await logitsOf(model, await batchOf(base, 'input_ids')), await wanted.readF32('logits'), 1e-4)
}
