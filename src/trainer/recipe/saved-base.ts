import { check } from '../../core/errors.ts'
import type { JsonObject } from '../../core/json.ts'
import type { PlainWord } from '../../formats/format.ts'
import { formatOfType } from '../../formats/formats.ts'

/** How a base is stored, in the words of torch and of transformers. */
export interface SavedBase {
  /** Of what is not quantised. */
  readonly dtype: PlainWord
  /** BitsAndBytesConfig's fields, and how many layers it is to quantise; null for none. */
  readonly quantization: { readonly config: JsonObject; readonly layers: number } | null
}

const plainWords: ReadonlyMap<string, PlainWord> = new Map([
  ['f32', 'float32'],
  ['f16', 'float16'],
  ['bf16', 'bfloat16'],
])
/** What BitsAndBytesConfig cannot say otherwise. */
const blockSizeThere = 64

/**
 * How a base is stored, from a run's words for it: '24 in nf4 by 64 (double), 39 in f32'.
 * @param computeDType What products are computed in there.
 * @throws MedAwareError `unsupported` for what bitsandbytes' config cannot say, or multiplies otherwise (LLM.int8).
 */
export function savedBase(formats: string, computeDType: PlainWord): SavedBase {
  const stored = formats.split(', ').map((part) => {
    const [, layers = '0', type = part, size, double] = /^(\d+) in (\S+)(?: by (\d+))?( \(double\))?$/.exec(part) ?? []
    const blockSize = size === undefined ? null : Number(size)
    return { layers: Number(layers), recipe: { type, blockSize, doubleQuant: double !== undefined } }
  })
  const words = stored.flatMap(({ recipe }) => plainWords.get(recipe.type) ?? [])
  const quantised = stored.filter(({ recipe }) => !plainWords.has(recipe.type))
  const [first] = quantised
  // Norms may be in f32 beside matrices that are shorter.
  const dtype = words.find((word) => word !== 'float32') ?? 'float32'
  if (first === undefined) return { dtype, quantization: null }
  const { layers, recipe } = first
  const config = formatOfType(recipe.type).config(recipe, computeDType, [])
  const fits = quantised.length === 1 && config?.['load_in_4bit'] === true && recipe.blockSize === blockSizeThere
  check(fits, 'unsupported', () => {
    const can = `one 4-bit type in blocks of ${blockSizeThere}, or none`
    return `exportRecipe: the base is stored as ${formats}, and bitsandbytes goes on alike with ${can}; train with such a base`
  })
  const fields = Object.entries(config ?? {}).filter(([name]) => /^(load_in|bnb)_4bit/.test(name))
  return { dtype, quantization: { config: Object.fromEntries(fields), layers } }
}
