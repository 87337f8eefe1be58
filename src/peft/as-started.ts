import { checksumOf } from '../core/checksum.ts'
import { Random } from '../core/random.ts'
import { packedZeros } from '../tensor/packed.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { keyAt } from './adapter-method.ts'
import type { Adapter } from './adapter.ts'
import type { AdapterPlan } from './adapter-plan.ts'
import type { AdapterConfig } from './config/config-fields.ts'

/** How an adapter began, from which its first values can be made again. */
interface Beginning {
  readonly plan: Pick<AdapterPlan, 'places'>
  readonly seed: number
  /** Tensors of the model that are trained too, and what they were. */
  readonly trained: readonly { readonly tensor: Tensor; readonly before: Tensor }[]
}

/** Whether an adapter is as it began. */
const isAsBegun = new WeakMap<object, () => Promise<boolean>>()

/** Notes how a new adapter began; nothing is kept of its values. */
export function noteBeginning<C extends AdapterConfig>(adapter: Adapter<C>, beginning: Beginning): void {
  isAsBegun.set(adapter, () => isAsMade(adapter, beginning))
}

/**
 * Notes that an adapter's tensors are now as a start from data or weights made them, which is not made again for a
 * look: their checksums are kept. @returns The adapter.
 */
export async function noteStart<C extends AdapterConfig>(adapter: Adapter<C>): Promise<Adapter<C>> {
  const sums = new Map<Tensor, string>()
  for (const tensor of adapter.namedTensors().values()) sums.set(tensor, checksumOf(await tensor.read()))
  isAsBegun.set(adapter, async () => {
    for (const [tensor, sum] of sums) if (checksumOf(await tensor.read()) !== sum) return false
    return true
  })
  return adapter
}

/**
 * Whether a new adapter's tensors are, bit for bit, as they began: nothing has trained it. False of one that was read.
 */
export async function isAsStarted(adapter: Adapter): Promise<boolean> {
  return (await isAsBegun.get(adapter)?.()) ?? false
}

/**
 * Makes first values again, place by place, up to the first that differs, which in a trained adapter is the first of
 * all.
 */
async function isAsMade<C extends AdapterConfig>(
  adapter: Adapter<C>,
  { plan, seed, trained }: Beginning,
): Promise<boolean> {
  const { device } = adapter
  const tensors = adapter.namedTensors()
  for (const [i, place] of plan.places.entries()) {
    const names = Object.keys(place.shapes)
    const shapes = Object.values(place.shapes)
    const fresh = device.memory.rooted(() => packedZeros(device, shapes, 'first values'))
    try {
      place.start(Object.fromEntries(fresh.map((tensor, at) => [names[at] ?? '', tensor])), Random.of(seed, i))
      for (const [at, name] of names.entries()) {
        const [now, first] = [tensors.get(keyAt(place, name)), fresh[at]]
        if (now === undefined || first === undefined || !(await areEqual(now, first))) return false
      }
    } finally {
      for (const tensor of fresh) tensor.dispose()
    }
  }
  for (const { tensor, before } of trained) if (!(await areEqual(tensor, before))) return false
  return true
}

async function areEqual(a: Tensor, b: Tensor): Promise<boolean> {
  const [x, y] = [await a.read(), await b.read()]
  return x.length === y.length && x.every((value, i) => Object.is(value, y[i]))
}
