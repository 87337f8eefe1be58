import type { Tensor } from '../tensor/tensor.ts'

/** Elements of 128 MiB, which every adapter binds at once. */
const MOST = 2 ** 25

/** f32 tensors of one size, cut alike into vectors that every adapter can bind: nearly always there is one piece. */
export function* pieces<K extends string>(tensors: Readonly<Record<K, Tensor>>): Generator<Record<K, Tensor>> {
  const named = Object.entries<Tensor>(tensors) as [K, Tensor][]
  const count = named[0]?.[1].count ?? 0
  for (let begin = 0; begin < count; begin += MOST) {
    const end = Math.min(count, begin + MOST)
    const cut = named.map(([name, tensor]) => [name, tensor.reshape([count, 1]).slice(begin, end)] as const)
    yield Object.fromEntries(cut) as Record<K, Tensor>
  }
}
