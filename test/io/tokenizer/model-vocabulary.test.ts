import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { JsonObject } from '../../../src/core/json.ts'
import { applyChatTemplate } from '../../../src/data/chat/apply-chat-template.ts'
import { preparePreferences } from '../../../src/data/preference/prepare-preferences.ts'
import { prepareExamples } from '../../../src/data/prepare-examples.ts'
import { promptCompletionExample } from '../../../src/data/prompt-completion.ts'
import { evaluateLoss } from '../../../src/evaluate/loss.ts'
import { completeText } from '../../../src/generate/generate-text.ts'
import { readGgufHeader } from '../../../src/gguf/header.ts'
import type { GgufValue } from '../../../src/gguf/metadata.ts'
import { ggufTensors } from '../../../src/gguf/reader.ts'
import type { GgufTypeName } from '../../../src/gguf/types.ts'
import { encodeGgufHeader, type GgufEntry, streamGguf } from '../../../src/gguf/writer.ts'
import { bytesOfGguf } from '../../../src/io/gguf/write-gguf.ts'
import { loadModel, type LoadedModel } from '../../../src/io/load/load-model.ts'
import type { Source } from '../../../src/io/sources/open-folder.ts'
import { tokenizerOfModel } from '../../../src/io/tokenizer/model-vocabulary.ts'
import { tokenizerFromJson } from '../../../src/io/tokenizer/tokenizer.ts'
import { writeFolder } from '../../../src/io/sources/folder.ts'
import { bytesSource } from '../../../src/safetensors/source.ts'
import { train } from '../../../src/trainer/train.ts'
import { openTestCpu } from '../../device/cpu-under-test.ts'
import { fakeHub } from '../huggingface/temporary-hub.ts'
import { filesOf, temporaryFolder } from '../tiny-files.ts'

const device = await openTestCpu()
afterAll(() => device.dispose())
const exported = join(import.meta.dirname, '../../fixtures/gguf-exports')

/** The fixture has 274 embeddings; of a text a merge makes `zz`, and `[PAD]` was added. */
const [size, learned, padding] = [274, { id: 274, token: 'zz' }, { id: 275, token: '[PAD]' }]
const added = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }

async function folderFiles(config: JsonObject = { pad_token: padding.token }) {
  const read = (name: string) => readFile(join(exported, 'llama', name))
  const json = async (name: string) => JSON.parse(await readFile(join(exported, 'llama', name), 'utf8')) as JsonObject
  const tokenizer = await json('tokenizer.json')
  const model = tokenizer['model'] as { readonly vocab: JsonObject; readonly merges: readonly unknown[] }
  const more = {
    model: { ...model, vocab: { ...model.vocab, [learned.token]: learned.id }, merges: [...model.merges, ['z', 'z']] },
    added_tokens: [
      ...(tokenizer['added_tokens'] as readonly JsonObject[]),
      { ...added, id: padding.id, content: padding.token },
    ],
  }
  return {
    'config.json': new Uint8Array(await read('config.json')),
    'generation_config.json': new Uint8Array(await read('generation_config.json')),
    'model.safetensors': new Uint8Array(await read('model.safetensors')),
    'tokenizer.json': JSON.stringify({ ...tokenizer, ...more }),
    'tokenizer_config.json': JSON.stringify({ ...(await json('tokenizer_config.json')), ...config }),
  }
}

