import { check } from '../../core/errors.ts'
import { formatOf } from '../../formats/formats.ts'
import { Linear } from '../../nn/linear.ts'
import type { Module } from '../../nn/module.ts'
import { StoredMatrix } from '../../tensor/stored-matrix.ts'

/**
 * The `quantization_config` of a config.json, by which transformers builds layers of a format before it reads the
 * weights; `null` for a model without quantised layers.
 * @param computeDType What a product is computed in there: 'float32', 'float16' or 'bfloat16'.
 * @throws MedAwareError `unsupported` for layers in different formats, of which transformers knows one a model.
 */
export function quantizationConfig(
  who: string,
  model: Module,
  computeDType: string,
): Readonly<Record<string, unknown>> | null {
  const layers = [...model.namedModules()].flatMap(([path, module]) =>
    module instanceof Linear ? [{ path: path.replace(/\.base_layer$/, ''), weight: module.weights.weight }] : [],
  )
  const stored = layers.flatMap(({ weight }) => (weight instanceof StoredMatrix ? [weight] : []))
  const formats = new Set(
    stored.map(({ recipe: { type, doubleQuant } }) => (doubleQuant ? `${type}, double-quantised` : type)),
  )
  check(formats.size <= 1, 'unsupported', () => {
    return `${who}: layers are stored as ${[...formats].join(' and ')}; transformers reads one format a model, dequantize one of them`
  })
  const [first] = stored
  if (first === undefined) return null
  const skipped = layers.filter(({ weight }) => !(weight instanceof StoredMatrix)).map(({ path }) => path)
  return formatOf(first).config(first.recipe, computeDType, skipped)
}
