import { check } from '../core/errors.ts'
import { countOf } from '../core/shape.ts'
import { show } from '../core/show.ts'
import { bytesOf } from './dtype.ts'
import type { TensorDescription } from './writer.ts'

/** One file of a checkpoint and what goes into it. */
export interface Shard<T extends TensorDescription> {
  /** `model.safetensors`, or `model-00001-of-00003.safetensors`. */
  readonly fileName: string
  readonly tensors: readonly T[]
}

/** The file that says which shard has a tensor. */
export const shardIndexName = 'model.safetensors.index.json'

/** What a file of a checkpoint's tensors is called, by itself or as a shard, the index included. */
export const checkpointFileName = /^model(-\d{5}-of-\d{5})?\.safetensors(\.index\.json)?$/

/**
 * Spreads tensors over files of at most `maxBytes` of data each, in their order, as transformers does: a tensor that is
 * larger has a file of its own (huggingface_hub/serialization/_base.py).
 */
export function splitIntoShards<T extends TensorDescription>(tensors: Iterable<T>, maxBytes: number): Shard<T>[] {
  const shards: T[][] = []
  let current: T[] = []
  let currentBytes = 0
  for (const tensor of tensors) {
    const bytes = tensorBytes(tensor)
    if (bytes > maxBytes) {
      shards.push([tensor])
      continue
    }
    if (currentBytes + bytes > maxBytes) {
      shards.push(current)
      current = []
      currentBytes = 0
    }
    current.push(tensor)
    currentBytes += bytes
  }
  if (current.length > 0 || shards.length === 0) shards.push(current)
  const number = (value: number) => String(value).padStart(5, '0')
  return shards.map((parts, i) => ({
    fileName:
      shards.length === 1 ? 'model.safetensors' : `model-${number(i + 1)}-of-${number(shards.length)}.safetensors`,
    tensors: parts,
  }))
}

/** The model.safetensors.index.json of such files, as transformers writes it. */
export function formatShardIndex(shards: readonly Shard<TensorDescription>[], totalParameters: number): string {
  const totalSize = shards.flatMap(({ tensors }) => tensors).reduce((sum, tensor) => sum + tensorBytes(tensor), 0)
  const places = shards.flatMap(({ fileName, tensors }) => tensors.map(({ name }) => [name, fileName] as const))
  const sorted = places.sort(([a], [b]) => (a < b ? -1 : 1))
  const lines = sorted.map(([name, fileName]) => `    ${JSON.stringify(name)}: ${JSON.stringify(fileName)}`)
  return `{
  "metadata": {
    "total_parameters": ${totalParameters},
    "total_size": ${totalSize}
  },
  "weight_map": {
${lines.join(',\n')}
  }
}
`
}

/** Bytes that a tensor's elements take in a file. */
export function tensorBytes({ shape, dtype }: Pick<TensorDescription, 'shape' | 'dtype'>): number {
  return countOf(shape) * bytesOf(dtype)
}

const units: Readonly<Record<string, number>> = { TB: 1e12, GB: 1e9, MB: 1e6, KB: 1e3 }

/**
 * A size in bytes from a number or from words such as '5GB' or '500 mb', in powers of 1000, as transformers reads them.
 * @throws MedAwareError `config` for anything else, and for less than a byte.
 */
export function parseByteSize(who: string, size: number | string): number {
  const [, digits, unit = ''] = /^\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-z]{2})\s*$/i.exec(String(size)) ?? []
  const bytes = typeof size === 'number' ? size : Math.floor(Number(digits) * (units[unit.toUpperCase()] ?? NaN))
  check(bytes >= 1, 'config', () => {
    return `${who} must be bytes or a size in KB, MB, GB or TB such as '5GB', not ${show(size)}`
  })
  return bytes
}
