import type { Random } from '../../core/random.ts'
import type { Embedding } from '../../nn/embedding.ts'
import { completeFactors, type Place } from '../adapter-method.ts'
import { draw } from '../draws.ts'
import { embeddingHost } from '../layers/adapted-embedding.ts'
import { type Factors, nameInKey } from '../layers/adapted-layer.ts'
import { DoraEmbedding, type DoraEmbeddingFactors } from './dora-embedding.ts'
import type { LoraConfig } from './lora-config.ts'
import { type EmbeddingFactors, type EmbeddingPlace, headKey, LoraEmbedding } from './lora-embedding.ts'

/** A place at a table of embeddings. */
export function loraEmbeddingPlace({ path, layer, rank, init, ...told }: EmbeddingPlace): Place {
  const { tiesHead: head } = told
  const { rows, columns } = layer.table
  const shapes = shapesOf(layer, rank)
  const own = (factors: Factors) => completeFactors<keyof EmbeddingFactors>(path, factors, Object.keys(shapes))
  return {
    ...{ path, shapes },
    ...(head !== null && {
      repeats: { [headKey(head, 'lora_A')]: [rank, columns], [headKey(head, 'lora_B')]: [rows, rank] },
    }),
    start: (factors, random) => (head === null ? start : startTied)(own(factors), init, random),
    adapted: (name, factors, there) => embeddingHost(there).add(name, new LoraEmbedding(own(factors), told)),
  }
}

/** The same with DoRA. */
export function doraEmbeddingPlace({ path, layer, rank, init, ...told }: EmbeddingPlace): Place {
  const shapes = { ...shapesOf(layer, rank), lora_magnitude_vector: [layer.table.columns] }
  const own = (factors: Factors) => completeFactors<keyof DoraEmbeddingFactors>(path, factors, Object.keys(shapes))
  return {
    ...{ path, shapes },
    // Of a module of its own, whose one weight goes without its name in files.
    parameterName: (name, adapter) => nameInKey(name, adapter) + (name === 'lora_magnitude_vector' ? '.weight' : ''),
    start: (factors, random) => {
      start(own(factors), init, random)
      const part = new DoraEmbedding(own(factors), { layer, ...told })
      part.startMagnitude()
      part.free()
    },
    adapted: (name, factors, there) => {
      return embeddingHost(there).add(name, new DoraEmbedding(own(factors), { layer, ...told }))
    },
  }
}

function shapesOf({ table }: Embedding, rank: number) {
  return { lora_embedding_A: [rank, table.rows], lora_embedding_B: [table.columns, rank] } as const
}

/** Where tables start, A is 0 and B drawn (tuners/lora/layer.py, Embedding.update_layer, reset_lora_parameters). */
function start(
  { lora_embedding_A: a, lora_embedding_B: b }: EmbeddingFactors,
  init: LoraConfig['initLoraWeights'],
  random: Random,
): void {
  if (init === false) draw(a, () => random.normal())
  draw(b, () => random.normal())
}

/** The same where a tied head has B and A, transposed, as its A and B: PEFT starts these last, as a linear layer's. */
function startTied(
  { lora_embedding_A: a, lora_embedding_B: b }: EmbeddingFactors,
  init: LoraConfig['initLoraWeights'],
  random: Random,
): void {
  if (init === false) start({ lora_embedding_A: a, lora_embedding_B: b }, init, random)
  else if (init === 'gaussian') draw(b, () => random.normal() / b.columns)
  else draw(b, () => (2 * random.uniform() - 1) / Math.sqrt(b.rows))
}
