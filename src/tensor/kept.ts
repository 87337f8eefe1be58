import type { Tensor } from './tensor.ts'

/**
 * A tensor that is made of others, and kept until one of them is written to. It belongs to no scope: `free` frees it.
 */
export class Kept {
  #value: Tensor | null = null
  #of: readonly Tensor[] = []
  #writes: readonly number[] = []

  /** The tensor, made anew where it is not known, or made of other tensors or other numbers. */
  get(of: readonly Tensor[], make: () => Tensor): Tensor {
    const value = this.#value
    const isSame = of.length === this.#of.length && of.every((tensor, i) => tensor === this.#of[i])
    // A device that only rehearses has written nothing, neither to the others nor to what was made of them.
    const isMade = value !== null && value.buffer.writes > 0
    if (isMade && isSame && of.every(({ buffer }, i) => buffer.writes === this.#writes[i])) return value
    this.free()
    const [first] = of
    const made = first === undefined ? make() : first.device.memory.rooted(make)
    this.#value = made
    this.#of = of
    this.#writes = of.map(({ buffer }) => buffer.writes)
    return made
  }

  free(): void {
    this.#value?.dispose()
    this.#value = null
  }
}
