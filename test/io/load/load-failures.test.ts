import { afterAll, describe, expect, it } from 'vitest'
import type { Device } from '../../../src/device/device.ts'
import { fileFolder, type Folder } from '../../../src/io/sources/folder.ts'
import { loadModel } from '../../../src/io/load/load-model.ts'
import type { LoadModelOptions } from '../../../src/io/load/load-options.ts'
import { quantizeFourBit } from '../../../src/formats/four-bit/quantize-four-bit.ts'
import { encodeFloats } from '../../../src/safetensors/float16.ts'
import { writeSafetensors, type TensorToWrite } from '../../../src/safetensors/writer.ts'
import { zeros } from '../../../src/tensor/tensor.ts'
import { openTestCpu } from '../../device/cpu-under-test.ts'
import { changedTiny, filesOf, temporaryFolder, tensorsOf, tinyBytes } from '../tiny-files.ts'

const device: Device = await openTestCpu()
afterAll(() => device.dispose())
// Tables are made once a device, and kept.
device.memory.scoped(() => quantizeFourBit(zeros(device, [1, 64], 'x')))
const [config, weights] = [await tinyBytes('config.json'), await tinyBytes('model.safetensors')]

/** The error of a load that must leave no byte on the device and no source open. */
async function failure(
  source: File[] | Folder | string,
  options: Omit<LoadModelOptions, 'device'> = {},
): Promise<unknown> {
  const before = [device.memory.liveBytes, device.memory.liveBuffers]
  const counted = typeof source === 'string' ? null : countOpen(Array.isArray(source) ? fileFolder(source) : source)
  const error = await loadModel(counted?.folder ?? (source as string), { ...options, device }).then(
    () => 'it was loaded',
    (cause: unknown) => cause,
  )
  expect([device.memory.liveBytes, device.memory.liveBuffers]).toEqual(before)
  expect(counted?.open() ?? 0).toBe(0)
  return error
}

/** The folder, and how many of its files are open. */
function countOpen(folder: Folder): { readonly folder: Folder; readonly open: () => number } {
  let open = 0
  const counting: Folder = {
    ...folder,
    async open(name) {
      const source = await folder.open(name)
      open++
      return {
        ...source,
        async close() {
          await source.close?.()
          open--
        },
      }
    },
  }
  return { folder: counting, open: () => open }
}

const refusal = (code: string, message: string): unknown => expect.objectContaining({ code, message })

