import { record } from '../autograd/record.ts'
import { check } from '../core/errors.ts'
import { empty, type Tensor } from '../tensor/tensor.ts'

/**
 * Zeroes each element with probability p and scales the rest by 1/(1-p). The choice is a hash of `seed` and the
 * element's index, so the backward pass draws the same one and two devices agree.
 * @throws MedAwareError `config` unless 0 <= p < 1.
 */
export function dropout(x: Tensor, p: number, seed: number): Tensor {
  check(p >= 0 && p < 1, 'config', () => `dropout: p must be in [0, 1), got ${p}`)
  if (p === 0) return x
  const params = { count: x.count, first: 0, seed: seed >>> 0, threshold: Math.floor(p * 2 ** 32), scale: 1 / (1 - p) }
  const drop = (value: Tensor, label: string): Tensor => {
    const out = empty(x.device, x.shape, label)
    x.device.run('dropout', { x: value, out }, params)
    return out
  }
  return record(drop(x, 'dropout'), [x], (dOut) => [drop(dOut, 'dropout dX')])
}
