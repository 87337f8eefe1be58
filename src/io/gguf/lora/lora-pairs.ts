import { check } from '../../../core/errors.ts'
import { show, showNames } from '../../../core/show.ts'
import { keyPrefix } from '../../../peft/layers/adapted-layer.ts'
import type { LoraConfig } from '../../../peft/lora/lora-config.ts'
import { NamePatterns } from '../../../peft/targets/module-names.ts'
import { patternReader } from '../../../peft/targets/target-matching.ts'
import type { TensorReader } from '../../../safetensors/reader.ts'
import type { LoraPair } from './lora-gguf.ts'

const halfKey = /^(.+)\.lora_(?:([AB])\.weight|embedding_([AB]))$/

/** A's and B's of a file, layer by layer in the order of the file. */
export function loraPairs(who: string, lora: LoraConfig, { names }: TensorReader): readonly LoraPair[] {
  const byPath = new Map<string, { a?: string; b?: string; isTable: boolean }>()
  const others: string[] = []
  for (const key of names) {
    // Tables that PEFT saves beside what adapts them are the base's.
    if (key.endsWith('.base_layer.weight')) continue
    const [, path, linear, table] = key.startsWith(keyPrefix) ? (halfKey.exec(key.slice(keyPrefix.length)) ?? []) : []
    if (path === undefined) {
      others.push(key)
      continue
    }
    const pair = byPath.get(path) ?? { isTable: table !== undefined }
    byPath.set(path, (linear ?? table) === 'A' ? { ...pair, a: key } : { ...pair, b: key })
  }
  check(others.length === 0, 'unsupported', () => {
    return `${who}: llama.cpp applies A and B of LoRA alone, and there are ${showNames(others)}; merge the adapter (mergeAndUnload) in place of exporting it`
  })
  check(byPath.size > 0, 'format', () => `${who}: the adapter has no tensors`)
  const alphaOf = patternReader(lora.alphaPattern, lora.loraAlpha, 'alphaPattern', new NamePatterns(who))
  return [...byPath].map(([path, { a, b, isTable }]) => {
    check(a !== undefined && b !== undefined, 'format', () => `${who}: ${show(path)} has only one of A and B`)
    return { ...{ path, a, b, isTable }, alpha: (rank) => scaledAlpha(lora, alphaOf(path), rank) }
  })
}

/** What llama.cpp divides by the rank: rsLoRA's division is by its root. */
export function scaledAlpha({ useRslora }: LoraConfig, alpha: number, rank: number): number {
  return useRslora ? alpha * Math.sqrt(rank) : alpha
}
