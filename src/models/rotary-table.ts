import type { RopeConfig, RopeScaling } from './rope-config.ts'

/**
 * Angles of rotary positions (RoPE, arXiv 2104.09864), in f32 as transformers computes them (modeling_rope_utils.py): token p
 * turns channels i and i + dim/2 of a head by p · theta^(-2i/dim). Rows are computed once and kept.
 */
export class RotaryTable {
  readonly #frequencies: Float32Array
  #rows = new Float32Array()

  /** @param dim Channels of a head, an even number. */
  constructor(
    rope: RopeConfig,
    private readonly dim: number,
  ) {
    this.#frequencies = rotaryFrequencies(rope, dim)
  }

  /** f32 [count, dim]: for each token from position `first` on the cosines of its angles, then their sines. */
  rows(first: number, count: number): Float32Array {
    const { dim } = this
    const known = this.#rows.length / dim
    if (first + count > known) {
      const rows = new Float32Array(Math.max(first + count, 2 * known) * dim)
      rows.set(this.#rows)
      for (let position = known; position * dim < rows.length; position++) this.#fill(rows, position)
      this.#rows = rows
    }
    return this.#rows.subarray(first * dim, (first + count) * dim)
  }

  #fill(rows: Float32Array, position: number): void {
    const start = position * this.dim
    for (const [i, frequency] of this.#frequencies.entries()) {
      const angle = Math.fround(position * frequency)
      rows[start + i] = Math.cos(angle)
      rows[start + this.dim / 2 + i] = Math.sin(angle)
    }
  }
}

/** What a position is multiplied by, for each of dim/2 pairs of channels. */
export function rotaryFrequencies({ theta, scaling }: RopeConfig, dim: number): Float32Array {
  return Float32Array.from({ length: dim / 2 }, (_, i) => {
    const power = Math.fround(theta ** Math.fround((2 * i) / dim))
    return scaled(Math.fround(1 / power), scaling)
  })
}

function scaled(frequency: number, scaling: RopeScaling | null): number {
  if (scaling === null) return frequency
  if (scaling.type === 'linear') return frequency / scaling.factor
  // Waves that fit the original context often stay, those longer than it are stretched, with a smooth way between.
  const { factor, lowFreqFactor, highFreqFactor, originalMaxPositionEmbeddings: context } = scaling
  const wave = (2 * Math.PI) / frequency
  if (wave > context / lowFreqFactor) return frequency / factor
  if (wave < context / highFreqFactor) return frequency
  const smooth = (context / wave - lowFreqFactor) / (highFreqFactor - lowFreqFactor)
  return (1 - smooth) * (frequency / factor) + smooth * frequency
}
