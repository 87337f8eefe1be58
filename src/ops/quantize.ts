import { check } from '../core/errors.ts'
import { showShape } from '../core/shape.ts'
import { show } from '../core/show.ts'
import { nestedBlockSize } from '../quant/double-quant.ts'
import { dynamicMap } from '../quant/dynamic-map.ts'
import { fourBitBlockSizes, fourBitCode, fourBitDecision, type FourBitType } from '../quant/four-bit.ts'
import type { Device } from '../device/device.ts'
import { FourBitTensor, type FourBitParts } from '../tensor/four-bit-tensor.ts'
import { Int8Tensor } from '../tensor/int8-tensor.ts'
import { isFull, type Matrix, storageOf } from '../tensor/matrix.ts'
import { empty, fromArray, Tensor } from '../tensor/tensor.ts'

/** How a matrix is stored in 4 bits, in bitsandbytes' words. */
export interface FourBitOptions {
  /** Default 'nf4'. */
  readonly type?: FourBitType
  /** Elements that share one maximum: 32, 64, … 4096. Default 64. */
  readonly blockSize?: number
  /** Quantise the maxima to 8 bits as well (bitsandbytes' compress_statistics). Default true. */
  readonly doubleQuant?: boolean
}

/** How a matrix is stored in fewer bits, in bitsandbytes' words. The defaults are QLoRA's: NF4, double-quantised. */
export interface StorageOptions extends Omit<FourBitOptions, 'type'> {
  /** 'int8' is LLM.int8's storage: a scale for each row, and neither `blockSize` nor `doubleQuant`. Default 'nf4'. */
  readonly type?: FourBitType | 'int8'
  /**
   * What products are computed in (bnb_4bit_compute_dtype). Kernels decode weights to f32 and compute in f32, so 'f32' is the
   * only one there is. Default 'f32'.
   */
  readonly computeDtype?: 'f32' | 'f16' | 'bf16'
}

/**
 * Checks options that need no tensor.
 * @throws MedAwareError `config` for a block size that is no power of two in 32…4096, or one for int8; `unsupported` for
 * another computeDtype than 'f32'.
 */
export function checkStorage({ type = 'nf4', blockSize, doubleQuant, computeDtype = 'f32' }: StorageOptions): void {
  check(['nf4', 'fp4', 'int8'].includes(type), 'config', () => {
    return `quantize: type must be 'nf4', 'fp4' or 'int8', got ${show(type)}`
  })
  check(type !== 'int8' || (blockSize === undefined && doubleQuant !== true), 'config', () => {
    return `quantize: int8 has a scale for each row, so neither blockSize nor doubleQuant; leave them out, or take 'nf4' or 'fp4'`
  })
  check(
    blockSize === undefined || fourBitBlockSizes.includes(blockSize),
    'config',
    () => `quantize: blockSize must be one of ${fourBitBlockSizes.join(', ')}, got ${blockSize}`,
  )
  check(computeDtype === 'f32', 'unsupported', () => {
    return `quantize: computeDtype ${show(computeDtype)}; kernels decode weights to f32 and compute in f32, leave it out`
  })
}

/**
 * Stores x [rows, columns] f32 in fewer bits on its device, bit-equal to bitsandbytes' codes; x itself is left alone.
 * @throws MedAwareError as `checkStorage`, `shape` for what is no matrix.
 */
export function quantizeMatrix(x: Tensor, options: StorageOptions = {}): FourBitTensor | Int8Tensor {
  checkStorage(options)
  const { type = 'nf4' } = options
  return type === 'int8' ? quantizeInt8(x) : quantizeFourBit(x, { ...options, type })
}

/**
 * Stores x [rows, columns] f32 in 4 bits on its device, bit-equal to bitsandbytes' codes; x itself is left alone.
 * Source: QLoRA, arXiv 2305.14314, sections 3 and B; bitsandbytes/functional.py, quantize_4bit.
 * @throws MedAwareError `config` for a block size that is no power of two in 32…4096, `shape` for what is no matrix.
 */
export function quantizeFourBit(x: Tensor, options: FourBitOptions = {}): FourBitTensor {
  checkStorage(options)
  const { type = 'nf4', blockSize = 64, doubleQuant = true } = options
  checkMatrix('quantizeFourBit', x)
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
 * Stores x [rows, columns] f32 as LLM.int8 does (arXiv 2208.07339), bit-equal to bitsandbytes' codes: rounded to f16, then in
 * 8 bits with a scale for each row. x itself is left alone. Only weights are in 8 bits: products take their activations in
 * f32, so nothing is to be kept apart for outliers (bitsandbytes' threshold). What is beyond f16 spoils its row.
 * @throws MedAwareError `shape`.
 */
export function quantizeInt8(x: Tensor): Int8Tensor {
  checkMatrix('quantizeInt8', x)
  const { device, rows, columns: dim } = x
  const codes = empty(device, x.shape, 'int8 codes', 'u8')
  const scale = empty(device, [rows], 'int8 scale')
  device.run('quantizeInt8', { input: x, codes, scale }, { rows, dim })
  return new Int8Tensor(x.shape, { codes, scale })
}

function checkMatrix(who: string, x: Tensor): void {
  check(
    x.dtype === 'f32' && x.shape.length === 2,
    'shape',
    () => `${who}: needs an f32 matrix, got ${x.dtype} ${showShape(x.shape)}`,
  )
}

/** The values a matrix stands for, without history. @param out As many elements in f32. Default: a new tensor of its shape. */
export function dequantize(x: Matrix, out = empty(x.device, x.shape, 'dequantized')): Tensor {
  if (isFull(x)) x.device.copy(x, out)
  else {
    const { codes, absmax, nested, tables, bits, isBf16, blockSize, isNested, nestedCount } = storageOf(x)
    const params = { count: x.count, bits, isBf16, blockSize, isNested, nestedCount }
    x.device.run('dequantize', { codes, absmax, nested, tables, out }, params)
  }
  return out
}

/** What a checkpoint that bitsandbytes quantised holds of one matrix. */
export interface StoredFourBit {
  readonly type: FourBitType
  readonly blockSize: number
  /** Bytes of the host, or the tensor that holds them already. */
  readonly codes: Uint8Array | Tensor
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
    codes: codes instanceof Tensor ? codes : fromArray(device, codes, [codes.length], `${type} codes`),
    absmax: fromArray(device, absmax, [absmax.length], `${type} absmax`),
    nested: nested ? nestedTensor(device, nested, `${type} nested absmax`) : null,
    tables: codeTables(device, type),
  }
  return new FourBitTensor(shape, parts)
}

/** The offset stands behind the maxima. */
function nestedTensor(device: Device, { absmax, offset }: NonNullable<StoredFourBit['nested']>, label: string): Tensor {
  const values = new Float32Array(absmax.length + 1)
  values.set(absmax)
  values[absmax.length] = offset
  return fromArray(device, values, [values.length], label)
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
