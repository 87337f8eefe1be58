import { check } from '../core/errors.ts'
import { show } from '../core/show.ts'
import { toF32, viewAs } from '../safetensors/elements.ts'
import type { TensorPart, TensorReader } from '../safetensors/reader.ts'
import type { ByteSource } from '../safetensors/source.ts'
import type { GgufHeader, GgufTensor } from './header.ts'

/**
 * The tensors of a GGUF file by its own names. Those in blocks are decoded as they are read, to the bits of the `gguf`
 * package's `dequantize`: `readBytes` gives the blocks, `read` and `readF32` numbers.
 */
export function ggufTensors(source: ByteSource, { tensors, dataBegin }: GgufHeader): TensorReader {
  const { name: who } = source
  const find = (name: string): GgufTensor => {
    const tensor = tensors.get(name)
    check(tensor !== undefined, 'not-found', () => `${who}: no tensor ${show(name)} among its ${tensors.size}`)
    return tensor
  }
  const bytesOf = async (name: string, begin: number, end: number, into?: Uint8Array): Promise<Uint8Array> => {
    const bytes = await source.read(dataBegin + begin, dataBegin + end, into)
    check(bytes.length === end - begin, 'format', () => {
      return `${who}: tensor ${show(name)} has ${end - begin} bytes, only ${bytes.length} could be read`
    })
    return bytes
  }
  const read = async (name: string, part?: TensorPart) => {
    const { type, begin, end } = find(name)
    const { elements, bytes, dtype, decode } = type
    const count = ((end - begin) / bytes) * elements
    const { begin: from, end: to, into } = part ?? { begin: 0, end: count }
    const isThere = 0 <= from && from <= to && to <= count && Number.isInteger(from) && Number.isInteger(to)
    check(isThere, 'format', () => {
      return `${who}: tensor ${show(name)} has ${count} elements, not those from ${from} to ${to}`
    })
    const [first, last] = [Math.floor(from / elements), Math.ceil(to / elements)]
    const at = [begin + first * bytes, begin + last * bytes] as const
    if (decode === undefined) return viewAs(await bytesOf(name, ...at, into), dtype)
    const values = floatsFor((last - first) * elements, into)
    decode(await bytesOf(name, ...at), values)
    return values.subarray(from - first * elements, to - first * elements)
  }
  return {
    names: [...tensors.keys()],
    metadata: {},
    has: (name) => tensors.has(name),
    info(name) {
      const { type, shape, begin, end } = find(name)
      return { dtype: type.dtype, shape, begin, end, ...(type.decode && { storedAs: type.name }) }
    },
    async readBytes(name) {
      const { begin, end } = find(name)
      return bytesOf(name, begin, end)
    },
    readF32: async (name) => toF32(await read(name), find(name).type.dtype),
    read,
    async close() {
      await source.close?.()
    },
  }
}

/** The memory that is given, where it has room and is aligned. */
function floatsFor(count: number, into: Uint8Array | undefined): Float32Array {
  if (into === undefined || into.length < 4 * count || into.byteOffset % 4 !== 0) return new Float32Array(count)
  return new Float32Array(into.buffer, into.byteOffset, count)
}
