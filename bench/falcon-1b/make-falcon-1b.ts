/**
 * Writes a random checkpoint of Falcon-RW-1B's shapes, in bf16 as the real one: config.json, two shards and their
 * index, 2.6 GB. Weights are N(0, 0.02²), biases 0, norms 1 and 0. The same seed gives the same bytes, and a folder
 * that is complete already is left as it is. It has no tokenizer: feed ids below 50,304.
 * `npx tsx bench/falcon-1b/make-falcon-1b.ts OUT [--layers 24] [--seed 1]`
 */
import { mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { f32ToBf16 } from '../../src/core/float16.ts'
import { Random } from '../../src/core/random.ts'
import { countOf } from '../../src/core/shape.ts'
import type { WeightSpec } from '../../src/models/causal-lm.ts'
import { parseFalconConfig } from '../../src/models/falcon/falcon-config.ts'
import { modelWeights } from '../../src/models/architectures.ts'
import { type EncodedHeader, encodeSafetensorsHeader } from '../../src/safetensors/writer.ts'

/** The config.json of tiiuae/falcon-rw-1b, but for the layers. */
const configJson = (layers: number) => ({
  alibi: true,
  apply_residual_connection_post_layernorm: false,
  architectures: ['FalconForCausalLM'],
  attention_dropout: 0.0,
  bias: true,
  bos_token_id: 1,
  eos_token_id: 2,
  hidden_dropout: 0.0,
  hidden_size: 2048,
  initializer_range: 0.02,
  layer_norm_epsilon: 1e-5,
  model_type: 'falcon',
  multi_query: false,
  new_decoder_architecture: false,
  num_attention_heads: 32,
  num_hidden_layers: layers,
  parallel_attn: false,
  torch_dtype: 'bfloat16',
  transformers_version: '4.27.4',
  use_cache: true,
  vocab_size: 50304,
})

const std = 0.02
/** Elements that are made and written at a time: 8 MiB. */
const pieceCount = 4 * 1024 * 1024

/** A file of the checkpoint. */
interface Shard {
  readonly fileName: string
  readonly header: EncodedHeader
}

const shardName = (i: number) => `model-0000${i + 1}-of-00002.safetensors`

/** Two shards of about the same size, tensors in the order of the model. */
function shardsOf(specs: readonly WeightSpec[]): readonly Shard[] {
  const half = specs.reduce((sum, { shape }) => sum + countOf(shape), 0) / 2
  const halves: [WeightSpec[], WeightSpec[]] = [[], []]
  let done = 0
  for (const spec of specs) {
    halves[done < half ? 0 : 1].push(spec)
    done += countOf(spec.shape)
  }
  return halves.map((own, i) => ({
    fileName: shardName(i),
    header: encodeSafetensorsHeader(
      own.map(({ name, shape }) => ({ name, shape, dtype: 'BF16' as const })),
      { format: 'pt' },
    ),
  }))
}

/** The seed stands in the index, so that another seed's folder is not taken for this one's. */
function indexJson(shards: readonly Shard[], seed: number): string {
  const names = shards.flatMap(({ fileName, header }) => header.tensors.map(({ name }) => [name, fileName] as const))
  const totalSize = shards.reduce((sum, { header }) => sum + header.fileBytes - header.bytes.length, 0)
  const weightMap = Object.fromEntries(names.sort(([a], [b]) => (a < b ? -1 : 1)))
  return JSON.stringify({ metadata: { total_size: totalSize, seed }, weight_map: weightMap }, null, 2)
}

/**
 * The bits of 65,536 numbers from N(0, std²), from which each weight takes one by 16 random bits: fast, and fine enough
 * for bf16.
 */
function normalBits(seed: number): Uint16Array {
  const random = Random.of(seed, 0)
  return f32ToBf16(Float32Array.from({ length: 0x10000 }, () => std * random.normal()))
}

/** The bytes of a tensor, piece by piece. A piece is only good until the next is asked for. */
function* piecesOf({ shape, init }: WeightSpec, random: Random, normals: Uint16Array): Generator<Uint8Array> {
  const piece = new Uint16Array(Math.min(pieceCount, countOf(shape)))
  if (init !== 'normal') piece.fill(init === 'ones' ? 0x3f80 : 0)
  for (let left = countOf(shape); left > 0; left -= piece.length) {
    if (init === 'normal') {
      for (let i = 0; i < piece.length; i += 2) {
        const bits = random.nextUint32()
        piece[i] = normals[bits & 0xffff] as number
        piece[i + 1] = normals[bits >>> 16] as number
      }
    }
    yield new Uint8Array(piece.buffer, 0, 2 * Math.min(left, piece.length))
  }
}

/** Writes beside the file and renames at the end, so that a file of this name is whole. */
async function writeShard(path: string, { header }: Shard, pieces: (name: string) => Iterable<Uint8Array>) {
  const beside = `${path}.tmp`
  const file = await open(beside, 'w')
  try {
    await file.writeFile(header.bytes)
    for (const { name } of header.tensors) for (const piece of pieces(name)) await file.writeFile(piece)
    await file.close()
    await rename(beside, path)
  } catch (error) {
    await file.close().catch(() => undefined)
    await rm(beside, { force: true })
    throw error
  }
}

async function isComplete(folder: string, texts: ReadonlyMap<string, string>, shards: readonly Shard[]) {
  const [same, whole] = await Promise.all([
    Promise.all([...texts].map(async ([name, text]) => (await readFile(join(folder, name), 'utf8')) === text)),
    Promise.all(
      shards.map(async ({ fileName, header }) => (await stat(join(folder, fileName))).size === header.fileBytes),
    ),
  ]).catch(() => [[false], [false]] as const)
  return [...same, ...whole].every(Boolean)
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { layers: { type: 'string', default: '24' }, seed: { type: 'string', default: '1' } },
})
const [folder] = positionals
const [layers, seed] = [Number(values.layers), Number(values.seed)]
if (folder === undefined || positionals.length > 1 || !Number.isInteger(seed)) {
  console.error('make-falcon-1b OUT [--layers 24] [--seed 1]')
  process.exit(2)
}

