import { shorten } from '../../core/show.ts'
import type { TensorReader } from '../../safetensors/reader.ts'
import type { Adapter } from '../adapter.ts'
import type { AdapterPlan } from '../adapter-plan.ts'
import { savedTensors } from './saved-tensors.ts'

/** Tables of half precision differ from those of a file in f32 by this share at most: half of bf16's last bit. */
const rounding = 2 ** -8

/**
 * What a file says other than the model and the adapter, of what these have already: a frozen table that is not the
 * base's, or a tied head that is not the embeddings'. In words, '' for nothing. @param adapter With the file's values.
 */
export async function differingRepeats(
  adapter: Adapter,
  { repeats }: AdapterPlan,
  reader: TensorReader,
): Promise<string> {
  const keys = [...repeats.keys()].filter((key) => reader.has(key))
  if (keys.length === 0) return ''
  const differing: string[] = []
  for (const [key, { data }] of await savedTensors(adapter, (each) => keys.includes(each))) {
    const there = await reader.readF32(key)
    const isSame = there.every((value, i) => Math.abs(value - (data[i] ?? NaN)) <= rounding * Math.abs(value) + 1e-7)
    if (!isSame) differing.push(shorten(key, 240))
  }
  if (differing.length === 0) return ''
  return (
    `the file's ${differing.join(', ')} ${differing.length === 1 ? 'is' : 'are'} not what the base and the adapter have ` +
    'there, so it was made over another base, or its head is no longer tied; the base stays as it is, where PEFT would take the file'
  )
}
