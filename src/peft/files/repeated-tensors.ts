import { shorten } from '../../core/show.ts'
import type { TensorReader } from '../../safetensors/reader.ts'
import { deviceOf } from '../adaptable.ts'
import type { Adapter } from '../adapter.ts'
import type { AdapterPlan } from '../adapter-plan.ts'

/** Tables of half precision differ from those of a file in f32 by this share at most: half of bf16's last bit. */
const rounding = 2 ** -8

/**
 * Keys of a file that say other than the model and the adapter what these have already: a frozen table that is not the
 * base's, or a tied head that is not the embeddings'. @param adapter With the file's values.
 */
export async function differingRepeats(
  adapter: Adapter,
  { repeats }: AdapterPlan,
  reader: TensorReader,
): Promise<readonly string[]> {
  const keys = [...repeats.keys()].filter((key) => reader.has(key))
  if (keys.length === 0) return []
  const { memory } = deviceOf(adapter.model)
  const own = new Set(adapter.namedTensors().values())
  const all = memory.rooted(() =>
    memory.scoped((scope) => {
      const saved = adapter.namedSavedTensors()
      for (const tensor of saved.values()) if (!own.has(tensor)) scope.keep(tensor)
      return saved
    }),
  )
  try {
    const differing: string[] = []
    for (const key of keys) {
      const there = await reader.readF32(key)
      const here = await all.get(key)?.read()
      if (here === undefined) continue
      const isSame = there.every((value, i) => Math.abs(value - (here[i] ?? NaN)) <= rounding * Math.abs(value) + 1e-7)
      if (!isSame) differing.push(key)
    }
    return differing
  } finally {
    for (const tensor of all.values()) if (!own.has(tensor)) tensor.dispose()
  }
}

/** The same in a sentence's words; '' for none. */
export function tellRepeats(keys: readonly string[]): string {
  if (keys.length === 0) return ''
  const those = keys.map((key) => shorten(key, 240)).join(', ')
  return (
    `the file's ${those} ${keys.length === 1 ? 'is' : 'are'} not what the base and the adapter have there, so it was made ` +
    'over another base, or a head that is no longer tied; the base stays as it is, where PEFT would take the file'
  )
}
