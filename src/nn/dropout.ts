import { Random } from '../core/random.ts'
import { dropout } from '../ops/dropout.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { Module } from './module.ts'

/** Zeroes elements at random while training. The same seed draws the same elements. */
export class Dropout extends Module {
  /** Set by `seedDropout` before each forward pass. */
  seed = 0

  /** @param p Probability of a zero; 0 makes this the identity. */
  constructor(readonly p: number) {
    super({}, {})
  }

  forward(x: Tensor): Tensor {
    return this.training ? dropout(x, this.p, this.seed) : x
  }
}

/** Takes every dropout in the tree out of training, until the tree is put into it again (TRL's disable_dropout). */
export function stopDropout(model: Module): void {
  for (const [, module] of model.namedModules()) if (module instanceof Dropout) module.train(false)
}

/** Gives every dropout in the tree its draw for the next forward pass. */
export function seedDropout(model: Module, ...seed: readonly [number, ...number[]]): void {
  const [first, ...labels] = seed
  let place = 0
  for (const [, module] of model.namedModules()) {
    if (module instanceof Dropout) module.seed = Random.of(first, ...labels, place++).nextUint32()
  }
}
