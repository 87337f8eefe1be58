const size = 624
const middle = 397

/**
 * torch's random stream on a CPU: `torch.Generator('cpu').manual_seed(seed)`, the Mersenne Twister MT19937 (Matsumoto &
 * Nishimura 1998; ATen/core/MT19937RNGEngine.h).
 */
export class TorchRandom {
  readonly #state = new Uint32Array(size)
  #next = size

  /** @param seed A whole number, of which torch takes the low 32 bits. */
  constructor(seed: number) {
    const state = this.#state
    let last = seed >>> 0
    state[0] = last
    for (let i = 1; i < size; i++) {
      last = (Math.imul(1812433253, last ^ (last >>> 30)) + i) >>> 0
      state[i] = last
    }
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

  /**
   * `torch.empty(count).uniform_(-bound, bound)`, f32, bit for bit as torch gives it where its kernels fuse a product
   * with a sum, as they do on any x86 with AVX2 and on ARM (ATen/core/TransformationHelper.h, uniform_real: 24 bits).
   * On other machines torch's own numbers differ in the last bit.
   */
  uniform(count: number, bound: number): Float32Array<ArrayBuffer> {
    const end = Math.fround(bound)
    // Whole numbers below 2^47 times a power of two: the double is exact, so it is rounded once, as torch does.
    return Float32Array.from({ length: count }, () => ((this.nextUint32() & 0xffffff) / 0x1000000) * (2 * end) - end)
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
