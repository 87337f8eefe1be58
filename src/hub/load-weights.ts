import { check } from '../core/errors.ts'
import { countOf, sameShape, showShape } from '../core/shape.ts'
import type { Device } from '../device/device.ts'
import type { WeightSpec } from '../models/causal-lm.ts'
import type { Weight } from '../nn/module.ts'
import { dequantizeFourBit, fourBitFromStored, quantizeFourBit } from '../ops/quantize.ts'
import { findQuantState, parseQuantState } from '../quant/bitsandbytes-state.ts'
import { nestedBlockSize } from '../quant/double-quant.ts'
import type { TensorReader } from '../safetensors/reader.ts'
import type { FourBitTensor } from '../tensor/four-bit-tensor.ts'
import { fromArray } from '../tensor/tensor.ts'
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
 * @throws MedAwareError `format` with one list of all missing, unexpected and misshapen tensors.
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
      const weight = await loadWeight(reader, spec, options, errors)
      weights.set(spec.name, weight)
      bytesDone += weight.byteLength
      options.onProgress?.({ tensor: spec.name, done: weights.size, total: specs.length, bytesDone })
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

interface ErrorSums {
  absolute: number
  magnitude: number
  count: number
}

async function loadWeight(
  reader: TensorReader,
  spec: WeightSpec,
  options: LoadModelOptions,
  errors: ErrorSums,
): Promise<Weight> {
  const { device, quantize = false, measureError = false } = options
  const stored = findQuantState(spec.name, reader.names)
  if (stored) return loadStoredFourBit(reader, spec, stored.key, device)
  const values = await reader.readF32(spec.name)
  if (quantize === false || spec.role !== 'projection') {
    return device.memory.rooted(() => fromArray(device, values, spec.shape, spec.name))
  }
  const weight = rootedFourBit(device, () =>
    quantizeFourBit(fromArray(device, values, spec.shape, spec.name), quantize),
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

/** A 4-bit weight that belongs to nobody; what else `make` allocates is freed, also when it throws. */
function rootedFourBit({ memory }: Device, make: () => FourBitTensor): FourBitTensor {
  return memory.rooted(() =>
    memory.scoped((scope) => {
      const weight = make()
      const { codes, absmax, nested } = weight.parts
      for (const part of nested ? [codes, absmax, nested] : [codes, absmax]) scope.keep(part)
      return weight
    }),
  )
}

async function addError(weight: FourBitTensor, values: Float32Array, errors: ErrorSums): Promise<void> {
  const scope = weight.device.memory.open()
  try {
    const stored = await dequantizeFourBit(weight).read()
    for (let i = 0; i < values.length; i++) {
      errors.absolute += Math.abs((values[i] ?? 0) - (stored[i] ?? 0))
      errors.magnitude += Math.abs(values[i] ?? 0)
    }
    errors.count += values.length
  } finally {
    scope.close()
  }
}

/** A matrix that bitsandbytes quantised, by the keys of modules.py, Linear4bit._save_to_state_dict. */
async function loadStoredFourBit(
  reader: TensorReader,
  spec: WeightSpec,
  stateKey: string,
  device: Device,
): Promise<FourBitTensor> {
  const { name, shape } = spec
  const state = parseQuantState(await reader.readBytes(stateKey))
  check(
    sameShape(state.shape, shape),
    'format',
    () => `${name}: its quant_state says ${showShape(state.shape)}, the config ${showShape(shape)}`,
  )
  const codes = (await reader.readBytes(name)).slice()
  const isNested = state.nestedOffset !== undefined
  const absmax = isNested ? (await reader.readBytes(`${name}.absmax`)).slice() : await reader.readF32(`${name}.absmax`)
  const blocks = Math.ceil(countOf(shape) / state.blockSize)
  check(codes.length === Math.ceil(countOf(shape) / 2) && absmax.length === blocks, 'format', () => {
    return `${name}: ${codes.length} bytes of codes and ${absmax.length} of absmax do not fit ${showShape(shape)} in blocks of ${state.blockSize}`
  })
  const nested = isNested
    ? { absmax: await reader.readF32(`${name}.nested_absmax`), offset: state.nestedOffset }
    : undefined
  check(nested === undefined || nested.absmax.length === Math.ceil(blocks / nestedBlockSize), 'format', () => {
    return `${name}: ${nested?.absmax.length} nested absmax do not fit ${blocks} blocks`
  })
  const stored = { type: state.quantType, blockSize: state.blockSize, codes, absmax, ...(nested && { nested }) }
  return rootedFourBit(device, () => fourBitFromStored(device, shape, stored))
}

function checkAgainstSpecs(reader: TensorReader, specs: readonly WeightSpec[], source: string): void {
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
  const problems = [...missing, ...unexpected, ...misshapen]
  check(problems.length === 0, 'format', () => {
    const more = problems.length > 12 ? `, and ${problems.length - 12} more` : ''
    return `${source}: the checkpoint does not fit its config: ${problems.slice(0, 12).join(', ')}${more}`
  })
}

/** The tied head written a second time, and bitsandbytes' state beside a weight, may be there. */
function isCompanion(name: string, known: ReadonlySet<string>): boolean {
  return (
    name === 'lm_head.weight' ||
    [...name.matchAll(/\./g)].some(
      ({ index }) => name.slice(0, index).endsWith('.weight') && known.has(name.slice(0, index)),
    )
  )
}
