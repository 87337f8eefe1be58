import { check, MedAwareError } from '../../core/errors.ts'
import { isJsonObject, type JsonObject } from '../../core/json.ts'
import { show } from '../../core/show.ts'
import type { GgufEntry } from '../../gguf/writer.ts'
import type { GgufFields } from './gguf-fields.ts'

/** The tensor in which Llama 3's scaling is written: what each frequency is divided by. */
export const ropeFactors = 'rope_freqs.weight'

/** What rotary positions of a model are. */
export interface GgufRope {
  readonly theta: number
  readonly headDim: number
  readonly factors: Float32Array | null
}

/**
 * transformers' `rope_scaling` of a GGUF file, `null` for none. As in llama.cpp (llama-model.cpp, `load_hparams`) a
 * factor without a type is linear, old files call it `rope.scale_linear`, and 0 stands for none.
 * @throws MedAwareError `unsupported` for another kind or two of them, or factors that are no scaling of Llama 3's.
 */
export function ropeScaling(fields: GgufFields, architecture: string, rope: GgufRope): JsonObject | null {
  const at = (key: string) => `${architecture}.rope.scaling.${key}`
  const written = fields.number(at('factor')) ?? fields.number(`${architecture}.rope.scale_linear`)
  const type = fields.text(at('type')) ?? (written === undefined ? 'none' : 'linear')
  const sharpness = fields.number(at('attn_factor'))
  check(type === 'yarn' || (sharpness ?? 1) === 1, 'unsupported', () => {
    return `${fields.who}: ${at('attn_factor')} ${sharpness} is not read where ${at('type')} is ${show(type)}`
  })
  const changes = type !== 'none' && ![undefined, 0, 1].includes(written)
  if (rope.factors !== null) {
    check(!changes, 'unsupported', () => {
      return `${fields.who}: has ${ropeFactors} and a factor of ${written} (${show(type)}); only one of them is read`
    })
    return llama3Scaling(fields.who, rope.factors, rope)
  }
  if (type === 'none') return null
  const factor = fields.needed(at('factor'), written) || 1
  if (type === 'linear') return factor === 1 ? null : { rope_type: type, factor }
  if (type !== 'yarn') throw new MedAwareError('unsupported', `${fields.who}: ${at('type')} ${show(type)} is not read`)
  const told = {
    original_max_position_embeddings: fields.number(at('original_context_length')),
    attention_factor: sharpness,
    beta_fast: fields.number(at('yarn_beta_fast')),
    beta_slow: fields.number(at('yarn_beta_slow')),
  }
  const said = Object.entries(told).filter(([, value]) => value !== undefined)
  return { rope_type: type, factor, ...Object.fromEntries(said) }
}

/** Contexts that Llama 3's scaling may have begun from: powers of two. */
const originals = Array.from({ length: 17 }, (_, i) => 2 ** (i + 4))

/** The settings that give these factors; the file has no others. All of Llama 3 has bounds of 1 and 4. */
function llama3Scaling(who: string, factors: Float32Array, { theta, headDim }: GgufRope): JsonObject {
  const factor = factors.reduce((most, each) => Math.max(most, each), 1)
  const original = originals.find((context) => {
    return factors.every((each, i) => {
      const wanted = llama3Factor(theta ** ((2 * i) / headDim), { factor, low: 1, high: 4, context })
      return Math.abs(each - wanted) <= 1e-4 * wanted
    })
  })
  check(original !== undefined, 'unsupported', () => {
    return `${who}: ${ropeFactors} has ${factors.length} factors up to ${factor}, which are no scaling of Llama 3's`
  })
  return {
    rope_type: 'llama3',
    factor,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: original,
  }
}

/** Bounds of Llama 3's scaling, in turns of the context that it began from. */
interface Llama3Bounds {
  readonly factor: number
  readonly low: number
  readonly high: number
  readonly context: number
}

/** What a frequency of 1 / `period` is divided by (convert_hf_to_gguf.py, `generate_extra_tensors`). */
function llama3Factor(period: number, { factor, low, high, context }: Llama3Bounds): number {
  const turns = context / (2 * Math.PI * period)
  if (turns > high) return 1
  if (turns < low) return factor
  const smooth = (turns - low) / (high - low)
  return 1 / ((1 - smooth) / factor + smooth)
}

/** The tensor of factors that a config.json asks for, `null` for none. */
export function ropeFactorsOf({ rope_scaling: words, rope_theta: theta, head_dim: headDim }: JsonObject) {
  if (!isJsonObject(words) || words['rope_type'] !== 'llama3') return null
  const bounds = {
    factor: Number(words['factor']),
    low: Number(words['low_freq_factor']),
    high: Number(words['high_freq_factor']),
    context: Number(words['original_max_position_embeddings']),
  }
  // In floats of 32 bits, as torch counts the periods there.
  return Float32Array.from({ length: Number(headDim) / 2 }, (_, i) => {
    const frequency = Math.fround(1 / Math.fround(Number(theta) ** Math.fround((2 * i) / Number(headDim))))
    return llama3Factor(1 / frequency, bounds)
  })
}

/** Keys of a config.json's rotary positions; of kinds that have none but a tensor, theta alone. */
export function ropeEntries(architecture: string, json: JsonObject): readonly GgufEntry[] {
  const at = (key: string) => `${architecture}.rope.${key}`
  const number = (key: string, value: unknown): GgufEntry => ({ key: at(key), type: 'float32', value: Number(value) })
  const theta = number('freq_base', json['rope_theta'])
  const words = json['rope_scaling']
  if (!isJsonObject(words)) return [theta]
  const { rope_type: type, factor } = words
  if (type !== 'linear' && type !== 'yarn') return [theta]
  const scaling: readonly GgufEntry[] = [
    { key: at('scaling.type'), type: 'string', value: type },
    number('scaling.factor', factor),
  ]
  if (type === 'linear') return [...scaling, theta]
  // llama.cpp multiplies the usual sharpness by the one that is said.
  const isUsual = Math.abs(Number(words['attention_factor']) - (0.1 * Math.log(Number(factor)) + 1)) < 1e-6
  return [
    ...scaling,
    {
      key: at('scaling.original_context_length'),
      type: 'uint32',
      value: Number(words['original_max_position_embeddings']),
    },
    ...(isUsual ? [] : [number('scaling.attn_factor', words['attention_factor'])]),
    ...(words['beta_fast'] === 32 ? [] : [number('scaling.yarn_beta_fast', words['beta_fast'])]),
    ...(words['beta_slow'] === 1 ? [] : [number('scaling.yarn_beta_slow', words['beta_slow'])]),
    theta,
  ]
}