const config = configJson(layers)
const specs = modelWeights(parseFalconConfig(config))
const shards = shardsOf(specs)
const texts = new Map([
  ['config.json', JSON.stringify(config, null, 2)],
  ['model.safetensors.index.json', indexJson(shards, seed)],
])
const fileBytes = shards.reduce((sum, { header }) => sum + header.fileBytes, 0)
if (await isComplete(folder, texts, shards)) console.log(`${folder} is complete already: ${fileBytes} bytes`)
else {
  await mkdir(folder, { recursive: true })
  // Last and first: a folder with an index is whole, or was.
  await rm(join(folder, 'model.safetensors.index.json'), { force: true })
  const normals = normalBits(seed)
  const byName = new Map(specs.map((spec, i) => [spec.name, { spec, i }]))
  let [done, shown] = [0, 0]
  for (const shard of shards) {
    await writeShard(join(folder, shard.fileName), shard, function* (name) {
      const found = byName.get(name)
      if (found === undefined) throw new Error(`no weight ${name}`)
      for (const piece of piecesOf(found.spec, Random.of(seed, 1 + found.i), normals)) {
        yield piece
        done += piece.byteLength
        const percent = Math.floor((100 * done) / fileBytes)
        if (percent >= shown + 10) console.log(`${(shown = percent)}% ${name}`)
      }
    })
  }
  for (const [name, text] of texts) await writeFile(join(folder, name), text)
  const { heapTotal, rss } = process.memoryUsage()
  console.log(
    `${folder}: ${fileBytes} bytes written; ${Math.round(rss / 1e6)} MB resident, heap ${Math.round(heapTotal / 1e6)} MB`,
  )
}
