import { joined } from '../../src/core/bytes.ts'
/** Numbers as a GGUF file has them. */
const little = (bytes: number, set: (view: DataView) => void): Uint8Array => {
  const view = new DataView(new ArrayBuffer(bytes))
  set(view)
  return new Uint8Array(view.buffer)
}
export const u32 = (value: number) => little(4, (view) => view.setUint32(0, value, true))
export const u64 = (value: number | bigint) => little(8, (view) => view.setBigUint64(0, BigInt(value), true))
export const f32 = (value: number) => little(4, (view) => view.setFloat32(0, value, true))
export const text = (value: string) => {
  const bytes = new TextEncoder().encode(value)
  return joined([u64(bytes.length), bytes])
}

/** A value of the metadata: its type's number, and its bytes. */
export type Entry = readonly [key: string, type: number, value: Uint8Array]

export interface TensorOfFile {
  readonly name: string
  /** Columns first, as in the file. */
  readonly sizes: readonly (number | bigint)[]
  readonly type: number
  readonly offset: number | bigint
}

/** A file of given parts, right or wrong. */
export function ggufFile({
  magic = 'GGUF',
  version = 3,
  entries = [],
  tensors = [],
  data = 0,
  alignment = 32,
  counts = [tensors.length, entries.length],
}: {
  readonly magic?: string
  readonly version?: number
  readonly entries?: readonly Entry[]
  readonly tensors?: readonly TensorOfFile[]
  /** Bytes behind the header. */
  readonly data?: number
  readonly alignment?: number
  readonly counts?: readonly [number | bigint, number | bigint]
} = {}): Uint8Array {
  const header = joined([
    ...[new TextEncoder().encode(magic), u32(version), ...counts.map(u64)],
    ...entries.flatMap(([key, type, value]) => [text(key), u32(type), value]),
    ...tensors.flatMap(({ name, sizes, type, offset }) => {
      return [text(name), u32(sizes.length), ...sizes.map(u64), u32(type), u64(offset)]
    }),
  ])
  const file = new Uint8Array(Math.ceil(header.length / alignment) * alignment + data)
  file.set(header)
  return file
}
