import { sizeOf, type DType } from '../core/dtype.ts'
import { check, MedAwareError } from '../core/errors.ts'
import { bf16ToF32, f16ToF32 } from '../core/float16.ts'
import { readArgument } from '../core/options.ts'
import { checkShape, countOf, showShape, type Shape } from '../core/shape.ts'
import { show } from '../core/show.ts'
import { type Binding, type Device, deviceRule } from '../device/device.ts'
import type { DeviceBuffer } from '../device/buffer.ts'

/** A value on a device: a shape and an element type over a window of a buffer. It knows no maths. */
export class Tensor implements Binding {
  /** Number of elements. */
  readonly count: number
  /** Bytes its elements take. */
  readonly byteLength: number
  #requiresGrad = false

  constructor(
    readonly device: Device,
    readonly shape: Shape,
    readonly dtype: DType,
    readonly buffer: DeviceBuffer,
    readonly byteOffset = 0,
  ) {
    this.count = countOf(shape)
    this.byteLength = this.count * sizeOf(dtype)
  }

  /**
   * Whether a gradient is wanted for it; what depends on it inherits the wish while a tape records. Default false.
   * @throws MedAwareError `unsupported` when it is set for a tensor that is not f32.
   */
  get requiresGrad(): boolean {
    return this.#requiresGrad
  }

  set requiresGrad(wanted: boolean) {
    check(!wanted || this.dtype === 'f32', 'unsupported', () => {
      return `requiresGrad: a tensor of ${this.dtype} is frozen, its steps are too coarse for updates; keep it in f32 to train it`
    })
    this.#requiresGrad = wanted
  }

  /** Itself: as in every storage format, the tensors that are its own. */
  get tensors(): readonly Tensor[] {
    return [this]
  }

  /** Size of the last dimension, 1 for a scalar. */
  get columns(): number {
    return this.shape.at(-1) ?? 1
  }

  /** Number of rows when all but the last dimension are flattened. */
  get rows(): number {
    return this.columns === 0 ? 0 : this.count / this.columns
  }

  /**
   * Copies host values in; their type must be the tensor's and their count its count. @throws MedAwareError `config`,
   * `shape`.
   */
  write(values: HostValues): this {
    checkValues('write', values, this.dtype)
    check(values.length === this.count, 'shape', () => `write: ${values.length} values for ${showShape(this.shape)}`)
    this.device.upload(this, values)
    return this
  }