/** The same model as GGUF, its list of tokens longer than its table. */
async function ggufBytes(): Promise<Uint8Array> {
  const source = bytesSource(new Uint8Array(await readFile(join(exported, 'llama-f16.gguf'))))
  const header = await readGgufHeader(source)
  const reader = ggufTensors(source, header)
  const key = (name: string) => `tokenizer.ggml.${name}`
  const longer: Readonly<Record<string, readonly (string | number)[]>> = {
    [key('tokens')]: [learned.token, padding.token],
    [key('token_type')]: [1, 3],
    [key('merges')]: ['z z'],
  }
  const entries = [...header.metadata].map(([name, value]): GgufEntry => {
    const whole = Array.isArray(value) ? [...(value as readonly GgufValue[]), ...(longer[name] ?? [])] : value
    const changed = name === key('padding_token_id') ? padding.id : whole
    const one: unknown = Array.isArray(changed) ? changed[0] : changed
    const isWhole = Number.isInteger(one)
    const type = typeof one === 'string' ? 'string' : typeof one === 'boolean' ? 'bool' : isWhole ? 'int32' : 'float32'
    return { key: name, type, value: changed as GgufValue }
  })
  const tensors = [...header.tensors].map(([name, { type, shape }]) => {
    return { name, type: type.name as GgufTypeName, shape }
  })
  const encoded = encodeGgufHeader(entries, tensors)
  const bytes = (name: string) => {
    const { begin, end } = reader.info(name)
    return source.read(header.dataBegin + begin, header.dataBegin + end)
  }
  return bytesOfGguf({ byteLength: encoded.fileBytes, pieces: () => streamGguf(encoded, bytes) })
}

interface Opened extends LoadedModel {
  readonly warnings: readonly string[]
}

async function open(source: Source, hub: object = {}): Promise<Opened> {
  const warnings: string[] = []
  return { ...(await loadModel(source, { device, ...hub, onWarning: (one) => warnings.push(one) })), warnings }
}

const sources: Readonly<Record<string, () => Promise<Opened>>> = {
  files: async () => open(filesOf(await folderFiles())),
  'a directory': async () => {
    const path = await temporaryFolder()
    await writeFolder(path, new Map(Object.entries(await folderFiles())))
    return open(path)
  },
  'a GGUF file': async () => open(filesOf({ 'm.gguf': await ggufBytes() })),
  'the Hub': async () => {
    const { endpoint } = await fakeHub(await folderFiles())
    return open('lab/tiny', { hub: { endpoint, token: null, offline: false, cacheFolder: await temporaryFolder() } })
  },
  'a GGUF file of the Hub': async () => {
    const { endpoint } = await fakeHub({ 'm.gguf': await ggufBytes() })
    const hub = { endpoint, token: null, offline: false, cacheFolder: await temporaryFolder() }
    return open('lab/tiny/m.gguf', { hub })
  },
}

const refusal = ({ id, token }: typeof learned, text: string): unknown =>
  expect.objectContaining({
    code: 'config',
    message:
      `tokenizer: the text ${JSON.stringify(text)} uses the token "${token}" (id ${id}), for which the model, with a vocabulary ` +
      `of ${size}, has no embedding; leave it out of the text, or give the model one in transformers with resize_token_embeddings`,
  })

