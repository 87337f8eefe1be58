import { countOf } from '../../core/shape.ts'
import type { Checkpoint } from '../../formats/format.ts'
import type { WeightSpec } from '../../models/causal-lm.ts'
import type { Weight } from '../../nn/module.ts'
import { loadMatrix } from './load-matrix.ts'
import type { LoadModelOptions } from './load-options.ts'
import { StorageError } from './storage-error.ts'

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
 * Reads every weight of `specs`, which the checkpoint has, to the device, one at a time.
 * @throws MedAwareError as `loadMatrix`; what was loaded by then is freed.
 */
export async function loadWeights(
  reader: Checkpoint,
  specs: readonly WeightSpec[],
  options: LoadModelOptions,
): Promise<{ weights: Map<string, Weight>; storage: StorageReport }> {
  const weights = new Map<string, Weight>()
  const error = options.measureError ? new StorageError() : null
  let bytesDone = 0
  try {
    for (const spec of specs) {
      options.signal?.throwIfAborted()
      const weight = await loadMatrix(reader, spec, { ...options, error })
      weights.set(spec.name, weight)
      bytesDone += weight.byteLength
      options.onProgress?.({ phase: 'load', tensor: spec.name, done: weights.size, total: specs.length, bytesDone })
    }
  } catch (failure) {
    for (const weight of weights.values()) weight.dispose()
    throw failure
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
      error: error?.mean ?? null,
    },
  }
}
