import { afterAll, describe, expect, it } from 'vitest'
import { inspectModel, type ModelReport } from '../../../src/io/plan/inspect-model.ts'
import { loadModel } from '../../../src/io/load/load-model.ts'
import type { LoadModelOptions } from '../../../src/io/load/load-options.ts'
import { modelFiles } from '../../../src/io/save/save-model.ts'
import { encodeFloats } from '../../../src/safetensors/float16.ts'
import { writeSafetensors, type TensorToWrite } from '../../../src/safetensors/writer.ts'
import { openTestCpu } from '../../device/cpu-under-test.ts'
import { readFixture } from '../../fixtures/open-fixture.ts'
import { logitsOf } from '../../golden/model-checks.ts'
import { filesOf, tensorsOf, tinyBytes } from '../tiny-files.ts'

const device = await openTestCpu()
afterAll(() => device.dispose())
const batch = { inputIds: Int32Array.of(3, 17, 5, 22, 9), shape: [1, 5] as const }
const models = {
  falcon: { folder: 'tiny-falcon-rw', table: 'transformer.word_embeddings.weight' },
  llama: { folder: 'tiny-family/llama-tied', table: 'model.embed_tokens.weight' },
} as const
type Name = keyof typeof models
const head = 'lm_head.weight'

/** A model that its config says to tie, with its tensors changed, in one file or two. */
async function files(
  name: Name,
  change: (tensors: TensorToWrite[], table: TensorToWrite) => TensorToWrite[],
  { isSharded = false } = {},
): Promise<File[]> {
  const { folder, table } = models[name]
  const bytes = async (file: string) => Uint8Array.from(await readFixture(`${folder}/${file}`))
  const tensors = await tensorsOf(await bytes('model.safetensors'))
  const embeddings = tensors.find((tensor) => tensor.name === table)
  if (embeddings === undefined) throw new Error(`no ${table}`)
  const changed = change(tensors, embeddings)
  const config = { 'config.json': await bytes('config.json') }
  if (!isSharded) return filesOf({ ...config, 'model.safetensors': writeSafetensors(changed) })
  const parts = [changed.filter((tensor) => tensor.name !== head), changed.filter((tensor) => tensor.name === head)]
  const shards = parts.map((some, i) => [`model-0000${i + 1}-of-00002.safetensors`, some] as const)
  const map = Object.fromEntries(shards.flatMap(([file, some]) => some.map((tensor) => [tensor.name, file])))
  return filesOf({
    ...config,
    ...Object.fromEntries(shards.map(([file, some]) => [file, writeSafetensors(some)])),
    'model.safetensors.index.json': JSON.stringify({ weight_map: map }),
  })
}

/** As the file has it, with a head whose numbers are the embeddings' times a factor. */
const withHead = (factor: number) => (tensors: TensorToWrite[], table: TensorToWrite) => [
  ...tensors,
  { ...table, name: head, data: (table.data as Float32Array).map((x) => factor * x) },
]

async function loaded(source: File[], options: Partial<LoadModelOptions> = {}) {
  const warnings: string[] = []
  const onWarning = (message: string) => {
    // None of these models has a tokenizer.
    if (!message.includes('there is no tokenizer.json')) warnings.push(message)
  }
  const { model } = await loadModel(source, { device, onWarning, ...options })
  const logits = await logitsOf(model, batch)
  return { model, logits, warnings, isTied: model.config.tieWordEmbeddings }
}

describe.each(Object.keys(models) as Name[])('a %s whose config ties the head', (name) => {
  const { table } = models[name]

  it('has the head of its file where that is another, says so, and saves it', async () => {
    const plain = await loaded(await files(name, (tensors) => tensors))
    for (const isSharded of [false, true]) {
      for (const options of [{}, { quantize: { type: 'nf4' } }, { dtype: 'bf16' }] as const) {
        const source = await files(name, withHead(2), { isSharded })
        const { model, logits, warnings, isTied } = await loaded(source, options)
        expect(isTied).toBe(false)
        expect(warnings).toEqual([
          `the given files: config.json has tie_word_embeddings true, but lm_head.weight and ${table} are not the same numbers; ` +
            'the head is kept as one of its own, and saved with tie_word_embeddings false',
        ])
        if (Object.keys(options).length === 0) expect(logits).toEqual(plain.logits.map((x) => 2 * x))
        const saved = await modelFiles(model)
        const config = JSON.parse(new TextDecoder().decode(saved.get('config.json'))) as object
        expect(config).toMatchObject({ tie_word_embeddings: false })
        const again = await loaded(filesOf(Object.fromEntries(saved)))
        expect(again.warnings).toEqual([])
        expect(again.logits).toEqual(logits)
        for (const one of [model, again.model]) one.dispose()
      }
    }
    plain.model.dispose()
  })

  it('is tied where the head has the same numbers, in whatever dtype and sign of 0', async () => {
    const half = (tensors: TensorToWrite[], own: TensorToWrite) => {
      const zeroed = (own.data as Float32Array).map((x, i) => (i === 0 ? 0 : Math.fround(Math.round(x * 64) / 64)))
      const written = {
        ...own,
        name: head,
        dtype: 'BF16' as const,
        data: encodeFloats(
          zeroed.map((x, i) => (i === 0 ? -0 : x)),
          'BF16',
        ),
      }
      return [...tensors.map((tensor) => (tensor.name === table ? { ...own, data: zeroed } : tensor)), written]
    }
    for (const change of [withHead(1), half]) {
      const { model, warnings, isTied } = await loaded(await files(name, change))
      expect([isTied, warnings]).toEqual([true, []])
      model.dispose()
    }
  })

  it('is tied to the head where the file has that alone', async () => {
    const plain = await loaded(await files(name, (tensors) => tensors))
    const alone = (tensors: TensorToWrite[]) =>
      tensors.map((tensor) => (tensor.name === table ? { ...tensor, name: head } : tensor))
    const { model, logits, warnings, isTied } = await loaded(await files(name, alone))
    expect([isTied, warnings]).toEqual([true, []])
    expect(logits).toEqual(plain.logits)
    for (const one of [model, plain.model]) one.dispose()
  })

  it('is told of as it will be loaded', async () => {
    for (const [factor, tied] of [
      [2, false],
      [1, true],
    ] as const) {
      const report = (await inspectModel(await files(name, withHead(factor)))) as ModelReport
      expect(report.config.tieWordEmbeddings).toBe(tied)
    }
  })

  it('does not take a head of another shape for its own', async () => {
    const short = (tensors: TensorToWrite[], own: TensorToWrite) => {
      const [rows = 0, columns = 0] = own.shape
      const data = (own.data as Float32Array).slice(columns)
      return [...tensors, { ...own, name: head, shape: [rows - 1, columns], data }]
    }
    await expect(loaded(await files(name, short))).rejects.toThrow(
      /does not fit its config: lm_head\.weight is \[\d+,\d+\], not /,
    )
  })
})

it('keeps the other head of a model that is stored in 4 bits', async () => {
  const stored = await tensorsOf(await tinyBytes('qlora/model-bnb-4bit.safetensors'))
  const table = stored.find(({ name }) => name === models.falcon.table)
  if (table === undefined) throw new Error('no table')
  const written = writeSafetensors(withHead(2)(stored, table))
  const source = filesOf({ 'config.json': await tinyBytes('config.json'), 'model.safetensors': written })
  const { model, warnings, isTied } = await loaded(source)
  expect([isTied, warnings.length]).toEqual([false, 1])
  model.dispose()
})
