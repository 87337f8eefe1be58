import { f32ToF16 } from '../core/float16.ts'
import type { WeightSpec } from '../models/causal-lm.ts'
import type { Weight } from '../nn/module.ts'
import { dequantize, quantizeFourBit, quantizeInt8 } from '../ops/quantize.ts'
import type { TensorReader } from '../safetensors/reader.ts'
import { halfFromBits } from '../tensor/half.ts'
import type { Matrix } from '../tensor/matrix.ts'
import { fromArray } from '../tensor/tensor.ts'
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
    const half = dtype === 'f16' && role !== 'vector' ? await readHalf(reader, name) : null
    const values = half ?? (await reader.readF32(name))
    return rooted(device, () =>
      values instanceof Float32Array
        ? fromArray(device, values, shape, name)
        : halfFromBits(device, values, shape, name),
    )
  }
  const values = await reader.readF32(name)
  const weight = rooted(device, () =>
    quantize.type === 'int8'
      ? quantizeInt8(device, values, shape)
      : quantizeFourBit(fromArray(device, values, shape, name), quantize),
  )
  try {
    if (measureError) await addError(weight, values, errors)
    await device.settle()
    return weight
  } catch (error) {
    weight.dispose()
    throw error
  }
}

/** A tensor as the bits of its nearest f16, which are copied where the checkpoint has them. */
async function readHalf(reader: TensorReader, name: string): Promise<Uint16Array> {
  if (reader.info(name).dtype === 'F16') return (await reader.read(name)) as Uint16Array
  return f32ToF16(await reader.readF32(name))
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
