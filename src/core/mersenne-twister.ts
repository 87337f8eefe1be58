const size = 624
const middle = 397

/** The Mersenne Twister MT19937 (Matsumoto & Nishimura 1998), from which torch and Python draw. */
export class MersenneTwister {
  readonly #state = new Uint32Array(size)
  #next = size

  /**
   * @param seed A whole number, of which the low 32 bits count (the authors' init_genrand); or a key of such numbers
   * (their init_by_array).
   */
  constructor(seed: number | readonly number[]) {
    this.#start(typeof seed === 'number' ? seed : 19650218)
    if (typeof seed !== 'number') this.#mix(seed)
  }

  /** The next 32 random bits, as an unsigned integer. */
  nextUint32(): number {
    if (this.#next === size) this.#twist()
    let y = this.#state[this.#next++] ?? 0
    y ^= y >>> 11
    y ^= (y << 7) & 0x9d2c5680
    y ^= (y << 15) & 0xefc60000
    return (y ^ (y >>> 18)) >>> 0
  }

  #start(seed: number): void {
    let last = seed >>> 0
    this.#state[0] = last
    for (let i = 1; i < size; i++) {
      last = (Math.imul(1812433253, last ^ (last >>> 30)) + i) >>> 0
      this.#state[i] = last
    }
  }

  #mix(key: readonly number[]): void {
    const state = this.#state
    let i = 0
    // Each is made of the one before it; the first comes after the last, whose value it has taken.
    const step = (factor: number, then: (value: number) => number) => {
      i++
      if (i === size) {
        state[0] = state[size - 1] ?? 0
        i = 1
      }
      const before = state[i - 1] ?? 0
      state[i] = then((state[i] ?? 0) ^ Math.imul(before ^ (before >>> 30), factor))
    }
    for (let k = 0; k < Math.max(size, key.length); k++) {
      const j = k % key.length
      step(1664525, (value) => value + (key[j] ?? 0) + j)
    }
    for (let k = 1; k < size; k++) step(1566083941, (value) => value - i)
    state[0] = 0x80000000
  }

  #twist(): void {
    const state = this.#state
    for (let i = 0; i < size; i++) {
      const y = ((state[i] ?? 0) & 0x80000000) | ((state[(i + 1) % size] ?? 0) & 0x7fffffff)
      state[i] = (state[(i + middle) % size] ?? 0) ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0)
    }
    this.#next = 0
  }
}
