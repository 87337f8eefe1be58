import { check } from '../core/errors.ts'
import { countOf, sameShape, showShape } from '../core/shape.ts'
import type { WeightSpec } from '../models/causal-lm.ts'
import type { Weight } from '../nn/module.ts'
import { findQuantState } from '../quant/bitsandbytes-state.ts'
import type { SafetensorsDType } from '../safetensors/dtype.ts'
import type { TensorReader } from '../safetensors/reader.ts'
import { loadWeight } from './load-weight.ts'
import { int8Companions } from './load-stored.ts'
import type { LoadModelOptions } from './load-model.ts'

/** What a model's weights take, and what storing them so changed. */
export interface StorageReport {
  /** Number of weights. */
  readonly parameters: number
  /** Bytes of the checkpoint's tensors, in their dtypes. */
  readonly checkpointBytes: number
  /** Bytes on the device. */
  readonly bytes: number
  /** Of the projections alone: their number, bytes, and bits a weight. */
  readonly projections: { readonly parameters: number; readonly bytes: number; readonly bitsPerWeight: number }
  /** Mean |w - stored w| over the quantised projections, and its ratio to mean |w|; `null` unless measured. */
  readonly error: { readonly meanAbsolute: number; readonly relative: number } | null
}

/**
 * Reads every weight of `specs` to the device, one at a time.
 * @throws MedAwareError `format` with one list of all missing, unexpected, misshapen and mistyped tensors.
 */
export async function loadWeights(
  reader: TensorReader,
  specs: readonly WeightSpec[],
  source: string,
  options: LoadModelOptions,
): Promise<{ weights: Map<string, Weight>; storage: StorageReport }> {
  checkAgainstSpecs(reader, specs, source)
  const weights = new Map<string, Weight>()
  const errors = { absolute: 0, magnitude: 0, count: 0 }
  let bytesDone = 0
  try {
    for (const spec of specs) {
      options.signal?.throwIfAborted()
      const weight = await loadWeight(reader, spec, options, errors)
      weights.set(spec.name, weight)
      bytesDone += weight.byteLength
      options.onProgress?.({ phase: 'load', tensor: spec.name, done: weights.size, total: specs.length, bytesDone })
    }
  } catch (error) {
    for (const weight of weights.values()) weight.dispose()
    throw error
  }
  const projections = specs.filter(({ role }) => role === 'projection').map(({ name }) => weights.get(name))
  const sum = (values: readonly (number | undefined)[]) =>
    values.reduce<number>((total, value) => total + (value ?? 0), 0)
  const projectionBytes = sum(projections.map((weight) => weight?.byteLength))
  const projectionCount = sum(projections.map((weight) => weight?.count))
  return {
    weights,
    storage: {
      parameters: sum(specs.map(({ shape }) => countOf(shape))),
      checkpointBytes: sum(reader.names.map((name) => reader.info(name).end - reader.info(name).begin)),
      bytes: bytesDone,
      projections: {
        parameters: projectionCount,
        bytes: projectionBytes,
        bitsPerWeight: (8 * projectionBytes) / projectionCount,
      },
      error:
        errors.count === 0
          ? null
          : { meanAbsolute: errors.absolute / errors.count, relative: errors.absolute / errors.magnitude },
    },
  }
}

/** @throws MedAwareError `format` with all that is missing, not expected or misshapen. */
export function checkAgainstSpecs(reader: TensorReader, specs: readonly WeightSpec[], source: string): void {
  const known = new Set(specs.map(({ name }) => name))
  const missing = specs.filter(({ name }) => !reader.has(name)).map(({ name }) => `${name} is missing`)
  const unexpected = reader.names
    .filter((name) => !known.has(name) && !isCompanion(name, known))
    .map((name) => `${name} is not expected`)
  const misshapen = specs
    .filter(
      ({ name, shape }) =>
        reader.has(name) &&
        findQuantState(name, reader.names) === undefined &&
        !sameShape(reader.info(name).shape, shape),
    )
    .map(({ name, shape }) => `${name} is ${showShape(reader.info(name).shape)}, not ${showShape(shape)}`)
  const mistyped = specs
    .filter(({ name }) => reader.has(name) && findQuantState(name, reader.names) === undefined)
    .filter(({ name }) => !weightTypes.includes(reader.info(name).dtype))
    .map(({ name }) => `${name} is ${reader.info(name).dtype}, a weight is F32, F16 or BF16`)
  const problems = [...missing, ...unexpected, ...misshapen, ...mistyped]
  check(problems.length === 0, 'format', () => {
    const more = problems.length > 12 ? `, and ${problems.length - 12} more` : ''
    return `${source}: the checkpoint does not fit its config: ${problems.slice(0, 12).join(', ')}${more}`
  })
}

/** What weights may be stored as; of I8 the scales are looked for when it is read. */
const weightTypes: readonly SafetensorsDType[] = ['F64', 'F32', 'F16', 'BF16', 'I8']

/** The tied head written a second time, and bitsandbytes' state beside a weight, may be there. */
function isCompanion(name: string, known: ReadonlySet<string>): boolean {
  return (
    name === 'lm_head.weight' ||
    [...known].some((weight) => int8Companions(weight).includes(name)) ||
    [...name.matchAll(/\./g)].some(
      ({ index }) => name.slice(0, index).endsWith('.weight') && known.has(name.slice(0, index)),
    )
  )
}
