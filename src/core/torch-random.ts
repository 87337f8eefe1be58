import { MersenneTwister } from './mersenne-twister.ts'

/**
 * torch's random stream on a CPU: `torch.Generator('cpu').manual_seed(seed)`, a Mersenne Twister
 * (ATen/core/MT19937RNGEngine.h).
 */
export class TorchRandom {
  readonly #twister: MersenneTwister

  /** @param seed A whole number, of which torch takes the low 32 bits. */
  constructor(seed: number) {
    this.#twister = new MersenneTwister(seed)
  }

  /** The next 32 random bits, as an unsigned integer. */
  nextUint32(): number {
    return this.#twister.nextUint32()
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

  /**
   * `torch.randn(count)`: f32 numbers, or doubles, as doubles. From 16 numbers on torch fills blocks of 16 from uniform
   * ones, and below that draws pairs in double precision (aten/native/cpu/DistributionTemplates.h, normal_fill and
   * normal_kernel). They differ from torch's in the last bits, by the logarithm and the cosine.
   */
  normal(count: number, type: 'f32' | 'f64'): Float64Array<ArrayBuffer> {
    const uniform = () => (type === 'f32' ? (this.nextUint32() & 0xffffff) / 0x1000000 : this.#uniformDouble())
    const made = new Float64Array(count)
    if (count < 16) {
      for (let i = 0; i < count; i += 2) {
        const [turn, u] = [this.#uniformDouble(), this.#uniformDouble()]
        const radius = Math.sqrt(-2 * Math.log1p(-u))
        made.set([radius * Math.cos(2 * Math.PI * turn), radius * Math.sin(2 * Math.PI * turn)].slice(0, count - i), i)
      }
    } else {
      for (let i = 0; i < count; i++) made[i] = uniform()
      for (let begin = 0; begin + 16 <= count; begin += 16) toNormal(made.subarray(begin, begin + 16))
      if (count % 16 !== 0) toNormal(made.subarray(count - 16).map(uniform), made.subarray(count - 16))
    }
    return type === 'f32' ? made.map(Math.fround) : made
  }

  /** 53 bits in [0, 1). */
  #uniformDouble(): number {
    const [high, low] = [this.nextUint32(), this.nextUint32()]
    return ((high & 0x1fffff) * 0x100000000 + low) / 2 ** 53
  }
}

/** Eight pairs of uniform numbers, eight apart, to as many normal ones (Box & Muller). */
function toNormal(uniform: Float64Array, out = uniform): void {
  for (let i = 0; i < 8; i++) {
    const radius = Math.sqrt(-2 * Math.log(1 - (uniform[i] ?? 0)))
    const angle = 2 * Math.PI * (uniform[i + 8] ?? 0)
    out[i] = radius * Math.cos(angle)
    out[i + 8] = radius * Math.sin(angle)
  }
}
