import { check } from '../../core/errors.ts'
import { countOf } from '../../core/shape.ts'
import { show } from '../../core/show.ts'
import { encodeGguf } from '../../gguf/encode.ts'
import type { GgufTypeName } from '../../gguf/types.ts'
import { encodeGgufHeader, type GgufEntry, type GgufTensorToWrite, streamGguf } from '../../gguf/writer.ts'
import { formatModelConfig } from '../../models/architectures.ts'
import type { ModelConfig } from '../../models/causal-lm.ts'
import type { GenerationConfig } from '../../models/generation-config.ts'
import { type LoaderOptions, tensorLoader } from '../save/tensor-loader.ts'
import type { TokenizerFiles } from '../tokenizer/tokenizer-files.ts'
import { configEntries } from './config-entries.ts'
import { type GgufArchitecture, ggufArchitectureOf, ggufName } from './gguf-architectures.ts'
import { ropeFactors, ropeFactorsOf } from './gguf-rope.ts'
import { inPairs, pairedHeads } from './paired-rows.ts'
import { tokenizerEntries } from './tokenizer-entries.ts'
import type { GgufToWrite } from './write-gguf.ts'

/** What matrices are written as. */
export type ModelGgufType = 'f32' | 'f16' | 'bf16' | 'q8_0'

/** Types of a model's matrices, with `general.file_type` (llama.h, `llama_ftype`). */
const fileTypes: Readonly<Record<ModelGgufType, { readonly name: GgufTypeName; readonly id: number }>> = {
  f32: { name: 'F32', id: 0 },
  f16: { name: 'F16', id: 1 },
  bf16: { name: 'BF16', id: 32 },
  q8_0: { name: 'Q8_0', id: 7 },
}

/** A weight by transformers' name, read when it is its turn. */
export interface WeightToWrite {
  readonly name: string
  readonly shape: readonly number[]
  readonly readF32: () => Promise<Float32Array>
}

/** A model that is written, whether it is on a device or in a folder. */
export interface WholeModel {
  /** Begins messages. */
  readonly who: string
  /** It is tied as the weights are. */
  readonly config: ModelConfig
  readonly weights: readonly WeightToWrite[]
  /** `null` for none. */
  readonly tokenizer: TokenizerFiles | null
  readonly generation: Partial<GenerationConfig>
  /** `general.name`. */
  readonly name: string
  readonly type: ModelGgufType
  readonly warn: (message: string) => void
}

/** A file, and how many tensors it has. */
export interface ModelFile extends GgufToWrite {
  readonly tensors: number
}

/** A tensor as GGUF has it. */
interface Written extends GgufTensorToWrite {
  readonly readF32: () => Promise<Float32Array>
}

/**
 * A model as llama.cpp's convert_hf_to_gguf.py writes it; tensors are made one at a time.
 * @param file Its name, for `onProgress`.
 * @throws MedAwareError `unsupported` for what GGUF cannot say of the model or its tokenizer; while it is written,
 * `numeric` for what the type has no number for.
 */
export async function wholeModelGguf(model: WholeModel, file: string, options: LoaderOptions): Promise<ModelFile> {
  const { who, config, warn, type } = model
  const row = ggufArchitectureOf(who, config.modelType)
  const tensors = tensorsOf(row, model)
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]))
  const found = (name: string) => {
    const tensor = byName.get(name)
    check(tensor !== undefined, 'format', () => `${who}: the model has no ${name}`)
    return tensor
  }
  const shapes = {
    has: (name: string) => byName.has(name),
    info: found,
    readF32: (name: string) => found(name).readF32(),
  }
  const own = await configEntries({ who, row, config, tensors: shapes, warn })
  const metadata: readonly GgufEntry[] = [
    { key: 'general.architecture', type: 'string', value: row.name },
    { key: 'general.type', type: 'string', value: 'model' },
    ...samplingEntries(model.generation),
    { key: 'general.name', type: 'string', value: model.name },
    { key: 'general.size_label', type: 'string', value: sizeLabel(tensors) },
    ...own,
    { key: 'general.file_type', type: 'uint32', value: fileTypes[type].id },
    { key: 'general.quantization_version', type: 'uint32', value: 2 },
    ...vocabularyEntries(row, model),
  ]
  const header = encodeGgufHeader(metadata, tensors)
  const load = tensorLoader(
    header.tensors.map(({ name, type, bytes }) => ({
      ...{ name, byteLength: bytes },
      bytes: async () => encodeGguf(who, name, await found(name).readF32(), type),
    })),
    options,
  )
  return {
    tensors: tensors.length,
    byteLength: header.fileBytes,
    pieces: () => streamGguf(header, (name) => load(name, file)),
  }
}

