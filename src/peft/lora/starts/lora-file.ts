import { check } from '../../../core/errors.ts'
import { show } from '../../../core/show.ts'
import { Tensor } from '../../../tensor/tensor.ts'
import type { AsPlain, SavedAdapter, SavedTensor } from '../../adapter-method.ts'
import { keyPrefix } from '../../layers/adapted-layer.ts'
import type { AdaptedLayer } from '../../layers/adapted-layer.ts'
import type { LoraConfig } from '../lora-config.ts'
import { LoraEmbedding } from '../lora-embedding.ts'
import { restStartOf } from './base-starts.ts'
import { isOverRest } from './rest.ts'

/**
 * The file of an adapter. One that started from the base's weights fits a base without what it started as, which PEFT
 * makes by starting again; or it is made a plain one (peft/tuners/lora/model.py, subtract_mutated_init).
 * @throws MedAwareError `unsupported` where PEFT's start would be another and `asPlain` is false.
 */
export async function loraFile(
  saved: SavedAdapter<LoraConfig>,
  name: string,
  layers: ReadonlyMap<string, AdaptedLayer>,
  asPlain: AsPlain,
): Promise<SavedAdapter<LoraConfig>> {
  const start = restStartOf(saved.config.initLoraWeights)
  if (start === null) return saved
  const isPlainPossible = start.isPlain !== false
  check(asPlain !== true || isPlainPossible, 'unsupported', () => {
    const init = show(saved.config.initLoraWeights)
    return `convertToPlainLora: initLoraWeights ${init} quantised the base, and no LoRA of a low rank makes up for that; save the adapter without convertToPlainLora, or merge it`
  })
  if (asPlain === true) return plainLora(saved, name, layers)
  const quantized = [...layers].find(([, layer]) => {
    return isOverRest(layer.adapter(name)) && !(layer.baseWeights['weight'] instanceof Tensor)
  })?.[0]
  const isRepeatable = start.besideWeight === null && quantized === undefined
  if (asPlain === 'auto' && !isRepeatable && isPlainPossible) return plainLora(saved, name, layers)
  check(isRepeatable, 'unsupported', () => {
    const why =
      start.besideWeight === null ? `of a quantised weight such as ${quantized}` : `that ${start.besideWeight}`
    return `initLoraWeights ${show(saved.config.initLoraWeights)}: whoever loads a start ${why} gets another base; save it with convertToPlainLora: true`
  })
  return saved
}

/** An adapter of twice the rank that fits the base as it is: A' = [A; A₀], B' = [B, −B₀], with the same scaling. */
async function plainLora(
  { config, tensors }: SavedAdapter<LoraConfig>,
  name: string,
  layers: ReadonlyMap<string, AdaptedLayer>,
): Promise<SavedAdapter<LoraConfig>> {
  const doubled = new Map(tensors)
  for (const [path, layer] of layers) {
    const part = layer.adapter(name)
    const put = (factor: string, join: typeof below, start: Float32Array | null) => {
      const key = `${keyPrefix}${path}.${factor}`
      const now = tensors.get(key)
      if (now === undefined) throw new Error(`no ${key}`)
      doubled.set(key, join(now, start ?? new Float32Array(now.data.length)))
    }
    if (part instanceof LoraEmbedding) {
      // Tables do not start from their weights; all ranks are doubled alike.
      put('lora_embedding_A', below, null)
      put('lora_embedding_B', beside, null)
    }
    const start = isOverRest(part) ? part.rest.startedAs : null
    if (start === null) continue
    put('lora_A.weight', below, await start['lora_A.weight'].read())
    put('lora_B.weight', beside, await start['lora_B.weight'].read())
  }
  return { config: plainConfig(config), tensors: doubled }
}

/** [A; A₀]. */
function below({ shape: [rank = 0, columns = 0], data }: SavedTensor, start: Float32Array): SavedTensor {
  const both = new Float32Array(2 * data.length)
  both.set(data)
  both.set(start, data.length)
  return { shape: [2 * rank, columns], data: both }
}

/** [B, −B₀]. */
function beside({ shape: [rows = 0, rank = 0], data }: SavedTensor, start: Float32Array): SavedTensor {
  const both = Float32Array.from({ length: 2 * data.length }, (_, i) => {
    const [row, column] = [Math.floor(i / (2 * rank)), i % (2 * rank)]
    return column < rank ? (data[row * rank + column] ?? 0) : 0 - (start[row * rank + column - rank] ?? 0)
  })
  return { shape: [rows, 2 * rank], data: both }
}

/** Twice the rank and the same scaling. */
function plainConfig(config: LoraConfig): LoraConfig {
  const { r, loraAlpha, rankPattern, alphaPattern, useRslora } = config
  const timesAlpha = useRslora ? Math.SQRT2 : 2
  const scaled = (pattern: Readonly<Record<string, number>>, by: number) =>
    Object.fromEntries(Object.entries(pattern).map(([key, value]) => [key, by * value]))
  return {
    ...config,
    r: 2 * r,
    loraAlpha: timesAlpha * loraAlpha,
    rankPattern: scaled(rankPattern, 2),
    alphaPattern: scaled(alphaPattern, timesAlpha),
    initLoraWeights: true,
  }
}
