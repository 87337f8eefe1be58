import { check } from '../../core/errors.ts'
import type { Device } from '../../device/device.ts'
import { nestedBlockSize } from '../../quant/double-quant.ts'
import { dynamicMap } from '../../quant/dynamic-map.ts'
import { fourBitBlockSizes, fourBitCode, fourBitDecision, type FourBitType } from '../../quant/four-bit.ts'
import { empty, fromArray, Tensor } from '../../tensor/tensor.ts'
import { checkMatrix } from '../check-matrix.ts'
import { sharedTable } from '../shared-table.ts'
import { FourBitTensor, type FourBitParts } from './four-bit-tensor.ts'

/** How a matrix is stored in 4 bits, in bitsandbytes' words. */
export interface FourBitOptions {
  /** Default 'nf4'. */
  readonly type?: FourBitType
  /** Elements that share one maximum: 32, 64, … 4096. Default 64. */
  readonly blockSize?: number | undefined
  /** Quantise the maxima to 8 bits as well (bitsandbytes' compress_statistics). Default true. */
  readonly doubleQuant?: boolean | undefined
}

/** @throws MedAwareError `config` for a block size that is no power of two in 32…4096. */
export function checkBlockSize({ blockSize }: Pick<FourBitOptions, 'blockSize'>): void {
  check(
    blockSize === undefined || fourBitBlockSizes.includes(blockSize),
    'config',
    () => `quantize: blockSize must be one of ${fourBitBlockSizes.join(', ')}, got ${blockSize}`,
  )
}

/**
 * Stores x [rows, columns] f32 in 4 bits on its device, bit-equal to bitsandbytes' codes; x itself is left alone.
 * Source: QLoRA, arXiv 2305.14314, sections 3 and B; bitsandbytes/functional.py, quantize_4bit.
 * @throws MedAwareError `config` for a block size that is no power of two in 32…4096, `shape` for what is no matrix.
 */
export function quantizeFourBit(x: Tensor, options: FourBitOptions = {}): FourBitTensor {
  checkBlockSize(options)
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
  return sharedTable(device, `${type} tables`, () => Float32Array.of(...fourBitCode(type), ...dynamicMap(true)))
}

function decisionTable(device: Device, type: FourBitType): Tensor {
  const { thresholds, codes } = fourBitDecision(type)
  return sharedTable(device, `${type} decision`, () => Float32Array.of(...thresholds, 0, ...codes))
}

function dynamicMapTable(device: Device): Tensor {
  return sharedTable(device, 'dynamic map', () => dynamicMap(true))
}