describe('loadModel refuses', () => {
  it('a folder without config.json', async () => {
    const path = await temporaryFolder()
    const remedy = 'a model in one GGUF file is named by that file, as in folder/model.gguf'
    expect(await failure(path)).toEqual(refusal('not-found', `fileSource: there is no ${path}/config.json; ${remedy}`))
    expect(await failure(filesOf({ 'model.safetensors': weights }))).toEqual(
      refusal('not-found', `the given files: no config.json; there are model.safetensors; ${remedy}`),
    )
  })

  it.each([
    ['{"model_type": ', 'the given files: config.json: not valid JSON: Unexpected end of JSON input'],
    ['[1]', 'the given files: config.json: must be a JSON object'],
    ['null', 'the given files: config.json: must be a JSON object'],
  ])('the config %s', async (json, message) => {
    const files = filesOf({ 'config.json': json, 'model.safetensors': weights })
    expect(await failure(files)).toEqual(refusal('format', message))
  })

  it('another architecture', async () => {
    const files = filesOf({ 'config.json': '{"model_type":"gpt2"}', 'model.safetensors': weights })
    expect(await failure(files)).toEqual(
      refusal(
        'unsupported',
        'parseModelConfig: config.json has model_type "gpt2"; known are falcon, RefinedWebModel, RefinedWeb, gemma3_text, llama, mistral, qwen2, qwen3, smollm3',
      ),
    )
  })

  it('a folder without weights, and one with a pickle', async () => {
    const none = 'the given files: no model.safetensors and no model.safetensors.index.json'
    expect(await failure(filesOf({ 'config.json': config }))).toEqual(refusal('not-found', none))
    for (const name of ['pytorch_model.bin', 'pytorch_model.bin.index.json']) {
      expect(await failure(filesOf({ 'config.json': config, [name]: 'x' }))).toEqual(
        refusal(
          'not-found',
          `${none}; it has ${name}, a pickle, which can run code when it is read: load it in transformers and save it with ` +
            'model.save_pretrained(folder, safe_serialization=True)',
        ),
      )
    }
  })

  it('a config without a key that is needed', async () => {
    const { hidden_size, ...rest } = JSON.parse(new TextDecoder().decode(config)) as Record<string, unknown>
    expect(hidden_size).toBe(32)
    const files = filesOf({ 'config.json': JSON.stringify(rest), 'model.safetensors': weights })
    expect(await failure(files)).toEqual(
      refusal('config', 'falcon: config.json needs a positive hidden_size or n_embed, got nothing'),
    )
  })

  it('a tokenizer of another model; fewer tokens than the model has are fine', async () => {
    const tokenizer = (count: number) => {
      const vocab = Object.fromEntries(Array.from({ length: count }, (_, id) => [`t${id}`, id]))
      return JSON.stringify({ model: { type: 'WordLevel', vocab, unk_token: 't0' } })
    }
    const withTokenizer = (count: number) =>
      filesOf({ 'config.json': config, 'model.safetensors': weights, 'tokenizer.json': tokenizer(count) })
    expect(await failure(withTokenizer(81))).toEqual(
      refusal(
        'format',
        'the given files: the tokenizer has 17 tokens beyond the model\'s vocabulary of 64: "t64" (id 64), "t65" (id 65), ' +
          '"t66" (id 66), "t67" (id 67), "t68" (id 68), "t69" (id 69) and 11 more; more than 16 are no few, so it is ' +
          "another model's: take the one that the model was trained with",
      ),
    )
    for (const count of [64, 60]) {
      const { model, tokenizer: loaded } = await loadModel(withTokenizer(count), { device })
      expect(loaded?.vocabSize).toBe(count)
      model.dispose()
    }
  })

  it('a shard that is truncated, and an index that puts a tensor where it is not', async () => {
    const tensors = await tensorsOf(weights)
    const [first, second] = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors']
    const shards = [tensors.slice(0, 5), tensors.slice(5)].map((some) => writeSafetensors(some))
    const indexOf = (place: (i: number) => string) =>
      JSON.stringify({ weight_map: Object.fromEntries(tensors.map(({ name }, i) => [name, place(i)])) })
    const files = { 'config.json': config, [first]: shards[0]!, [second]: shards[1]! }
    const index = indexOf((i) => (i < 5 ? first : second))
    const cut = { ...files, 'model.safetensors.index.json': index, [second]: shards[1]!.slice(0, -1) }
    expect(await failure(filesOf(cut))).toMatchObject({
      code: 'format',
      message: expect.stringMatching(
        /^model-00002-of-00002\.safetensors: tensors take \d+ bytes, the file has \d+ after its header; is it truncated\?$/,
      ) as string,
    })
    const wrong = { ...files, 'model.safetensors.index.json': indexOf((i) => (i < 6 ? first : second)) }
    expect(await failure(filesOf(wrong))).toEqual(
      refusal(
        'format',
        `openShardedSafetensors: the index puts tensor "${tensors[5]?.name}" in ${first}, which does not have it`,
      ),
    )
  })

  it('weights that are no floating point', async () => {
    const name = 'transformer.h.1.self_attention.dense.bias'
    const files = await changedTiny((tensors) =>
      tensors.map((tensor) => (tensor.name === name ? { ...tensor, dtype: 'I32', data: new Int32Array(32) } : tensor)),
    )
    expect(await failure(files)).toEqual(
      refusal(
        'format',
        `the given files: the checkpoint does not fit its config: ${name} is I32, a weight is F32, F16 or BF16`,
      ),
    )
  })

  it.each(['F32', 'F16', 'BF16'] as const)(
    'NaN and infinity among weights of %s, wherever they are to go',
    async (dtype) => {
      const matrix = 'transformer.h.1.mlp.dense_h_to_4h.weight'
      for (const [name, at, value] of [
        [matrix, 2047, NaN],
        [matrix, 0, -Infinity],
        ['transformer.ln_f.bias', 3, Infinity],
      ] as const) {
        const files = await changedTiny((tensors) =>
          tensors.map(({ data, ...tensor }) => {
            const values = Float32Array.from(data as Float32Array, (x, i) =>
              tensor.name === name && i === at ? value : x,
            )
            return { ...tensor, dtype, data: encodeFloats(values, dtype) }
          }),
        )
        const message = `${name}: element ${at} of the checkpoint is NaN or infinite; the file is damaged, or its training diverged`
        for (const options of [{}, { quantize: {} }, { quantize: { type: 'int8' } }, { dtype: 'f16' }] as const) {
          expect(await failure(files, options)).toEqual(refusal('numeric', message))
        }
      }
    },
  )

  it('a file that is truncated, or none', async () => {
    const data = weights.length - 8 - Number(new DataView(weights.buffer).getBigUint64(0, true))
    const cut = filesOf({ 'config.json': config, 'model.safetensors': weights.slice(0, -100) })
    expect(await failure(cut)).toEqual(
      refusal(
        'format',
        `model.safetensors: tensors take ${data} bytes, the file has ${data - 100} after its header; is it truncated?`,
      ),
    )
    expect(await failure(filesOf({ 'config.json': config, 'model.safetensors': 'short' }))).toEqual(
      refusal('format', 'model.safetensors: a safetensors file has at least 8 bytes, this one has 5'),
    )
  })

  it('a checkpoint that does not fit, with one list of all that is wrong', async () => {
    const files = await changedTiny((tensors) =>
      tensors
        .filter(({ name }) => name !== 'transformer.ln_f.bias')
        .map((tensor) => {
          if (tensor.name === 'transformer.h.1.mlp.dense_h_to_4h.weight') return { ...tensor, shape: [32, 64] }
          return tensor.name === 'transformer.h.0.self_attention.dense.bias'
            ? { ...tensor, name: 'extra.bias' }
            : tensor
        }),
    )
    expect(await failure(files)).toEqual(
      refusal(
        'format',
        'the given files: the checkpoint does not fit its config: transformer.h.0.self_attention.dense.bias is missing, ' +
          'transformer.ln_f.bias is missing, extra.bias is not expected, ' +
          'transformer.h.1.mlp.dense_h_to_4h.weight is [32,64], not [64,32]',
      ),
    )
  })

  it('a checkpoint of something else, in a list that ends', async () => {
    const files = filesOf({ 'config.json': config, 'model.safetensors': writeSafetensors([]) })
    const error = await failure(files)
    expect(error).toMatchObject({
      code: 'format',
      message: expect.stringMatching(/ is missing, and 15 more$/) as string,
    })
    expect(String(error).split(' is missing')).toHaveLength(13)
  })

  it('shards of which one is gone', async () => {
    const map = { 'transformer.ln_f.bias': 'model-00001-of-00001.safetensors' }
    const files = filesOf({
      'config.json': config,
      'model.safetensors.index.json': JSON.stringify({ weight_map: map }),
    })
    expect(await failure(files)).toMatchObject({
      code: 'not-found',
      message:
        'openShardedSafetensors: the index names model-00001-of-00001.safetensors, which cannot be opened: the given files: ' +
        'no model-00001-of-00001.safetensors; there are config.json, model.safetensors.index.json',
    })
  })

  it('numbers beyond f16, where that is asked for', async () => {
    const name = 'transformer.h.1.mlp.dense_h_to_4h.weight'
    const large = await changedTiny((tensors) =>
      tensors.map((tensor) =>
        tensor.name === name
          ? { ...tensor, data: (tensor.data as Float32Array).map((x, i) => (i === 9 ? 7e4 : x)) }
          : tensor,
      ),
    )
    expect(await failure(large, { dtype: 'f16' })).toEqual(
      refusal('numeric', `${name}: element 9 is not finite in f16, whose largest number is 65504; store it in f32`),
    )
    expect(await failure(large, { quantize: { type: 'int8' } })).toMatchObject({ code: 'numeric' })
  })

  it('int8 weights without their scales, or in another order', async () => {
    const name = 'transformer.h.0.self_attention.dense.weight'
    const beside = (key: string) => name.replace('weight', key)
    const scales = { name: beside('SCB'), dtype: 'F32', shape: [32], data: new Float32Array(32) } as const
    const stored = (...more: TensorToWrite[]) =>
      changedTiny((tensors) => [
        ...tensors.map((tensor) =>
          tensor.name === name ? { ...tensor, dtype: 'I8' as const, data: new Int8Array(1024) } : tensor,
        ),
        ...more,
      ])
    expect(await failure(await stored())).toEqual(
      refusal('format', `${name}: its numbers are I8, and ${scales.name} is missing`),
    )
    expect(await failure(await stored({ ...scales, shape: [3], data: new Float32Array(3) }))).toEqual(
      refusal('format', `${name}: 3 scales do not fit [32,32]`),
    )
    const spoilt = { ...scales, data: new Float32Array(32).fill(NaN, 7, 8) }
    expect(await failure(await stored(spoilt))).toEqual(
      refusal('numeric', `${scales.name}: scale 7 of the checkpoint is NaN or infinite; the file is damaged`),
    )
    const order = { name: beside('weight_format'), dtype: 'U8', shape: [], data: Uint8Array.of(2) } as const
    expect(await failure(await stored(scales, order))).toEqual(
      refusal('unsupported', `${name}: its weight_format is 2; known is 0, rows`),
    )
  })

  it('a quantisation there is not', async () => {
    const files = filesOf({ 'config.json': config, 'model.safetensors': weights })
    expect(await failure(files, { quantize: { blockSize: 48 } })).toEqual(
      refusal('config', 'quantize: blockSize must be one of 32, 64, 128, 256, 512, 1024, 2048, 4096, got 48'),
    )
  })
})

