import { check } from './errors.ts'
import { show } from './show.ts'

/**
 * A seeded random stream (xoshiro128**, Blackman & Vigna 2018), seeded by splitmix32 so that close seeds give
 * unrelated streams. Same seed, same numbers, on every platform.
 */
export class Random {
  readonly #state: Uint32Array

  /** @param seed Any integer; only its low 32 bits count. @throws MedAwareError `config` for anything else. */
  constructor(seed: number) {
    check(Number.isSafeInteger(seed), 'config', () => `Random: the seed must be a whole number, got ${show(seed)}`)
    this.#state = new Uint32Array(4)
    let x = seed >>> 0
    for (let i = 0; i < 4; i++) {
      x = (x + 0x9e3779b9) >>> 0
      this.#state[i] = mix32(x)
    }
  }

  /** A stream for one purpose: independent of this one and of those forked with other labels. */
  static of(seed: number, ...labels: readonly number[]): Random {
    for (const one of [seed, ...labels]) {
      check(
        Number.isSafeInteger(one),
        'config',
        () => `Random.of: seed and labels must be whole numbers, got ${show(one)}`,
      )
    }
    return new Random(labels.reduce((hash, label) => mix32((hash ^ mix32(label + 0x85ebca6b)) >>> 0), mix32(seed)))
  }

  /** The next 32 random bits, as an unsigned integer. */
  nextUint32(): number {
    const s = this.#state
    const [a = 0, b = 0, c = 0, d = 0] = s
    const result = Math.imul(rotl(Math.imul(b, 5), 7), 9) >>> 0
    s[2] = c ^ a
    s[3] = d ^ b
    s[1] = b ^ (s[2] ?? 0)
    s[0] = a ^ (s[3] ?? 0)
    s[2] = (s[2] ?? 0) ^ (b << 9)
    s[3] = rotl(s[3] ?? 0, 11)
    return result
  }

  /** Uniform in [0, 1), with 53 random bits. */
  uniform(): number {
    return ((this.nextUint32() >>> 5) * 0x4000000 + (this.nextUint32() >>> 6)) / 0x20000000000000
  }

  /** A uniform integer in [0, n). @throws MedAwareError `config` unless n is a whole number above 0. */
  below(n: number): number {
    check(
      Number.isSafeInteger(n) && n > 0,
      'config',
      () => `Random: below needs a whole number above 0, got ${show(n)}`,
    )
    return Math.floor(this.uniform() * n)
  }

  /** Standard normal (Box-Muller). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()))
    return radius * Math.cos(2 * Math.PI * this.uniform())
  }

  /** Shuffles `items` in place (Fisher-Yates) and returns them. */
  shuffle<T>(items: T[]): T[] {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.below(i + 1)
      const held = items[i] as T
      items[i] = items[j] as T
      items[j] = held
    }
    return items
  }
}

/** A bijective 32-bit hash with good avalanche (triple32's little sister, "lowbias32", C. Wellons 2018). */
export function mix32(value: number): number {
  let x = value >>> 0
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d)
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b)
  return (x ^ (x >>> 16)) >>> 0
}

function rotl(x: number, k: number): number {
  return (x << k) | (x >>> (32 - k))
}