  /**
   * Copies elements to the host as f32, exact from 16 bits, after all work queued before.
   * @param into Takes them, and is returned: an array of as many. Default: a new one.
   * @throws MedAwareError `device`; `shape` where they are no floats, or there is room for another number of them.
   */
  async read(into?: Float32Array<ArrayBuffer>): Promise<Float32Array<ArrayBuffer>> {
    const { dtype } = this
    check(dtype !== 'i32' && dtype !== 'u8', 'shape', () => `read: the tensor holds ${dtype}, not f32; use readBytes`)
    const values = into === undefined ? new Float32Array(this.count) : into
    check(values instanceof Float32Array && values.length === this.count, 'shape', () => {
      return `read: ${showShape(this.shape)} does not go into ${show(values)}`
    })
    if (dtype === 'f32') {
      await this.device.download(this, new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
      return values
    }
    const { buffer } = await this.device.download(this)
    values.set(dtype === 'f16' ? f16ToF32(new Uint16Array(buffer)) : bf16ToF32(new Uint16Array(buffer)))
    return values
  }

  /** Copies the raw bytes to the host. @throws MedAwareError `device`. */
  readBytes(): Promise<Uint8Array<ArrayBuffer>> {
    return this.device.download(this)
  }

  /** Reads the first element, as `read`. */
  async item(): Promise<number> {
    return (await this.read())[0] ?? NaN
  }

  /** Frees its buffer now instead of when its scope closes; other tensors on the same buffer go with it. */
  dispose(): void {
    this.device.memory.release(this.buffer)
  }
}

/**
 * A tensor's elements under another shape of equal count, on the same buffer and without history: for ops, which see to
 * the gradient. Others call `reshape` of `peft-medaware/ops`.
 * @throws MedAwareError `shape`.
 */
export function reshaped(x: Tensor, shape: Shape): Tensor {
  checkShape('reshape', shape)
  check(countOf(shape) === x.count, 'shape', () => `reshape: ${showShape(x.shape)} does not fit ${showShape(shape)}`)
  return new Tensor(x.device, shape, x.dtype, x.buffer, x.byteOffset)
}

/**
 * Rows `begin` to `end` of the flattened rows, on the same buffer and without history: [end - begin, columns]. Kernels
 * take windows that begin at multiples of 256 bytes.
 * @throws MedAwareError `shape`.
 */
export function rowsOf(x: Tensor, begin: number, end: number): Tensor {
  check(
    Number.isInteger(begin) && Number.isInteger(end) && begin >= 0 && begin <= end && end <= x.rows,
    'shape',
    () => `rowsOf: rows ${begin} to ${end} of ${showShape(x.shape)}`,
  )
  const at = x.byteOffset + begin * x.columns * sizeOf(x.dtype)
  return new Tensor(x.device, [end - begin, x.columns], x.dtype, x.buffer, at)
}

/**
 * A tensor whose elements are whatever its memory held: for outputs that a kernel fills.
 * @param label What errors and memory reports call it; so do the functions below.
 * @throws MedAwareError `shape` for what is no shape, `memory`.
 */
export function empty(device: Device, shape: Shape, label = 'empty', dtype: DType = 'f32'): Tensor {
  readArgument(label, 'device', device, deviceRule)
  checkShape(label, shape)
  const bytes = countOf(shape) * sizeOf(dtype)
  return new Tensor(device, shape, dtype, device.memory.allocate(Math.max(4, Math.ceil(bytes / 4) * 4), label))
}

/** A tensor of zeros (f32). @throws MedAwareError as `empty`. */
export function zeros(device: Device, shape: Shape, label = 'zeros'): Tensor {
  readArgument(label, 'device', device, deviceRule)
  return device.memory.allOrNothing(() => {
    const out = empty(device, shape, label)
    device.run('fill', { out }, { count: out.count, value: 0 })
    return out
  })
}

/** Host values of each dtype: f32, f16 and bf16 as bits, i32 and u8. */
export type HostValues = Float32Array | Uint16Array | Int32Array | Uint8Array

const arrayOf: Readonly<Record<DType, string>> = {
  f32: 'Float32Array',
  f16: 'Uint16Array',
  bf16: 'Uint16Array',
  i32: 'Int32Array',
  u8: 'Uint8Array',
}

/** What kind of typed array it is, whichever page or thread made it. */
function kindOf(values: HostValues): string {
  return Object.prototype.toString
    .call(values)
    .slice('[object '.length, -1)
    .replace(/^Uint8ClampedArray$/, 'Uint8Array')
}

function dtypeOf(values: HostValues): DType {
  const kind = kindOf(values)
  const dtype = (Object.keys(arrayOf) as DType[]).find((one) => arrayOf[one] === kind)
  if (dtype !== undefined) return dtype
  const known = [...new Set(Object.values(arrayOf))].join(', ')
  throw new MedAwareError('config', `fromArray: values must be one of ${known}, got ${show(values)}`)
}

function checkValues(who: string, values: HostValues, dtype: DType): void {
  check(kindOf(values) === arrayOf[dtype], 'config', () => {
    return `${who}: values of a tensor of ${dtype} must be a ${arrayOf[dtype]}, got ${show(values)}`
  })
}

/**
 * A tensor holding `values`.
 * @throws MedAwareError `config` for values of another type, `shape` where their count is not the shape's, `memory`.
 * @param dtype Default f32 for a Float32Array, f16 for the bits in a Uint16Array, i32 for an Int32Array, u8 for a
 * Uint8Array.
 */
export function fromArray(
  device: Device,
  values: HostValues,
  shape: Shape,
  label = 'fromArray',
  dtype: DType = dtypeOf(values),
): Tensor {
  readArgument(label, 'device', device, deviceRule)
  checkShape(label, shape)
  checkValues(label, values, dtype)
  check(values.length === countOf(shape), 'shape', () => `${label}: ${values.length} values for ${showShape(shape)}`)
  return device.memory.allOrNothing(() => empty(device, shape, label, dtype).write(values))
}

/** A tensor of its own with the same elements, without history. */
export function copyOf(x: Tensor, label: string): Tensor {
  return x.device.memory.allOrNothing(() => {
    const copy = empty(x.device, x.shape, label, x.dtype)
    x.device.copy(x, copy)
    return copy
  })
}