describe('loadModel frees what it had loaded', () => {
  const files = filesOf({ 'config.json': config, 'model.safetensors': weights })

  it.each([false, {}] as const)('when a read fails on the way, quantize %j', async (quantize) => {
    const folder = fileFolder(files)
    let reads = 0
    const failing: Folder = {
      ...folder,
      async open(name) {
        const source = await folder.open(name)
        return {
          ...source,
          read(begin, end) {
            if (name === 'model.safetensors' && ++reads > 15) throw new Error('the disk is gone')
            return source.read(begin, end)
          },
        }
      },
    }
    expect(await failure(failing, { quantize })).toMatchObject({ message: 'the disk is gone' })
    expect(reads).toBe(16)
  })

  it('when the caller throws', async () => {
    const onProgress = () => {
      throw new Error('cancelled')
    }
    expect(await failure(files, { onProgress })).toMatchObject({ message: 'cancelled' })
  })

  it('when a weight that cannot be is stored in 4 bits', async () => {
    const stored = await tensorsOf(await tinyBytes('qlora/model-bnb-4bit.safetensors'))
    const [dense, table] = ['transformer.h.0.mlp.dense_h_to_4h.weight', 'transformer.word_embeddings.weight']
    const renamed = stored.flatMap((tensor) => {
      if (tensor.name === table) return []
      return tensor.name.startsWith(dense) ? [tensor, { ...tensor, name: tensor.name.replace(dense, table) }] : [tensor]
    })
    const quantised = filesOf({ 'config.json': config, 'model.safetensors': writeSafetensors(renamed) })
    expect(await failure(quantised)).toEqual(refusal('unsupported', `falcon: ${table} cannot be quantised`))
  })

  it.each([
    ['.absmax', 31, '1024 bytes of codes and 31 of absmax do not fit [64,32] in blocks of 64'],
    ['.nested_absmax', 2, '2 nested absmax do not fit 32 blocks'],
  ])('when bitsandbytes’ parts do not fit: weight%s of %i', async (part, length, message) => {
    const dense = 'transformer.h.0.mlp.dense_h_to_4h.weight'
    const stored = await tensorsOf(await tinyBytes('qlora/model-bnb-4bit.safetensors'))
    const resized = stored.map((tensor) => {
      if (tensor.name !== dense + part) return tensor
      const data = tensor.data instanceof Float32Array ? new Float32Array(length) : new Uint8Array(length)
      return { ...tensor, shape: [length], data }
    })
    const quantised = filesOf({ 'config.json': config, 'model.safetensors': writeSafetensors(resized) })
    expect(await failure(quantised)).toEqual(refusal('format', `${dense}: ${message}`))
  })

  it('when bitsandbytes’ parts are of another kind than their state says', async () => {
    const dense = 'transformer.h.0.mlp.dense_h_to_4h.weight'
    const key = `${dense}.quant_state.bitsandbytes__nf4`
    const stored = await tensorsOf(await tinyBytes('qlora/model-bnb-4bit.safetensors'))
    const state = stored.find(({ name }) => name === key)?.data
    const text = new TextDecoder().decode(state)
    const withState = (json: string) => {
      const data = new TextEncoder().encode(json)
      const changed = stored.map((tensor) => (tensor.name === key ? { ...tensor, data, shape: [data.length] } : tensor))
      return filesOf({ 'config.json': config, 'model.safetensors': writeSafetensors(changed) })
    }
    const single = text.replace(/, "nested_blocksize.*(?=})/, '')
    for (const [json, says] of [
      [single, 'nf4 with single scales'],
      [text.replace('"nf4"', '"fp4"'), 'fp4 with double-quantised scales'],
    ] as const) {
      expect(await failure(withState(json))).toEqual(
        refusal('format', `${key}: it says ${says}, which is not what stands beside it`),
      )
    }
    expect(await failure(withState(' '.repeat(70_000)))).toEqual(
      refusal('format', `${key}: 70000 bytes; a state of bitsandbytes has at most 65536`),
    )
    const floats = stored.map((tensor) =>
      tensor.name === `${dense}.absmax` ? { ...tensor, dtype: 'F32' as const, data: new Float32Array(32) } : tensor,
    )
    expect(await failure(filesOf({ 'config.json': config, 'model.safetensors': writeSafetensors(floats) }))).toEqual(
      refusal('format', `${dense}.absmax: its numbers are F32, those of double-quantised scales are not`),
    )
  })

  it('when 4-bit codes do not fit, before anything is read', async () => {
    const dense = 'transformer.h.0.mlp.dense_h_to_4h.weight'
    const stored = await tensorsOf(await tinyBytes('qlora/model-bnb-4bit.safetensors'))
    const cut = stored.map((tensor) =>
      tensor.name === dense ? { ...tensor, shape: [1023, 1], data: new Uint8Array(1023) } : tensor,
    )
    const quantised = filesOf({ 'config.json': config, 'model.safetensors': writeSafetensors(cut) })
    const problem = `${dense} is 1023 bytes in 4 bits, [64,32] takes 1024`
    expect(await failure(quantised)).toEqual(
      refusal('format', `the given files: the checkpoint does not fit its config: ${problem}`),
    )
  })
})
