import { floatWord } from '../../core/dtype.ts'
import { check } from '../../core/errors.ts'
import { either, flag, oneOf, type OptionRules } from '../../core/options.ts'
import type { Module, Weight } from '../../nn/module.ts'
import { dequantize, quantizeFourBit, quantizeInt8 } from '../../ops/quantize.ts'
import { LoraLinear } from '../../peft/lora-linear.ts'
import { encodeFloats } from '../../safetensors/float16.ts'
import type { TensorDescription } from '../../safetensors/writer.ts'
import { FourBitTensor } from '../../tensor/four-bit-tensor.ts'
import type { HalfType } from '../../tensor/half.ts'
import type { Int8Tensor } from '../../tensor/int8-tensor.ts'
import { rootedMatrix } from '../../tensor/matrix.ts'
import { Tensor } from '../../tensor/tensor.ts'
import { fourBitTensors, int8Tensors, type StoredMatrix } from './save-stored.ts'

/** Precision that numbers are written in. */
export type SaveDType = 'f32' | HalfType

/** How the weights of a model are written. */
export interface SaveWeightsOptions {
  /** Precision of all that is not written quantised. Default 'f32'. */
  readonly dtype?: SaveDType
  /** Write quantised projections as the numbers they stand for, in `dtype`, instead of as they are. Default false. */
  readonly dequantize?: boolean
  /**
   * Write an adapter that is on the model as part of the weights; the model stays as it is. A quantised projection has to be
   * dequantised for it: rounding it again loses small updates, and is only done by 'force'. Default false.
   */
  readonly merge?: boolean | 'force'
}

export const saveWeightsRules: OptionRules<SaveWeightsOptions> = {
  dtype: floatWord,
  dequantize: flag,
  merge: either(flag, oneOf(['force'])),
}

/** A tensor of a checkpoint, made when it is its turn. */
export interface TensorToSave extends TensorDescription {
  /** Weights of the model that it stands for. */
  readonly parameters: number
  /** Its bytes; what is made for them is freed again. */
  bytes(): Promise<ArrayBufferView>
}

/** What a precision is called in a file of tensors, and in a config. */
export const dtypeWords = {
  f32: ['F32', 'float32'],
  f16: ['F16', 'float16'],
  bf16: ['BF16', 'bfloat16'],
} as const

/**
 * Every tensor that a checkpoint of the model has, by Hugging Face's names and in the order of transformers' state dict; a
 * weight that is used twice is there once. Only small parts are read for it.
 * @throws MedAwareError `unsupported` for an adapter that is not to be merged, or merged into a quantised weight.
 */
export async function tensorsToSave(who: string, model: Module, options: SaveWeightsOptions): Promise<TensorToSave[]> {
  const tensors: TensorToSave[] = []
  const seen = new Set<Weight>()
  let adapted: string | null = null
  for (const [path, module] of model.namedModules()) {
    if (adapted !== null && path.startsWith(`${adapted}.`)) continue
    adapted = module instanceof LoraLinear ? path : null
    const behind: TensorToSave[] = []
    const { weights } = module instanceof LoraLinear ? module.modules.base_layer : module
    for (const [key, weight] of Object.entries(weights)) {
      if (weight === null || seen.has(weight)) continue
      seen.add(weight)
      const name = path === '' ? key : `${path}.${key}`
      const adapter = module instanceof LoraLinear && key === 'weight' ? module : null
      if (adapter) checkMerge(who, name, weight, options)
      const { first, rest } = await partsOf(name, weight, adapter, options)
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

async function partsOf(
  name: string,
  weight: Weight,
  adapter: LoraLinear | null,
  { dtype = 'f32', dequantize: isPlain = false }: SaveWeightsOptions,
): Promise<Parts> {
  if (weight instanceof Tensor || isPlain) {
    const make = adapter ? () => merged(adapter) : weight instanceof Tensor ? null : () => decoded(weight)
    return { first: plainTensor(name, weight, make, dtype), rest: [] }
  }
  if (weight instanceof FourBitTensor) {
    const lend = lending(weight, adapter && (() => mergedFourBit(adapter, weight)))
    const { codes, state } = await fourBitTensors(name, weight, lend, dtypeWords[dtype][1])
    return { first: codes, rest: state }
  }
  const { codes, state } = int8Tensors(name, weight, lending(weight, adapter && (() => mergedInt8(adapter))))
  return { first: codes, rest: state }
}

/** A tensor in a precision, of the weight itself or of what is made of it. */
function plainTensor(name: string, weight: Weight, make: (() => Tensor) | null, dtype: SaveDType): TensorToSave {
  return {
    ...{ name, dtype: dtypeWords[dtype][0], shape: weight.shape, parameters: weight.count },
    bytes: async () => {
      const tensor = make === null ? (weight as Tensor) : make()
      try {
        const values = await tensor.read()
        const encoded = encodeFloats(values, dtypeWords[dtype][0])
        if (dtype === 'f16') checkFinite(name, values, encoded as Uint16Array)
        return encoded
      } finally {
        if (make !== null) tensor.dispose()
      }
    },
  }
}

/** Lends a matrix, or another that is made for each look and freed after it. */
function lending<M extends StoredMatrix>(own: M, make: (() => Promise<M>) | null) {
  return async <T>(use: (matrix: M) => Promise<T>): Promise<T> => {
    if (make === null) return use(own)
    const made = await make()
    try {
      return await use(made)
    } finally {
      made.dispose()
    }
  }
}

function decoded(weight: StoredMatrix): Tensor {
  return rootedMatrix(weight.device, () => dequantize(weight))
}

function merged(layer: LoraLinear): Tensor {
  const { device } = layer.weights['lora_A.weight']
  return rootedMatrix(device, () => {
    const { weight } = layer.merged().weights
    check(weight instanceof Tensor, 'unsupported', () => 'merge: a merged weight is full')
    return weight
  })
}

async function mergedFourBit(layer: LoraLinear, { parts, device }: FourBitTensor): Promise<FourBitTensor> {
  const full = merged(layer)
  try {
    const { type, blockSize, nested } = parts
    const again = rootedMatrix(device, () => quantizeFourBit(full, { type, blockSize, doubleQuant: nested !== null }))
    return parts.sourceDType === undefined
      ? again
      : new FourBitTensor(again.shape, { ...again.parts, sourceDType: parts.sourceDType })
  } finally {
    full.dispose()
  }
}

async function mergedInt8(layer: LoraLinear): Promise<Int8Tensor> {
  const full = merged(layer)
  try {
    return rootedMatrix(full.device, () => quantizeInt8(full))
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
    const format = weight instanceof FourBitTensor ? weight.parts.type : 'int8'
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
