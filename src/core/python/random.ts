import { check } from '../errors.ts'
import { MersenneTwister } from '../mersenne-twister.ts'

/** Python's `random.Random(seed)`, as far as drawing from a list goes (CPython's Lib/random.py). */
export class PythonRandom {
  readonly #twister: MersenneTwister

  /** @param seed A whole number; as in Python its sign does not count. */
  constructor(seed: number) {
    check(Number.isSafeInteger(seed), 'config', () => `PythonRandom: the seed must be a whole number, got ${seed}`)
    const [low, high] = [Math.abs(seed) % 2 ** 32, Math.floor(Math.abs(seed) / 2 ** 32)]
    this.#twister = new MersenneTwister(high === 0 ? [low] : [low, high])
  }

  /**
   * `sample(items, count)`: as many of them, none twice, in the order of drawing.
   * @throws MedAwareError `config` for more than there are.
   */
  sample<T>(items: readonly T[], count: number): T[] {
    const { length } = items
    check(count >= 0 && count <= length, 'config', () => `PythonRandom: cannot draw ${count} of ${length} items`)
    const pool = [...items]
    // Python draws places again where it would be dear to copy all, so the numbers drawn differ.
    const room = count > 5 ? 21 + 4 ** Math.ceil(Math.log(count * 3) / Math.log(4)) : 21
    if (length <= room) {
      return Array.from({ length: count }, (_, i) => {
        const at = this.#below(length - i)
        const [drawn] = pool.splice(at, 1, ...pool.slice(length - i - 1, length - i))
        return drawn as T
      })
    }
    const places = new Set<number>()
    while (places.size < count) places.add(this.#below(length))
    return [...places].flatMap((at) => pool.slice(at, at + 1))
  }

  /** `_randbelow(n)`: draws as many bits as n has, until they are below it. */
  #below(n: number): number {
    const bits = 32 - Math.clz32(n)
    let drawn = this.#twister.nextUint32() >>> (32 - bits)
    while (drawn >= n) drawn = this.#twister.nextUint32() >>> (32 - bits)
    return drawn
  }
}
