import { floatWord } from '../../core/dtype.ts'
import { check } from '../../core/errors.ts'
import { either, flag, oneOf, type OptionRules } from '../../core/options.ts'
import type { Lender, TensorToSave } from '../../formats/format.ts'
import { formatOf } from '../../formats/formats.ts'
import { optionsOf, quantizeMatrix } from '../../formats/quantize-matrix.ts'
import type { Module, Weight } from '../../nn/module.ts'
import { dequantize } from '../../ops/dequantize.ts'
import { type AdaptedLayer, isAdapted } from '../../peft/layers/adapted-layer.ts'
import { encodeFloats } from '../../safetensors/float16.ts'
import type { HalfType } from '../../tensor/half.ts'
import { rootedMatrix } from '../../tensor/matrix.ts'
import type { StoredMatrix } from '../../tensor/stored-matrix.ts'
import { Tensor } from '../../tensor/tensor.ts'

/** Precision that numbers are written in. */
export type SaveDType = 'f32' | HalfType

/** How the weights of a model are written. */
export interface SaveWeightsOptions {
  /** Precision of all that is not written quantised. Default 'f32'. */
  readonly dtype?: SaveDType
  /** Write quantised projections as the numbers they stand for, in `dtype`, instead of as they are. Default false. */
  readonly dequantize?: boolean
  /**
   * Write an adapter that is on the model as part of the weights; the model stays as it is. A quantised projection has
   * to be dequantised for it: rounding it again loses small updates, and is only done by 'force'. Default false.
   */
  readonly merge?: boolean | 'force'
}

export const saveWeightsRules: OptionRules<SaveWeightsOptions> = {
  dtype: floatWord,
  dequantize: flag,
  merge: either(flag, oneOf(['force'])),
}

/** What a precision is called in a file of tensors, and in a config. */
export const dtypeWords = {
  f32: ['F32', 'float32'],
  f16: ['F16', 'float16'],
  bf16: ['BF16', 'bfloat16'],
} as const

/**
 * Every tensor that a checkpoint of the model has, by Hugging Face's names and in the order of transformers' state
 * dict; a weight that is used twice is there once. Only small parts are read for it.
 * @throws MedAwareError `unsupported` for an adapter that is not to be merged, or merged into a quantised weight.
 */
export async function tensorsToSave(who: string, model: Module, options: SaveWeightsOptions): Promise<TensorToSave[]> {
  const tensors: TensorToSave[] = []
  const seen = new Set<Weight>()
  let adapted: string | null = null
  for (const [path, module] of model.namedModules()) {
    if (adapted !== null && path.startsWith(`${adapted}.`)) continue
    const layer = isAdapted(module) ? module : null
    adapted = layer && path
    const behind: TensorToSave[] = []
    const weights: Readonly<Record<string, Weight | null>> = layer?.baseWeights ?? module.weights
    // Adapters on a layer that has none, such as a prompt, would be lost: it says whether it can be merged.
    if (layer !== null && Object.keys(weights).length === 0) layer.merged()
    for (const [key, weight] of Object.entries(weights)) {
      // A tied head with an adapter on it is saved by itself.
      if (weight === null || (layer === null && seen.has(weight))) continue
      seen.add(weight)
      const name = path === '' ? key : `${path}.${key}`
      if (layer) checkMerge(who, name, weight, options)
      const { first, rest } = await partsOf(name, weight, layer && (() => merged(layer, key, weight)), options)
      tensors.push(first)
      behind.push(...rest)
    }
    tensors.push(...behind)
  }
  return tensors
}

interface Parts {
  readonly first: TensorToSave
  /** What stands behind the other weights of its layer. */
  readonly rest: readonly TensorToSave[]
}

/** @param make The weight with an adapter in it, f32, or the weight itself where the adapter leaves it as it is. */
async function partsOf(
  name: string,
  weight: Weight,
  make: (() => Tensor) | null,
  { dtype = 'f32', dequantize: isPlain = false }: SaveWeightsOptions,
): Promise<Parts> {
  if (weight instanceof Tensor || isPlain) {
    return { first: plainTensor(name, weight, make ?? (() => plain(weight)), dtype), rest: [] }
  }
  const owner = lenderOf(weight, make && (() => storedLike(weight, make())))
  const { codes, state } = await formatOf(weight).save(name, weight, owner, dtypeWords[dtype][1])
  return { first: codes, rest: state }
}

/** A tensor in a precision, of what `make` gives: the weight itself or what is made of it. */
function plainTensor(name: string, weight: Weight, make: () => Tensor, dtype: SaveDType): TensorToSave {
  return {
    ...{ name, dtype: dtypeWords[dtype][0], shape: weight.shape, parameters: weight.count },
    bytes: async () => {
      const tensor = make()
      try {
        const values = await tensor.read()
        const encoded = encodeFloats(values, dtypeWords[dtype][0])
        if (dtype === 'f16') checkFinite(name, values, encoded as Uint16Array)
        return encoded
      } finally {
        if (tensor !== weight) tensor.dispose()
      }
    },
  }
}

/** Lends a matrix, or another that is made for each look and freed after it. */
function lenderOf(own: StoredMatrix, make: (() => StoredMatrix) | null): Lender<StoredMatrix> {
  return {
    async lend(use) {
      if (make === null) return use(own)
      const made = make()
      try {
        return await use(made)
      } finally {
        made.dispose()
      }
    },
  }
}

/** A weight as numbers: itself, or a tensor of its own. */
function plain(weight: Weight): Tensor {
  return weight instanceof Tensor ? weight : rootedMatrix(weight.device, () => dequantize(weight))
}

/** A base's weight with its layer's adapters in it. */
function merged(layer: AdaptedLayer, key: string, weight: Weight): Tensor {
  const { memory } = weight.device
  return memory.rooted(() =>
    memory.scoped((scope) => {
      const tensor = layer.mergedWeight(key)
      if (tensor !== weight) scope.keep(tensor)
      return tensor
    }),
  )
}

/** A merged weight, stored as the one that it was made from; the full one is freed. */
function storedLike({ recipe }: StoredMatrix, full: Tensor): StoredMatrix {
  try {
    return rootedMatrix(full.device, () => quantizeMatrix(full, optionsOf(recipe)))
  } finally {
    full.dispose()
  }
}

function checkMerge(
  who: string,
  name: string,
  weight: Weight,
  { merge = false, dequantize = false }: SaveWeightsOptions,
) {
  check(merge !== false, 'unsupported', () => {
    return `${who}: ${name} has an adapter; { merge: true } writes it as part of the weights, saveAdapter by itself`
  })
  check(weight instanceof Tensor || dequantize || merge === 'force', 'unsupported', () => {
    const format = weight instanceof Tensor ? weight.dtype : weight.recipe.type
    return (
      `${who}: ${name} is ${format}, and rounding it to ${format} again would lose most of a small update; write full precision ` +
      `with { dequantize: true }, keep the adapter beside its base with saveAdapter, or insist with { merge: 'force' }`
    )
  })
}

function checkFinite(name: string, values: Float32Array, bits: Uint16Array): void {
  const bad = bits.findIndex((half) => (half & 0x7c00) === 0x7c00)
  check(bad < 0, 'numeric', () => {
    return `${name}: element ${bad} is ${values[bad]}, which f16 has no number for, its largest being 65504; save in bf16 or f32`
  })
}
