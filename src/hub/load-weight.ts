import type { WeightSpec } from '../models/causal-lm.ts'
import type { Weight } from '../nn/module.ts'
import { dequantize, quantizeFourBit, quantizeInt8 } from '../ops/quantize.ts'
import type { TensorReader } from '../safetensors/reader.ts'
import type { Matrix } from '../tensor/matrix.ts'
import { filledTensor } from './fill-tensor.ts'
import type { LoadModelOptions } from './load-model.ts'
import { loadStored, rooted } from './load-stored.ts'

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
  reader: TensorReader,
  spec: WeightSpec,
  options: LoadModelOptions,
  errors: ErrorSums,
): Promise<Weight> {
  const { device, dtype = 'f32', quantize = false, measureError = false } = options
  const { name, shape, role } = spec
  const stored = await loadStored(reader, spec, device)
  if (stored !== null) return stored
  if (quantize === false || role !== 'projection') {
    return filledTensor(reader, name, { device, shape, dtype: role === 'vector' ? 'f32' : dtype, label: name })
  }
  if (quantize.type === 'int8') {
    const values = await reader.readF32(name)
    return measured(
      rooted(device, () => quantizeInt8(device, values, shape)),
      values,
      measureError ? errors : null,
    )
  }
  const full = await filledTensor(reader, name, { device, shape, dtype: 'f32', label: name })
  try {
    const weight = rooted(device, () => quantizeFourBit(full, quantize))
    const values = measureError ? await full.read() : new Float32Array(0)
    return await measured(weight, values, measureError ? errors : null)
  } finally {
    full.dispose()
  }
}

/** The same weight, after what storing changed was added up; it is freed where that fails. */
async function measured(weight: Matrix, values: Float32Array, errors: ErrorSums | null): Promise<Matrix> {
  try {
    if (errors !== null) await addError(weight, values, errors)
    await weight.device.settle()
    return weight
  } catch (error) {
    weight.dispose()
    throw error
  }
}

async function addError(weight: Matrix, values: Float32Array, errors: ErrorSums): Promise<void> {
  const scope = weight.device.memory.open()
  try {
    const stored = await dequantize(weight).read()
    for (let i = 0; i < values.length; i++) {
      errors.absolute += Math.abs((values[i] ?? 0) - (stored[i] ?? 0))
      errors.magnitude += Math.abs(values[i] ?? 0)
    }
    errors.count += values.length
  } finally {
    scope.close()
  }
}
