import type { TensorReader } from '../../safetensors/reader.ts'
import { checkpointName } from './gguf-architectures.ts'
import { ropeFactors } from './gguf-rope.ts'

/** Heads of a model whose rows of q and k are written in pairs. */
export interface PairedHeads {
  readonly queries: number
  readonly keys: number
}

/**
 * A GGUF file's tensors under transformers' names, and as it has them.
 * @param heads Of rows to be put back into halves; `null` for a file that has them so.
 */
export function checkpointTensors(file: TensorReader, heads: PairedHeads | null): TensorReader {
  const names = new Map(file.names.filter((name) => name !== ropeFactors).map((name) => [checkpointName(name), name]))
  // A name that is not known is found under itself, and then refused by who asks.
  const own = (name: string) => names.get(name) ?? `${name} of transformers`
  const headsOf = (name: string): number => {
    const [, letter] = /\.attn_(q|k)\.(?:weight|bias)$/.exec(own(name)) ?? []
    return heads === null || letter === undefined ? 0 : letter === 'q' ? heads.queries : heads.keys
  }
  const rowsOf = (name: string) => file.info(own(name)).shape[0] ?? 0
  const read: TensorReader['read'] = async (name, part) => {
    const count = headsOf(name)
    if (count === 0) return file.read(own(name), part)
    const size = file.info(own(name)).shape.reduce((product, each) => product * each, 1)
    const { begin, end } = part ?? { begin: 0, end: size }
    // Rows stay within their head, so whole heads are read.
    const unit = size / count
    const [from, to] = [Math.floor(begin / unit) * unit, Math.min(size, Math.ceil(end / unit) * unit)]
    const data = await file.read(own(name), { begin: from, end: to })
    if (!(data instanceof Float32Array) && !(data instanceof Uint16Array)) return data
    return inHalves(data, (to - from) / unit, rowsOf(name) / count).subarray(begin - from, end - from)
  }
  return {
    ...file,
    names: [...names.keys()],
    has: (name) => names.has(name),
    info: (name) => file.info(own(name)),
    async readBytes(name) {
      const bytes = await file.readBytes(own(name))
      const count = headsOf(name)
      return count === 0 ? bytes : inHalves(bytes, count, rowsOf(name) / count)
    },
    async readF32(name) {
      const values = await file.readF32(own(name))
      const count = headsOf(name)
      return count === 0 ? values : inHalves(values, count, rowsOf(name) / count)
    },
    read,
  }
}

/** Rows 0, 1, 2, 3, … of each head to 0, 2, …, 1, 3, …: what convert_hf_to_gguf.py's `permute` did, undone. */
function inHalves<T extends Float32Array | Uint16Array | Uint8Array>(data: T, heads: number, rows: number): T {
  const halves = data.slice() as T
  const row = data.length / (heads * rows)
  for (let head = 0; head < heads; head++) {
    for (let i = 0; i < rows; i++) {
      const from = (head * rows + i) * row
      const to = head * rows + (i >> 1) + (i & 1) * (rows / 2)
      halves.set(data.subarray(from, from + row), to * row)
    }
  }
  return halves
}
