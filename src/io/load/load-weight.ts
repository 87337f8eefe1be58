import { check } from '../../core/errors.ts'
import type { WeightSpec } from '../../models/causal-lm.ts'
import type { Weight } from '../../nn/module.ts'
import { dequantize, quantizeMatrix } from '../../ops/quantize.ts'
import { Int8Tensor } from '../../tensor/int8-tensor.ts'
import { type Matrix, rootedMatrix } from '../../tensor/matrix.ts'
import { filledTensor } from './fill-tensor.ts'
import type { LoadModelOptions } from './load-model.ts'
import { loadStored } from './load-stored.ts'
import { dtypeFor, quantizationFor } from './weight-storage.ts'
import type { Checkpoint } from './checkpoint.ts'

/** What quantising changed so far: Σ |w - stored w|, Σ |w| and their number. */
export interface ErrorSums {
  absolute: number
  magnitude: number
  count: number
}

/**
 * Reads one weight to the device, in the format that the options ask for or the checkpoint has.
 * @throws MedAwareError `format`, `config`, `numeric`, `unsupported` or `memory`; what was allocated by then is freed.
 */
export async function loadWeight(
  reader: Checkpoint,
  spec: WeightSpec,
  options: LoadModelOptions,
  errors: ErrorSums,
): Promise<Weight> {
  const { device, measureError = false } = options
  const { name, shape } = spec
  const stored = await loadStored(reader, spec, device)
  if (stored !== null) return stored
  const quantization = quantizationFor(spec, options)
  const dtype = quantization === null ? dtypeFor(spec, options) : 'f32'
  const full = await filledTensor(reader, name, { device, shape, dtype, label: name })
  if (quantization === null) return full
  try {
    const weight = rootedMatrix(device, () => quantizeMatrix(full, quantization))
    const values = measureError ? await full.read() : new Float32Array(0)
    return await measured(name, weight, values, measureError ? errors : null)
  } finally {
    full.dispose()
  }
}

/** The same weight, after what storing changed was added up; it is freed where that fails. */
async function measured(name: string, weight: Matrix, values: Float32Array, errors: ErrorSums | null): Promise<Matrix> {
  try {
    if (weight instanceof Int8Tensor) await checkHalfRange(name, weight)
    if (errors !== null) await addError(weight, values, errors)
    await weight.device.settle()
    return weight
  } catch (error) {
    weight.dispose()
    throw error
  }
}

/** int8 codes are made from f16: a row that goes beyond it has a scale that does. */
async function checkHalfRange(name: string, { parts }: Int8Tensor): Promise<void> {
  const bad = (await parts.scale.read()).findIndex((scale) => scale > 65504)
  check(bad < 0, 'numeric', () => {
    return `${name}: row ${bad} goes beyond 65504, the largest f16, which int8 codes are made from; store it in 4 bits or f32`
  })
}

async function addError(weight: Matrix, values: Float32Array, errors: ErrorSums): Promise<void> {
  // It belongs to nobody: a scope would take in what others allocate while this waits.
  const full = rootedMatrix(weight.device, () => dequantize(weight))
  try {
    const stored = await full.read()
    for (let i = 0; i < values.length; i++) {
      errors.absolute += Math.abs((values[i] ?? 0) - (stored[i] ?? 0))
      errors.magnitude += Math.abs(values[i] ?? 0)
    }
    errors.count += values.length
  } finally {
    full.dispose()
  }
}
