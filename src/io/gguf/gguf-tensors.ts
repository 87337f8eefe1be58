import { check } from '../../core/errors.ts'
import type { TensorReader } from '../../safetensors/reader.ts'
import { checkpointName, type GgufArchitecture } from './gguf-architectures.ts'
import { ropeFactors } from './gguf-rope.ts'
import { inHalves } from './paired-rows.ts'

/** Whose tensors they are, and the heads whose rows of q and k may be in pairs. */
export interface GgufHeads {
  readonly who: string
  readonly queries: number
  readonly keys: number
}

/**
 * A GGUF file's tensors under transformers' names, and as it has them.
 * @param heads Whose rows are put back into halves, where the architecture has them in pairs.
 * @throws MedAwareError `unsupported` for shifted norms that are not F32.
 */
export function checkpointTensors(file: TensorReader, row: GgufArchitecture, heads: GgufHeads): TensorReader {
  const weights = file.names.filter((name) => name !== ropeFactors)
  const names = new Map(weights.map((name) => [checkpointName(row, name), name]))
  // A name that is not known is found under itself, and then refused by who asks.
  const own = (name: string) => names.get(name) ?? `${name} of transformers`
  const isShifted = (name: string) => row.hasShiftedNorms === true && own(name).endsWith('norm.weight')
  for (const name of names.keys()) {
    if (isShifted(name)) checkIsF32(heads.who, name, file.info(own(name)).dtype)
  }
  const headsOf = (name: string): number => {
    const [, letter] = /\.attn_(q|k)\.(?:weight|bias)$/.exec(own(name)) ?? []
    return !row.hasPairedRows || letter === undefined ? 0 : letter === 'q' ? heads.queries : heads.keys
  }
  const rowsOf = (name: string) => file.info(own(name)).shape[0] ?? 0
  const read: TensorReader['read'] = async (name, part) => {
    const count = headsOf(name)
    if (count === 0) {
      const data = await file.read(own(name), part)
      return isShifted(name) && data instanceof Float32Array ? lessOne(data) : data
    }
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
      if (isShifted(name)) return new Uint8Array(lessOne(await file.readF32(own(name))).buffer)
      const bytes = await file.readBytes(own(name))
      const count = headsOf(name)
      return count === 0 ? bytes : inHalves(bytes, count, rowsOf(name) / count)
    },
    async readF32(name) {
      const values = await file.readF32(own(name))
      if (isShifted(name)) return lessOne(values)
      const count = headsOf(name)
      return count === 0 ? values : inHalves(values, count, rowsOf(name) / count)
    },
    read,
  }
}

function checkIsF32(who: string, name: string, dtype: string): void {
  check(
    dtype === 'F32',
    'unsupported',
    () => `${who}: ${name} is ${dtype}; norms that are written as 1 + weight are F32`,
  )
}

/** The weight of a norm that is written as 1 + weight: exact from 1/2 to 2, and 1 + it is the file's number again. */
function lessOne(values: Float32Array): Float32Array<ArrayBuffer> {
  return Float32Array.from(values, (value) => value - 1)
}
