import { parseModelConfig } from '../../src/models/architectures.ts'
import type { ModelConfig, PretrainedLm } from '../../src/models/causal-lm.ts'
import { dequantize } from '../../src/ops/dequantize.ts'
import { type Check, equal, same } from '../golden/check.ts'
import type { Numbers } from './numbers.ts'
import { Totals } from './totals.ts'

interface Checksum {
  readonly shape: readonly number[]
  readonly sum: number
  readonly sum_of_squares: number
  readonly first8: readonly number[]
}

/** The config, and every weight of the model, decoded from its blocks: names, shapes, sums and first values. */
export async function* weightChecks(model: PretrainedLm, numbers: Numbers): AsyncGenerator<Check> {
  const config = parseModelConfig(numbers.json('config.json') as Record<string, unknown>)
  yield same('config of the metadata', lines(model.config), lines(config))
  const ends = [model.config.eosTokenId].flat()
  yield equal(
    'its end of a text, among those where llama.cpp ends too',
    [config.eosTokenId].flat().map((id) => +ends.includes(id)),
    [1],
  )
  const { tensors } = numbers.json('weights-checksums.json') as { tensors: Readonly<Record<string, Checksum>> }
  const totals = new Totals()
  const found: string[] = []
  for (const [name, weight] of model.namedWeights()) {
    found.push(`${name} ${String(weight.shape)}`)
    const known = tensors[name]
    if (known === undefined) continue
    const full = dequantize(weight)
    totals.add(await full.read(), { sum: known.sum, squares: known.sum_of_squares, first: known.first8 })
    full.dispose()
  }
  const wanted = Object.entries(tensors).map(([name, { shape }]) => `${name} ${String(shape)}`)
  yield same(`names and shapes of ${wanted.length} weights`, found.sort().join('\n'), wanted.sort().join('\n'))
  yield* totals.checks('weights')
}

/** Fields in the order of their names, a line each, but for the ends of a text. */
function lines(config: ModelConfig): string {
  const { eosTokenId: _, ...fields } = config
  return Object.entries(fields)
    .map(([name, value]) => `${name} ${JSON.stringify(value)}`)
    .sort()
    .join('\n')
}
