import type { Random } from '../../core/random.ts'
import type { Factors } from '../layers/adapted-layer.ts'
import { draw, tensorOf } from './prompt-place.ts'

/** Starts a linear layer of an encoder as torch does: weights and biases uniform within 1 / √inputs. */
export function startLinear(factors: Factors, name: string, random: Random): void {
  const weight = tensorOf(factors, `${name}.weight`)
  const bound = 1 / Math.sqrt(weight.columns)
  for (const tensor of [weight, tensorOf(factors, `${name}.bias`)])
    draw(tensor, () => (2 * random.uniform() - 1) * bound)
}