describe('tokens beyond the vocabulary of a model', () => {
  it.each(Object.keys(sources))('of %s are told, and a text that uses one is refused', async (name) => {
    const { model, tokenizer, warnings } = (await sources[name]?.()) as Opened & { tokenizer: object }
    expect(warnings).toEqual([
      expect.stringMatching(
        /: the tokenizer has 2 tokens beyond the model's vocabulary of 274: "\[PAD\]" \(id 275, pad_token\), "zz" \(id 274\); the model has no embedding for such a token, and texts that use one are refused$/,
      ),
    ])
    expect(tokenizer.vocabSize).toBe(276)
    expect(await completeText(model, tokenizer, 'the patient', { maxNewTokens: 2 })).toEqual(expect.any(String))
    await expect(completeText(model, tokenizer, 'a[PAD]')).rejects.toEqual(refusal(padding, 'a[PAD]'))
    expect(() => tokenizer.encode('jazz')).toThrow(refusal(learned, 'jazz'))
    expect(tokenizer.encode('[PAD]', { splitSpecialTokens: true }).every((id) => id < size)).toBe(true)
    expect(tokenizer.decode([padding.id, learned.id], { skipSpecialTokens: false })).toBe('[PAD]zz')
    model.dispose()
  })

  it('are refused in conversations, rows, preferences and what is measured', async () => {
    const { model, tokenizer } = (await sources['files']?.()) as Opened & { tokenizer: object }
    const messages = (content: string) => [{ role: 'user', content }]
    const text = await applyChatTemplate(tokenizer, messages('a[PAD]'))
    await expect(completeText(model, tokenizer, text)).rejects.toEqual(refusal(padding, text))
    for (const good of [{ messages: messages('the') }, { prompt: 'a', completion: ' b' }, { text: 'the' }]) {
      expect((await prepareExamples(tokenizer, [good])).examples).toHaveLength(1)
    }
    for (const bad of [{ messages: messages('zz') }, { prompt: 'zz', completion: ' b' }, { text: '[PAD]' }]) {
      await expect(prepareExamples(tokenizer, [bad])).rejects.toMatchObject({
        message: expect.stringMatching(/uses the token "(zz|\[PAD\])" \(id 27[45]\)/) as string,
      })
    }
    const rows = [{ text: 'the patient' }]
    const options = { tokenizer, maxSteps: 1, peftConfig: { peftType: 'LORA' }, evalDataset: [{ text: 'zz' }] } as const
    await expect(train(model, rows, options)).rejects.toEqual(refusal(learned, 'zz<|im_end|>'))
    const pair = { prompt: 'a', chosen: ' b', rejected: ' zz' }
    await expect(preparePreferences(tokenizer, [pair])).rejects.toEqual(refusal(learned, 'a zz<|im_end|>'))
    // Ids that a tokenizer which knows of no model made.
    const examples = [{ inputIds: [1, padding.id], labels: [-100, 3] }] as never
    await expect(evaluateLoss(model, examples)).rejects.toThrow(
      "inputIds[1] must be a whole number from 0 to 273, below the model's vocabSize, got 275; is this the model's tokenizer?",
    )
    model.dispose()
  })

  it('that end texts are told as such: nothing ends by them, and no text is learned with them', async () => {
    const files = await folderFiles({ eos_token: padding.token })
    const { model, tokenizer, warnings } = (await open(filesOf(files))) as Opened & { tokenizer: object }
    expect(warnings).toEqual([
      expect.stringContaining('"[PAD]" (id 275, eos_token), "zz" (id 274); the model has no embedding'),
    ])
    expect(warnings[0]).toMatch(
      /refused; the end of texts is among them: the model never says it, and cannot learn to$/,
    )
    expect(tokenizer.eosTokenId).toBe(padding.id)
    expect(await completeText(model, tokenizer, 'the', { maxNewTokens: 2 })).toEqual(expect.any(String))
    const pair = { prompt: 'a', completion: ' b' }
    expect(() => promptCompletionExample(tokenizer, pair)).toThrow(refusal(padding, 'a b[PAD]'))
    await expect(prepareExamples(tokenizer, [{ text: 'the' }])).rejects.toEqual(refusal(padding, 'the[PAD]'))
    // A conversation ends by what its template writes.
    const messages = [{ role: 'user', content: 'the' }]
    expect((await prepareExamples(tokenizer, [{ messages }])).examples).toHaveLength(1)
    model.dispose()
  })

  const words = (count: number) => {
    const vocab = Object.fromEntries(Array.from({ length: count }, (_, id) => [`t${id}`, id]))
    return tokenizerFromJson({ model: { type: 'WordLevel', vocab, unk_token: 't0' } })
  }

  it.each([
    [300, 16],
    [1699, 16],
    [5000, 50],
  ])('are another model’s where, of %s, more than %s are beyond', (vocabSize, most) => {
    const warnings: string[] = []
    const opened = (count: number) => tokenizerOfModel(words(count), vocabSize, 'here', (one) => warnings.push(one))
    expect(opened(vocabSize).encode('t1')).toEqual([1])
    expect(warnings).toEqual([])
    expect(opened(vocabSize + most).vocabSize).toBe(vocabSize + most)
    expect(warnings).toEqual([
      expect.stringMatching(
        new RegExp(`^here: the tokenizer has ${most} tokens .*and ${most - 6} more; the model has no`),
      ),
    ])
    expect(() => opened(vocabSize + most + 1)).toThrow(
      expect.objectContaining({
        code: 'format',
        message: expect.stringMatching(
          new RegExp(
            `^here: the tokenizer has ${most + 1} tokens beyond the model's vocabulary of ${vocabSize}: "t${vocabSize}" \\(id ${vocabSize}\\), .* ` +
              `and ${most - 5} more; more than ${most} are no few, so it is another model's: take the one that the model was trained with$`,
          ),
        ) as string,
      }) as Error,
    )
  })
})