function tensorsOf(row: GgufArchitecture, { who, config, weights, type }: WholeModel): readonly Written[] {
  const tensors = weights.map(({ name: key, shape, readF32 }): Written => {
    const name = ggufName(row, key)
    check(name !== null, 'unsupported', () => `${who}: llama.cpp knows no ${show(key)} in a ${row.name} model`)
    const heads = pairedHeads(row, config, key.replace(/\.(?:weight|bias)$/, ''))
    const isShifted = row.hasShiftedNorms === true && name.endsWith('norm.weight')
    return {
      ...{ name, shape, type: typeOf(name, shape, fileTypes[type].name) },
      readF32: async () => {
        const values = await readF32()
        if (heads !== null) return inPairs(values, heads, (shape[0] ?? 0) / heads)
        return isShifted ? values.map((value) => value + 1) : values
      },
    }
  })
  const factors = row.hasPairedRows ? ropeFactorsOf(formatModelConfig(config)) : null
  if (factors === null) return tensors
  return [{ name: ropeFactors, type: 'F32', shape: [factors.length], readF32: async () => factors }, ...tensors]
}

/** Vectors and norms stay F32; rows that do not fall into blocks are F16, as the converter has them. */
function typeOf(name: string, shape: readonly number[], type: GgufTypeName): GgufTypeName {
  if (shape.length < 2 || !name.endsWith('.weight') || name.endsWith('_norm.weight')) return 'F32'
  return type === 'Q8_0' && (shape.at(-1) ?? 0) % 32 !== 0 ? 'F16' : type
}

function vocabularyEntries(row: GgufArchitecture, model: WholeModel): readonly GgufEntry[] {
  const { who, config, tokenizer: files, warn } = model
  if (files === null) return [{ key: 'tokenizer.ggml.model', type: 'string', value: 'none' }]
  const only = (id: number | readonly number[] | null) => (typeof id === 'number' && id < config.vocabSize ? id : null)
  return tokenizerEntries({
    ...{ who, files, warn, vocabSize: config.vocabSize, ordersMerges: row.ordersMerges === true },
    ...{ bos: only(config.bosTokenId), eos: only(config.eosTokenId) },
  })
}

/** How it is meant to be generated with; greedy where transformers' config says nothing of it. */
function samplingEntries({ topK, topP, temperature, repetitionPenalty }: Partial<GenerationConfig>): GgufEntry[] {
  const entries: readonly (readonly [string, 'int32' | 'float32', number | undefined])[] = [
    ['top_k', 'int32', topK],
    ['top_p', 'float32', topP],
    ['temp', 'float32', temperature],
    ['penalty_repeat', 'float32', repetitionPenalty],
  ]
  return entries.flatMap(([name, type, value]) => {
    return value === undefined ? [] : [{ key: `general.sampling.${name}`, type, value }]
  })
}

/** Numbers in all, in two digits or three (gguf/utility.py, `model_weight_count_rounded_notation`). */
function sizeLabel(tensors: readonly Written[]): string {
  const count = tensors.reduce((sum, { shape }) => sum + countOf(shape), 0)
  const [scale, suffix] = count > 1e12 ? [1e12, 'T'] : count > 1e9 ? [1e9, 'B'] : count > 1e6 ? [1e6, 'M'] : [1e3, 'K']
  const scaled = count / scale
  const digits = scaled < 0.5 ? 0 : String(Math.round(scaled)).length
  return `${scaled.toFixed(Math.max(2 - digits, 0))}${suffix}`
}
