import { check } from '../../core/errors.ts'
import { sameShape, showShape } from '../../core/shape.ts'
import { shorten, showNames } from '../../core/show.ts'
import type { Checkpoint } from '../../formats/format.ts'
import { storedWeight, weightBeside } from '../../formats/formats.ts'
import { ignoredTensors, modelWeights, tiedTensors } from '../../models/architectures.ts'
import type { ModelConfig, WeightSpec } from '../../models/causal-lm.ts'
import type { SafetensorsDType } from '../../safetensors/dtype.ts'

/**
 * The weights of a config, held against a checkpoint's header before anything is allocated.
 * @throws MedAwareError `format` with all that is missing, not expected, misshapen or mistyped.
 */
export function fittingWeights(checkpoint: Checkpoint, config: ModelConfig, source: string): readonly WeightSpec[] {
  const { numHiddenLayers: layers } = config
  const { length: tensors } = checkpoint.names
  // A list of weights that is long beyond reason is only made where the header's is too.
  check(layers <= Math.max(tensors, fewLayers), 'format', () => {
    return `${source}: config.json has ${layers} layers, the checkpoint ${tensors} tensors; they are not of one model`
  })
  const specs = modelWeights(config)
  const [shown, more] = [[] as string[], { count: 0 }]
  for (const problem of problemsOf(checkpoint, config, specs)) {
    if (shown.length < most) shown.push(shorten(problem, 200))
    else more.count++
  }
  check(shown.length === 0, 'format', () => {
    const rest = more.count > 0 ? `, and ${more.count} more` : ''
    return `${source}: the checkpoint does not fit its config: ${shown.join(', ')}${rest}`
  })
  return specs
}

/** Layers whose weights are listed in no time. */
const fewLayers = 1000

/** Problems that an error shows. */
const most = 12

/** What a weight of plain numbers may be. */
const weightTypes: readonly SafetensorsDType[] = ['F64', 'F32', 'F16', 'BF16']

function* problemsOf(checkpoint: Checkpoint, config: ModelConfig, specs: readonly WeightSpec[]): Generator<string> {
  const known = new Set(specs.map(({ name }) => name))
  const isExpected = expects(config, known)
  for (const { name } of specs) if (!checkpoint.has(name)) yield `${name} is missing`
  for (const name of checkpoint.names) if (!isExpected(name)) yield `${name} is not expected`
  const found = specs.flatMap(({ name, shape }) =>
    checkpoint.has(name) ? [{ name, shape, stored: storedWeight(checkpoint, name) }] : [],
  )
  const plain = found.filter(({ stored }) => stored === null)
  for (const { name, shape } of plain) {
    const { shape: its } = checkpoint.info(name)
    if (!sameShape(its, shape)) yield `${name} is ${showShape(its)}, not ${showShape(shape)}`
  }
  for (const { name } of plain) {
    const { dtype } = checkpoint.info(name)
    if (!weightTypes.includes(dtype)) yield `${name} is ${dtype}, a weight is F32, F16 or BF16`
  }
  for (const { shape, stored } of found) {
    const misfit = stored?.misfit(shape) ?? null
    if (misfit !== null) yield misfit
  }
}

/** Weights, what formats keep beside them, a tied head that is written twice, and what is passed over. */
function expects(config: ModelConfig, known: ReadonlySet<string>): (name: string) => boolean {
  const { head } = tiedTensors(config)
  return (name) => {
    return known.has(name) || name === head || known.has(weightBeside(name) ?? '') || bufferOf(config, name) !== null
  }
}

/** How the name of a buffer that was saved once ends; `null` for what is none. */
function bufferOf(config: ModelConfig, name: string): string | null {
  return ignoredTensors(config).find((end) => name === end || name.endsWith(`.${end}`)) ?? null
}

/** Says which tensors of a checkpoint that fits are passed over; `null` where none is. */
export function tellBuffers(
  checkpoint: Checkpoint,
  config: ModelConfig,
  specs: readonly WeightSpec[],
  source: string,
): string | null {
  const known = new Set(specs.map(({ name }) => name))
  const ends = checkpoint.names.flatMap((name) => (known.has(name) ? [] : (bufferOf(config, name) ?? [])))
  if (ends.length === 0) return null
  const kinds = showNames([...new Set(ends)])
  return `${source}: ${ends.length} buffers that were saved once are passed over, for the model makes them: ${kinds}`
}
