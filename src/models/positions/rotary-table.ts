import { check } from '../../core/errors.ts'
import type { RopeConfig, RopeScaling } from './rope-config.ts'

/**
 * Angles of rotary positions (RoPE, arXiv 2104.09864), in f32 as transformers computes them (modeling_rope_utils.py):
 * token p turns channels i and i + dim/2 of a head by p · theta^(-2i/dim). Rows are computed once and kept, but for
 * texts beyond the context of dynamic scaling, whose frequencies hang on their length.
 */
export class RotaryTable {
  readonly #frequencies: Float32Array
  #rows = new Float32Array()

  /**
   * @param dim Channels of a head, an even number.
   * @param context The model's max_position_embeddings.
   * @throws MedAwareError `config` for settings that give frequencies which are no numbers.
   */
  constructor(
    private readonly rope: RopeConfig,
    private readonly dim: number,
    private readonly context: number,
  ) {
    this.#frequencies = rotaryFrequencies(rope, dim)
    check(
      this.#frequencies.every((value) => Number.isFinite(value)),
      'config',
      () => `rotary positions: ${JSON.stringify(rope)} gives frequencies that are no numbers`,
    )
  }

  /**
   * f32 [count, dim]: for each token from position `first` on the cosines of its angles, then their sines. The last of
   * them is the text's last so far: with dynamic scaling the longest of a batch decides, as in transformers, and a
   * token that is in a cache already keeps the angles it had.
   */
  rows(first: number, count: number): Float32Array {
    const { dim, rope, context } = this
    const length = first + count
    if (rope.scaling?.type === 'dynamic' && length > context) {
      const base = dynamicTheta(rope.theta, rope.scaling.factor, { dim, length, context })
      return this.#filled(new Float32Array(count * dim), first, frequenciesOf(base, dim))
    }
    const known = this.#rows.length / dim
    if (length > known) {
      const rows = new Float32Array(Math.max(length, 2 * known) * dim)
      rows.set(this.#rows)
      this.#filled(rows.subarray(known * dim), known, this.#frequencies)
      this.#rows = rows
    }
    return this.#rows.subarray(first * dim, length * dim)
  }

  /** The same of tokens that stand anywhere: f32 [count, dim], a row for each position. */
  at(positions: Int32Array): Float32Array {
    const { dim } = this
    const all = this.rows(0, 1 + positions.reduce((most, position) => Math.max(most, position), 0))
    const rows = new Float32Array(positions.length * dim)
    for (const [i, position] of positions.entries())
      rows.set(all.subarray(position * dim, (position + 1) * dim), i * dim)
    return rows
  }

  #filled(rows: Float32Array, first: number, frequencies: Float32Array): Float32Array {
    const half = this.dim / 2
    const scale = this.rope.scaling?.type === 'yarn' ? Math.fround(this.rope.scaling.attentionFactor) : 1
    for (let start = 0, position = first; start < rows.length; start += this.dim, position++) {
      for (const [i, frequency] of frequencies.entries()) {
        const angle = Math.fround(position * frequency)
        rows[start + i] = scale * Math.fround(Math.cos(angle))
        rows[start + half + i] = scale * Math.fround(Math.sin(angle))
      }
    }
    return rows
  }
}

/** What a position is multiplied by, for each of dim/2 pairs of channels; with dynamic scaling, within the context. */
export function rotaryFrequencies({ theta, scaling }: RopeConfig, dim: number): Float32Array {
  const plain = frequenciesOf(theta, dim)
  if (scaling === null || scaling.type === 'dynamic') return plain
  if (scaling.type === 'linear') return plain.map((frequency) => frequency / scaling.factor)
  return scaling.type === 'llama3'
    ? plain.map((frequency) => llama3Frequency(frequency, scaling))
    : yarnFrequencies(powersOf(theta, dim), scaling, { theta, dim })
}

function frequenciesOf(theta: number, dim: number): Float32Array {
  return powersOf(theta, dim).map((power) => 1 / power)
}

/** theta^(2i/dim). */
function powersOf(theta: number, dim: number): Float32Array {
  return Float32Array.from({ length: dim / 2 }, (_, i) => theta ** Math.fround((2 * i) / dim))
}

/** `_compute_dynamic_ntk_parameters`, in f32 as torch computes with the length of a batch. */
function dynamicTheta(
  theta: number,
  factor: number,
  { dim, length, context }: { readonly dim: number; readonly length: number; readonly context: number },
): number {
  const stretch = Math.fround(Math.fround(Math.fround(factor * length) / context) - Math.fround(factor - 1))
  return Math.fround(theta * Math.fround(stretch ** Math.fround(dim / (dim - 2))))
}

/** Waves that fit the original context often stay, those longer than it are stretched, with a smooth way between. */
function llama3Frequency(frequency: number, scaling: Extract<RopeScaling, { type: 'llama3' }>): number {
  const { factor, lowFreqFactor, highFreqFactor, originalMaxPositionEmbeddings: context } = scaling
  const wave = (2 * Math.PI) / frequency
  if (wave > context / lowFreqFactor) return frequency / factor
  if (wave < context / highFreqFactor) return frequency
  const smooth = (context / wave - lowFreqFactor) / (highFreqFactor - lowFreqFactor)
  return (1 - smooth) * (frequency / factor) + smooth * frequency
}

/** Channels that turn often in the original context stay, those that hardly turn are stretched, with a ramp between. */
function yarnFrequencies(
  powers: Float32Array,
  scaling: Extract<RopeScaling, { type: 'yarn' }>,
  { theta, dim }: { readonly theta: number; readonly dim: number },
): Float32Array {
  const { factor, originalMaxPositionEmbeddings: context, betaFast, betaSlow, truncate } = scaling
  const channelOf = (turns: number) => (dim * Math.log(context / (turns * 2 * Math.PI))) / (2 * Math.log(theta))
  const [fast, slow] = [channelOf(betaFast), channelOf(betaSlow)]
  const low = Math.max(truncate ? Math.floor(fast) : fast, 0)
  const high = Math.min(truncate ? Math.ceil(slow) : slow, dim - 1)
  const width = Math.fround((low === high ? high + 0.001 : high) - low)
  return powers.map((power, i) => {
    const ramp = Math.min(Math.max(Math.fround(i - low) / width, 0), 1)
    const stays = Math.fround(1 - Math.fround(ramp))
    const stretched = Math.fround(1 / Math.fround(factor * power))
    return Math.fround(stretched * Math.fround(1 - stays)) + Math.fround(Math.fround(1 / power) * stays)
  })
}
