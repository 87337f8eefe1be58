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

const beginnings = new WeakMap<object, Beginning>()

/** Notes how a new adapter began; nothing is kept of its values. */
export function noteBeginning<C extends AdapterConfig>(adapter: Adapter<C>, beginning: Beginning): void {
  beginnings.set(adapter, beginning)
}

/**
 * Whether a new adapter's tensors are, bit for bit, as they began: nothing has trained it. Its first values are made
 * again, place by place, up to the first that differs, which in a trained adapter is the first of all. False of one that
 * was read.
 */
export async function isAsStarted(adapter: Adapter): Promise<boolean> {
  const beginning = beginnings.get(adapter)
  if (beginning === undefined) return false
  const { plan, seed, trained } = beginning
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
