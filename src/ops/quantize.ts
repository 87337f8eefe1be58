import { check } from '../core/errors.ts'
import { showShape, type Shape } from '../core/shape.ts'
import { nestedBlockSize } from '../quant/double-quant.ts'
import { dynamicMap } from '../quant/dynamic-map.ts'
import { fourBitBlockSizes, fourBitCode, fourBitDecision, type FourBitType } from '../quant/four-bit.ts'
import { quantizeInt8 as quantizeRows, type Int8Rows } from '../quant/int8.ts'
import type { Device } from '../device/device.ts'
import { FourBitTensor, type FourBitParts } from '../tensor/four-bit-tensor.ts'
import { Int8Tensor } from '../tensor/int8-tensor.ts'
import { isFull, type Matrix, storageOf } from '../tensor/matrix.ts'
import { empty, fromArray, type Tensor } from '../tensor/tensor.ts'

/** How a matrix is stored in 4 bits, in bitsandbytes' words. */
export interface FourBitOptions {
  /** Default 'nf4'. */
  readonly type?: FourBitType
  /** Elements that share one maximum: 32, 64, … 4096. Default 64. */
  readonly blockSize?: number
  /** Quantise the maxima to 8 bits as well (bitsandbytes' compress_statistics). Default true. */
  readonly doubleQuant?: boolean
}

/** LLM.int8's storage, a scale for each row. */
export interface Int8Options {
  readonly type: 'int8'
}

/**
 * Stores x [rows, columns] f32 in 4 bits on its device, bit-equal to bitsandbytes' codes; x itself is left alone.
 * Source: QLoRA, arXiv 2305.14314, sections 3 and B; bitsandbytes/functional.py, quantize_4bit.
 * @throws MedAwareError `config` for a block size that is no power of two in 32…4096.
 */
export function quantizeFourBit(x: Tensor, options: FourBitOptions = {}): FourBitTensor {
  const { type = 'nf4', blockSize = 64, doubleQuant = true } = options
  check(
    fourBitBlockSizes.includes(blockSize),
    'config',
    () => `quantizeFourBit: blockSize must be a power of two from 32 to 4096, got ${blockSize}`,
  )
  check(
    x.dtype === 'f32' && x.shape.length === 2,
    'shape',
    () => `quantizeFourBit: needs an f32 matrix, got ${x.dtype} ${showShape(x.shape)}`,
  )
  const { device, count } = x
  const blocks = Math.ceil(count / blockSize)
  const codes = empty(device, [Math.ceil(count / 2)], `${type} codes`, 'u8')
  const full = empty(device, [blocks], `${type} absmax`)
  const decision = decisionTable(device, type)
  device.run('quantizeFourBit', { input: x, decision, codes, absmax: full }, { count, blockSize })
  const parts = { type, blockSize, codes, tables: codeTables(device, type) }
  if (!doubleQuant) return new FourBitTensor(x.shape, { ...parts, absmax: full, nested: null })
  const absmax = empty(device, [blocks], `${type} absmax codes`, 'u8')
  const nested = empty(device, [Math.ceil(blocks / nestedBlockSize) + 1], `${type} nested absmax`)
  device.run('quantizeAbsmax', { absmax: full, map: dynamicMapTable(device), codes: absmax, nested }, { count: blocks })
  full.dispose()
  return new FourBitTensor(x.shape, { ...parts, absmax, nested })
}

/**
 * Stores values [rows, columns] of the host as LLM.int8 does, bit-equal to bitsandbytes' codes; each row has a scale.
 * @throws MedAwareError `shape`, `numeric` for what is not finite in float16.
 */
export function quantizeInt8(device: Device, values: Float32Array, shape: Shape): Int8Tensor {
  const [rows = 0, columns = 0] = shape
  return int8FromStored(device, shape, quantizeRows(values, rows, columns))
}

/** Puts a matrix that is int8 already on a device, as it is. @throws MedAwareError `shape`. */
export function int8FromStored(device: Device, shape: Shape, { codes, scale }: Int8Rows): Int8Tensor {
  const [rows = 0, columns = 0] = shape
  check(shape.length === 2 && codes.length === rows * columns && scale.length === rows, 'shape', () => {
    return `int8FromStored: ${codes.length} codes and ${scale.length} scales are no matrix of ${showShape(shape)}`
  })
  const bytes = new Uint8Array(codes.buffer, codes.byteOffset, codes.length)
  return new Int8Tensor(shape, {
    codes: fromArray(device, bytes, shape, 'int8 codes'),
    scale: fromArray(device, scale, [rows], 'int8 scale'),
  })
}

/** The values a matrix stands for, as a new f32 tensor of its shape, without history. */
export function dequantize(x: Matrix): Tensor {
  const out = empty(x.device, x.shape, 'dequantized')
  if (isFull(x)) x.device.copy(x, out)
  else {
    const { bindings, format } = storageOf(x)
    x.device.run('dequantize', { ...bindings, out }, { count: x.count, ...format })
  }
  return out
}

/** What a checkpoint that bitsandbytes quantised holds of one matrix. */
export interface StoredFourBit {
  readonly type: FourBitType
  readonly blockSize: number
  readonly codes: Uint8Array
  /** u8 codes with `nested`, else f32. */
  readonly absmax: Uint8Array | Float32Array
  readonly nested?: { readonly absmax: Float32Array; readonly offset: number }
  /** The dtype that is noted of the weight. */
  readonly sourceDType?: NonNullable<FourBitParts['sourceDType']>
}

/** Puts a matrix that is 4-bit already on a device, as it is. */
export function fourBitFromStored(device: Device, shape: readonly number[], stored: StoredFourBit): FourBitTensor {
  const { type, blockSize, codes, absmax, nested, sourceDType } = stored
  const parts: FourBitParts = {
    ...(sourceDType && { sourceDType }),
    type,
    blockSize,
    codes: fromArray(device, codes, [codes.length], `${type} codes`),
    absmax: fromArray(device, absmax, [absmax.length], `${type} absmax`),
    nested: nested
      ? fromArray(
          device,
          Float32Array.of(...nested.absmax, nested.offset),
          [nested.absmax.length + 1],
          `${type} nested absmax`,
        )
      : null,
    tables: codeTables(device, type),
  }
  return new FourBitTensor(shape, parts)
}

/** The decoding tables of a type: 16 code values and the dynamic map's 256, made once per device. */
export function codeTables(device: Device, type: FourBitType): Tensor {
  return shared(device, `${type} tables`, () => Float32Array.of(...fourBitCode(type), ...dynamicMap(true)))
}

function decisionTable(device: Device, type: FourBitType): Tensor {
  const { thresholds, codes } = fourBitDecision(type)
  return shared(device, `${type} decision`, () => Float32Array.of(...thresholds, 0, ...codes))
}

function dynamicMapTable(device: Device): Tensor {
  return shared(device, 'dynamic map', () => dynamicMap(true))
}

const tablesOf = new WeakMap<Device, Map<string, Tensor>>()

function shared(device: Device, name: string, values: () => Float32Array): Tensor {
  const tables = tablesOf.get(device) ?? new Map<string, Tensor>()
  tablesOf.set(device, tables)
  const made = tables.get(name) ?? device.memory.rooted(() => fromArray(device, values(), [values().length], name))
  tables.set(name, made)
  return made
}
