import { check } from '../core/errors.ts'
import type { WeightSpec } from '../models/causal-lm.ts'
import type { Weight } from '../nn/module.ts'
import { dequantize, quantizeMatrix } from '../ops/quantize.ts'
import type { TensorReader } from '../safetensors/reader.ts'
import type { Matrix } from '../tensor/matrix.ts'
import { filledTensor } from './fill-tensor.ts'
import type { LoadModelOptions } from './load-model.ts'
import { loadStored, rooted } from './load-stored.ts'
import { dtypeOf, quantizationOf } from './weight-storage.ts'

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
  const { device, measureError = false } = options
  const { name, shape } = spec
  const stored = await loadStored(reader, spec, device)
  if (stored !== null) return stored
  const quantization = quantizationOf(spec, options)
  if (quantization === null) {
    return filledTensor(reader, name, { device, shape, dtype: dtypeOf(spec, options), label: name })
  }
  const isInt8 = quantization.type === 'int8'
  const full = await filledTensor(reader, name, {
    ...{ device, shape, dtype: 'f32', label: name },
    ...(isInt8 && { inspect: (values, begin) => checkHalfRange(name, values, begin) }),
  })
  try {
    const weight = rooted(device, () => quantizeMatrix(full, quantization))
    try {
      if (measureError) await addError(weight, await full.read(), errors)
      await device.settle()
      return weight
    } catch (error) {
      weight.dispose()
      throw error
    }
  } finally {
    full.dispose()
  }
}

function checkHalfRange(name: string, values: Float32Array, begin: number): void {
  const bad = values.findIndex((value) => !(Math.abs(value) < 65520))
  check(bad < 0, 'numeric', () => {
    return `${name}: element ${begin + bad} is not finite in f16, which int8 codes are made from; store it in 4 bits or f32`
  })
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
