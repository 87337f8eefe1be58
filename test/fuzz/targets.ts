import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import * as tar from 'tar'
import { DataError } from '../../examples/medquad/data/data-error.ts'
import { readMedquad } from '../../examples/medquad/data/read-medquad.ts'
import { MedAwareError } from '../../src/core/errors.ts'
import { parseJsonObject } from '../../src/core/json.ts'
import { tokenizerFromJson } from '../../src/io/tokenizer/tokenizer.ts'
import { modelWeights, parseModelConfig } from '../../src/models/architectures.ts'
import { formatAdapterConfig, parseAdapterConfig } from '../../src/peft/config/adapter-config.ts'
import { isConfigOf } from '../../src/peft/methods.ts'
import { NamePatterns } from '../../src/peft/targets/module-names.ts'
import { patternReader, targetMatcher } from '../../src/peft/targets/target-matching.ts'
import { bytesSource, openSafetensors, openShardedSafetensors, writeSafetensors } from '../../src/safetensors/index.ts'
import { documentXml } from '../examples/medquad/medquad-files.ts'
import type { FuzzTarget } from './fuzz.ts'
import { mutateBytes, mutateJsonFile, pick } from './mutations.ts'
import { makeSafetensors } from './safetensors-inputs.ts'
import { makeTokenizer } from './tokenizer-inputs.ts'

const fixtures = fileURLToPath(new URL('../fixtures', import.meta.url))
const textOf = (path: string) => readFileSync(join(fixtures, path), 'utf8')
const decoder = new TextDecoder()

/** A file's tensors, each read. */
export const safetensors: FuzzTarget = {
  name: 'safetensors',
  make: makeSafetensors,
  read: async (input) => {
    const file = await openSafetensors(bytesSource(input, 'f'))
    for (const name of file.names) await file.read(name)
  },
}

const shard = (name: string) => writeSafetensors([{ name, dtype: 'U8', shape: [1], data: Uint8Array.of(1) }])
const shards: Readonly<Record<string, Uint8Array>> = { 's1.safetensors': shard('a'), 's2.safetensors': shard('b') }
const indexes = [
  '{"metadata":{"total_size":2},"weight_map":{"a":"s1.safetensors","b":"s2.safetensors"}}',
  '{"weight_map":{"a":"s1.safetensors"}}',
  '{"weight_map":{"a":"../s1.safetensors","b":"%2e%2e"}}',
]

export const index: FuzzTarget = {
  name: 'index',
  make: (random) => mutateJsonFile(random, indexes),
  read: async (input) => {
    const opened: string[] = []
    const reader = await openShardedSafetensors(input, async (fileName) => {
      opened.push(fileName)
      const bytes = shards[fileName]
      if (bytes === undefined) throw new MedAwareError('not-found', `there is no ${fileName}`)
      return bytesSource(bytes, fileName)
    })
    const strange = opened.filter((fileName) => !Object.hasOwn(shards, fileName))
    if (strange.length > 0) throw new Error(`opened ${strange.join(', ')}`)
    for (const name of reader.names) await reader.read(name)
  },
}

const configs = [
  ...readdirSync(join(fixtures, 'tiny-family'))
    .filter((name) => !name.includes('.'))
    .map((name) => textOf(`tiny-family/${name}/config.json`)),
  textOf('tiny-falcon-rw/config.json'),
]

/** A config.json, and what its model is made of. */
export const config: FuzzTarget = {
  name: 'config',
  make: (random) => mutateJsonFile(random, configs),
  read: (input) => modelWeights(parseModelConfig(parseJsonObject('config.json', input))),
}

const adapterFolder = 'tiny-falcon-rw/adapters'
const adapters = [
  ...readdirSync(join(fixtures, adapterFolder)).map((name) => textOf(`${adapterFolder}/${name}/adapter_config.json`)),
  ...Object.values((JSON.parse(textOf('peft-configs.json')) as { configs: Record<string, string> }).configs),
  JSON.stringify({
    peft_type: 'LORA',
    r: 4,
    lora_alpha: 8,
    target_modules: '.*\\.(q|v)_proj|(?P<n>a)(?P=n)',
    exclude_modules: '^(a|b)*h\\.1',
    layers_to_transform: [0, 1],
    layers_pattern: ['h', '(h|layers)'],
    rank_pattern: { '^h.0.*q': 2, '(x+x+)+y': 3 },
    alpha_pattern: { 'h\\.\\d+': 4 },
  }),
]
const paths = [
  'transformer.h.0.self_attention.query_key_value',
  'model.layers.11.mlp.down_proj',
  'lm_head',
  'a'.repeat(64),
]

/** An adapter_config.json, matched with some modules. */
export const adapterConfig: FuzzTarget = {
  name: 'adapter config',
  make: (random) => mutateJsonFile(random, adapters),
  read: (input) => {
    const { config } = parseAdapterConfig(decoder.decode(input))
    const saved = formatAdapterConfig(config)
    if (formatAdapterConfig(parseAdapterConfig(saved).config) !== saved) throw new Error('saved otherwise again')
    if (!isConfigOf('LORA', config)) return config
    const patterns = () => new NamePatterns('fuzz')
    const isTarget = targetMatcher(config, patterns())
    const rankOf = patternReader(config.rankPattern, config.r, 'rankPattern', patterns())
    const alphaOf = patternReader(config.alphaPattern, config.loraAlpha, 'alphaPattern', patterns())
    return paths.map((path) => [isTarget(path), rankOf(path), alphaOf(path)])
  },
}

/** A tokenizer.json, used on texts. */
export const tokenizer: FuzzTarget = {
  name: 'tokenizer',
  make: makeTokenizer,
  read: (input) => {
    const opened = tokenizerFromJson(decoder.decode(input))
    const ids = opened.encode(`The heart, é\u{1F600} and 12 lungs\uFDFA\ud800  ${'x'.repeat(60)}`)
    const strange = ids.filter((id) => !Number.isInteger(id) || id < 0 || id >= opened.vocabSize)
    if (strange.length > 0) throw new Error(`made the ids ${strange.join(', ')}`)
    return opened.decode(ids)
  },
}

/** A tar of MedQuAD's files, plain or packed; on disk, as the recipe reads it. */
export function archive(): FuzzTarget & { remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'medaware-fuzz-'))
  const xml = join(folder, '1_Alpha_QA')
  const packed = join(folder, 'a.tar')
  tarFolder(xml, packed)
  const plain = readFileSync(packed)
  const inputs = [plain, gzipSync(plain), plain.subarray(0, 4096)]
  const file = join(folder, 'input.tar.gz')
  return {
    name: 'archive',
    // Of what is packed the text is changed as well: bytes of a packed stream seldom come to anything.
    make: (random) => {
      const changed = mutateBytes(random, pick(random, inputs))
      return random.below(4) === 0 ? gzipSync(changed) : changed
    },
    read: async (input) => {
      writeFileSync(file, input)
      await readMedquad(file)
    },
    isRefusal: (error) => error instanceof DataError,
    remove: () => rmSync(folder, { recursive: true }),
  }
}

function tarFolder(xml: string, packed: string): void {
  mkdirSync(xml)
  for (const name of ['0000001.xml', '0000002.xml']) writeFileSync(join(xml, name), documentXml)
  tar.c({ file: packed, cwd: join(xml, '..'), sync: true }, ['1_Alpha_QA'])
}
