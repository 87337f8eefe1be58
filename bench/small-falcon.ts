import { Random } from '../src/core/random.ts'
import { countOf, type Shape } from '../src/core/shape.ts'
import { bf16ToF32, f32ToBf16 } from '../src/core/float16.ts'
import { alibiPositions, alibiSlopes } from '../src/models/positions/alibi.ts'
import { type FalconConfig, falconRwConfig } from '../src/models/falcon/falcon-config.ts'
import { modelWeights } from '../src/models/architectures.ts'

/** A Falcon-RW small enough to be written in several libraries, and how its LoRA is trained. */
export const small = {
  layers: 4,
  hidden: 512,
  heads: 8,
  tokens: 128,
  vocabulary: 4096,
  rank: 16,
  loraAlpha: 32,
  learningRate: 1e-3,
  beta1: 0.9,
  beta2: 0.999,
  eps: 1e-8,
  maxGradNorm: 1,
} as const

/** Numbers of a tensor. */
export interface Numbers {
  readonly shape: Shape
  readonly values: Float32Array
}

/** All numbers that a step of the small Falcon starts from, the same in every process. */
export interface SmallFalcon {
  readonly config: FalconConfig
  /** By their keys in a checkpoint. No bias is zero and no norm is one, so that none can be left out unseen. */
  readonly weights: ReadonlyMap<string, Numbers>
  /** LoRA on query_key_value, layer by layer: a [rank, hidden], b [3 · hidden, rank]. */
  readonly factors: readonly { readonly a: Numbers; readonly b: Numbers }[]
  /** One sequence, each of whose tokens is to predict the next. */
  readonly inputIds: Int32Array
  /** ALiBi [heads, tokens], scaled as scores are. */
  readonly keyBias: Float32Array
}

export function smallFalcon(): SmallFalcon {
  const { layers, hidden, heads, tokens, vocabulary, rank } = small
  const config = falconRwConfig({
    vocabSize: vocabulary,
    hiddenSize: hidden,
    numHiddenLayers: layers,
    numAttentionHeads: heads,
  })
  const weights = modelWeights(config).map(
    ({ name, shape, init }, i) => [name, normals(shape, i, +(init === 'ones'), 0.02)] as const,
  )
  const factors = Array.from({ length: layers }, (_, i) => ({
    a: normals([rank, hidden], 1000 + i, 0, 0.02),
    b: normals([3 * hidden, rank], 2000 + i, 0, 0.02),
  }))
  const random = Random.of(1, 3000)
  return {
    config,
    weights: new Map(weights),
    factors,
    inputIds: Int32Array.from({ length: tokens }, () => random.below(vocabulary)),
    keyBias: keyBias(),
  }
}

/** slope · position in bfloat16, which our kernels compute and peers are given. */
function keyBias(): Float32Array {
  const { heads, hidden, tokens } = small
  const positions = Array.from(alibiPositions(1, tokens))
  const products = Array.from(alibiSlopes(heads)).flatMap((slope) => positions.map((position) => slope * position))
  return bf16ToF32(f32ToBf16(Float32Array.from(products))).map((bias) => bias / Math.sqrt(hidden / heads))
}

/**
 * AdamW's factors of step `step` (from 1): `size` of what m / (sqrt(v) / root2 + eps) is multiplied by, and `root2`.
 */
export function biasCorrections(step: number): { readonly size: number; readonly root2: number } {
  const { learningRate, beta1, beta2 } = small
  return { size: learningRate / (1 - beta1 ** step), root2: Math.sqrt(1 - beta2 ** step) }
}

function normals(shape: Shape, label: number, mean: number, std: number): Numbers {
  const random = Random.of(1, label)
  return { shape, values: Float32Array.from({ length: countOf(shape) }, () => mean + std * random.normal()) }
}
