import { formatModelConfig } from '../../models/architectures.ts'
import type { ModelConfig } from '../../models/causal-lm.ts'
import type { GgufArchitecture } from './gguf-architectures.ts'

type Rows = Float32Array | Uint16Array | Uint8Array

/** Rows 0, 1, 2, 3, … of each head to 0, 2, …, 1, 3, …: what convert_hf_to_gguf.py's `permute` did, undone. */
export function inHalves<T extends Rows>(data: T, heads: number, rows: number): T {
  return moved(data, heads, rows, (i) => (i >> 1) + (i & 1) * (rows / 2))
}

/** What `permute` does. @param rows Of a head. */
export function inPairs<T extends Rows>(data: T, heads: number, rows: number): T {
  return moved(data, heads, rows, (i) => (i < rows / 2 ? 2 * i : 2 * i - rows + 1))
}

function moved<T extends Rows>(data: T, heads: number, rows: number, placeOf: (i: number) => number): T {
  const result = data.slice() as T
  const row = data.length / (heads * rows)
  for (let head = 0; head < heads; head++) {
    for (let i = 0; i < rows; i++) {
      const from = (head * rows + i) * row
      result.set(data.subarray(from, from + row), (head * rows + placeOf(i)) * row)
    }
  }
  return result
}

/** The heads of a projection whose rows are written in pairs, by its path; `null` for all others. */
export function pairedHeads({ hasPairedRows }: GgufArchitecture, model: ModelConfig, path: string): number | null {
  const [, letter] = /\.(q|k)_proj$/.exec(path) ?? []
  if (!hasPairedRows || letter === undefined) return null
  const keys = formatModelConfig(model)['num_key_value_heads']
  return letter === 'k' && typeof keys === 'number' ? keys : model.numAttentionHeads
}
