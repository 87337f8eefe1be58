import { check } from '../../../core/errors.ts'
import { sameShape, showShape } from '../../../core/shape.ts'
import { show } from '../../../core/show.ts'
import { encodeGguf } from '../../../gguf/encode.ts'
import { encodeGgufHeader, type GgufEntry, streamGguf } from '../../../gguf/writer.ts'
import { modelWeights, tiedTensors } from '../../../models/architectures.ts'
import type { ModelConfig } from '../../../models/causal-lm.ts'
import type { TensorReader } from '../../../safetensors/reader.ts'
import { type GgufArchitecture, ggufArchitectureOf, ggufName } from '../gguf-architectures.ts'
import { inPairs, pairedHeads } from '../paired-rows.ts'
import type { GgufToWrite } from '../write-gguf.ts'

/** A's and B's of a layer. */
export interface LoraPair {
  /** Of the module in its model. */
  readonly path: string
  /** Keys of their tensors. */
  readonly a: string
  readonly b: string
  /** Whether they adapt a table of embeddings. */
  readonly isTable: boolean
  /** What B A is scaled by, times its rank. */
  readonly alpha: (rank: number) => number
}

/** A LoRA adapter, and the model that it belongs to. */
export interface LoraOfModel {
  /** Begins messages. */
  readonly who: string
  /** What llama.cpp scales each layer by, times its rank. */
  readonly alpha: number
  readonly baseModel: string | null
  readonly pairs: readonly LoraPair[]
  readonly tensors: TensorReader
  readonly base: ModelConfig
  readonly dtype: 'f32' | 'f16'
}

/** A file to be written. */
export interface LoraToWrite extends GgufToWrite {
  /** Weights that have an A and a B. */
  readonly layers: number
}

/** One of a pair's two tensors. */
interface Half {
  readonly name: string
  readonly shape: readonly number[]
  read(): Promise<Float32Array>
}

/**
 * An adapter as llama.cpp's convert_lora_to_gguf.py writes it. llama.cpp scales a layer by `adapter.lora.alpha` over
 * the rank of its own B; where PEFT scales otherwise (rsLoRA, alphaPattern), B takes up what is between them.
 * @throws MedAwareError `unsupported` for what llama.cpp cannot apply, `format` for tensors that do not fit the base or
 * one another, `numeric` where f16 has no number.
 */
export function loraGguf({ who, alpha, baseModel, pairs: given, tensors, base, dtype }: LoraOfModel): LoraToWrite {
  const row = ggufArchitectureOf(who, base.modelType)
  const { head, embeddings } = tiedTensors(base)
  const shapes = new Map(modelWeights(base).map(({ name, shape }) => [name, shape]))
  const pairs = given.map(({ path, a, b, isTable, alpha: own }): readonly [Half, Half] => {
    const name = ggufName(row, `${path}.weight`)
    check(name !== null, 'unsupported', () => `${who}: llama.cpp knows no ${show(path)} in a ${row.name} model`)
    const isOfTied = base.tieWordEmbeddings && [head, embeddings].includes(`${path}.weight`)
    check(!isOfTied, 'unsupported', () => {
      return `${who}: ${show(path)} shares its table with ${path === 'lm_head' ? 'the embeddings' : 'the head'}, which llama.cpp cannot adapt apart; merge the adapter (mergeAndUnload) in place of exporting it`
    })
    const [aShape, bShape] = [tensors.info(a).shape, tensors.info(b).shape]
    const rank = aShape[0] ?? 0
    const wanted = shapes.get(`${path}.weight`) ?? []
    // A table is stored [words, channels], and A is of the words.
    const [outs, ins] = isTable ? [...wanted].reverse() : wanted
    check(rank > 0 && sameShape(aShape, [rank, ins ?? 0]) && sameShape(bShape, [outs ?? 0, rank]), 'format', () => {
      return `${who}: ${show(path)} of the base is ${showShape(wanted)}, which A ${showShape(aShape)} and B ${showShape(bShape)} do not fit; is it another base?`
    })
    const factor = own(rank) / alpha
    const heads = pairedHeads(row, base, path)
    const readA = async () => (isTable ? transposed(await tensors.readF32(a), rank) : tensors.readF32(a))
    const readB = async () => {
      const values = await tensors.readF32(b)
      const scaled = factor === 1 ? values : values.map((value) => value * factor)
      return heads === null ? scaled : inPairs(scaled, heads, (outs ?? 0) / heads)
    }
    return [
      { name: `${name}.lora_a`, shape: isTable ? [...aShape].reverse() : aShape, read: readA },
      { name: `${name}.lora_b`, shape: bShape, read: readB },
    ]
  })
  const halves = new Map(pairs.flat().map((half) => [half.name, half]))
  const type = dtype === 'f16' ? 'F16' : 'F32'
  const header = encodeGgufHeader(
    metadataOf(row, alpha, baseModel),
    [...halves.values()].map(({ name, shape }) => ({ name, type, shape })),
  )
  const load = async (name: string) => {
    const values = (await halves.get(name)?.read()) ?? new Float32Array(0)
    return encodeGguf(who, name, values, type)
  }
  return { byteLength: header.fileBytes, layers: pairs.length, pieces: () => streamGguf(header, load) }
}

function metadataOf({ name }: GgufArchitecture, alpha: number, baseModel: string | null): readonly GgufEntry[] {
  const base = baseModel?.replace(/[/\\]+$/, '').replace(/^.*[/\\]/, '')
  return [
    { key: 'general.architecture', type: 'string', value: name },
    { key: 'general.type', type: 'string', value: 'adapter' },
    { key: 'adapter.type', type: 'string', value: 'lora' },
    ...(base === undefined ? [] : [{ key: 'general.name', type: 'string', value: base } as const]),
    { key: 'adapter.lora.alpha', type: 'float32', value: alpha },
    { key: 'general.quantization_version', type: 'uint32', value: 2 },
  ]
}

function transposed(values: Float32Array, rows: number): Float32Array {
  const columns = values.length / rows
  return values.map((_, i) => values[(i % rows) * columns + Math.floor(i / rows)] ?? 0)
}
