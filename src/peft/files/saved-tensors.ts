import type { SavedTensor } from '../adapter-method.ts'
import type { Adapter } from '../adapter.ts'

/** What a file holds of an adapter, by PEFT's keys, or as much of that as is wanted. Nothing stays allocated. */
export async function savedTensors(
  adapter: Adapter,
  isWanted: (key: string) => boolean = () => true,
): Promise<Map<string, SavedTensor>> {
  const { memory } = adapter.device
  const own = new Set(adapter.namedTensors().values())
  const { all, made } = memory.rooted(() =>
    memory.scoped((scope) => {
      const named = adapter.namedSavedTensors()
      const fresh = [...named.values()].filter((tensor) => !own.has(tensor))
      for (const tensor of fresh) scope.keep(tensor)
      return { all: named, made: fresh }
    }),
  )
  const read = new Map<string, SavedTensor>()
  try {
    for (const [key, tensor] of all) {
      if (isWanted(key)) read.set(key, { shape: tensor.shape, data: await tensor.read() })
    }
    return read
  } finally {
    for (const tensor of made) tensor.dispose()
  }
}
