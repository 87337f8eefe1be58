import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { ggufArchitecture } from '../../../src/io/gguf/gguf-architectures.ts'
import { GgufFields } from '../../../src/io/gguf/gguf-fields.ts'
import { checkpointTensors } from '../../../src/io/gguf/gguf-tensors.ts'
import { valueAndGrad } from '../../../src/autograd/value-and-grad.ts'
import { readGgufHeader } from '../../../src/gguf/header.ts'
import { ggufTensors } from '../../../src/gguf/reader.ts'
import { loadModel } from '../../../src/io/load/load-model.ts'
import { inspectModel } from '../../../src/io/plan/inspect-model.ts'
import { diskFolder } from '../../../src/io/sources/folder.ts'
import type { Source } from '../../../src/io/sources/open-folder.ts'
import { attachLora } from '../../../src/peft/attach.ts'
import { bytesSource } from '../../../src/safetensors/source.ts'
import { StoredMatrix } from '../../../src/tensor/stored-matrix.ts'
import { testEngines } from '../../device/devices.ts'
import { openFixture, readFixture } from '../../fixtures/open-fixture.ts'
import { batchOf, logitsOf } from '../../golden/model-checks.ts'
import { maxDifference } from '../../peft/tiny-falcon.ts'
import { sendRanged } from '../huggingface/fake-hub.ts'
import { fakeHub } from '../huggingface/temporary-hub.ts'
import { filesOf, temporaryFolder } from '../tiny-files.ts'

const devices = await testEngines()
afterAll(() => devices.forEach((device) => device.dispose()))
const fixtures = join(import.meta.dirname, '../../fixtures')
const at = (name: string) => join(fixtures, 'gguf', name)
const bytesOf = async (name: string) => new Uint8Array(await readFixture(`gguf/${name}`))

describe.each(devices)('loadModel of a GGUF file on $description', (device) => {
  const logits = async (source: Source, reference: string, options: object = {}) => {
    const warnings: string[] = []
    const onWarning = (warning: string) => warnings.push(warning)
    const loaded = await loadModel(source, { device, onWarning, ...options })
    const values = await logitsOf(loaded.model, await batchOf(await openFixture(reference), 'input_ids'))
    loaded.model.dispose()
    return { values, warnings, ...loaded }
  }

  it.each(['falcon3', 'llama-tied', 'qwen2', 'qwen3'])(
    '%s in F32 has the bits of the same model in safetensors',
    async (name) => {
      const reference = `tiny-family/${name}/reference.safetensors`
      const { values, warnings } = await logits(at(`${name}-f32.gguf`), reference)
      const other = await logits(join(fixtures, 'tiny-family', name), reference)
      expect(maxDifference(values, await (await openFixture(reference)).readF32('logits'))).toBeLessThan(1e-4)
      expect(values).toEqual(other.values)
      expect(warnings).toEqual([expect.stringMatching(/there is no tokenizer\.json/)])
    },
  )

  it.each([
    ['gemma3', 'gemma3'],
    ['mistral', 'mistral'],
    ['mistral3', 'mistral'],
    ['smollm3', 'smollm3'],
  ])('%s in F32 has the bits of what transformers has of it, %s', async (file, own) => {
    const reference = `gguf/${own}/reference.safetensors`
    const { values } = await logits(at(`${file}-f32.gguf`), reference)
    expect(maxDifference(values, await (await openFixture(reference)).readF32('logits'))).toBeLessThan(1e-4)
    expect(values).toEqual((await logits(at(own), reference)).values)
  })

  it('F16, and in blocks: transformers’ logits of what the gguf package decodes', async () => {
    const half = await logits(at('falcon3-f16.gguf'), 'tiny-family/falcon3/reference.safetensors')
    const wanted = await (await openFixture('tiny-family/falcon3/reference.safetensors')).readF32('logits')
    expect(maxDifference(half.values, wanted)).toBeLessThan(5e-3)
    const reference = 'gguf/blocks-llama/reference.safetensors'
    const { values, storage } = await logits(at('blocks-llama.gguf'), reference, { quantize: false })
    expect(maxDifference(values, await (await openFixture(reference)).readF32('logits'))).toBeLessThan(1e-5)
    expect(values).toEqual((await logits(at('blocks-llama'), reference)).values)
    expect(storage.checkpointBytes).toBeLessThan(storage.bytes / 2)
    expect(storage.error).toBeNull()
  })

  it('keeps projections in their blocks, and trains over them', async () => {
    const reference = 'gguf/blocks-llama/reference.safetensors'
    const batch = await batchOf(await openFixture(reference), 'input_ids')
    const trained = async (quantize?: false) => {
      const { model } = await loadModel(at('blocks-llama.gguf'), { device, ...(quantize === false && { quantize }) })
      const types = [...model.namedWeights()].flatMap(([, w]) => (w instanceof StoredMatrix ? [w.recipe.type] : []))
      const logits = await logitsOf(model, batch)
      const scope = device.memory.open()
      attachLora(model, { targetModules: 'all-linear', r: 2 }, { device, seed: 3 })
      const { grads } = valueAndGrad(model, () => model.loss(batch, batch.inputIds))(null)
      const gradients = await Promise.all([...grads.values()].map((grad) => grad.read()))
      scope.close()
      model.dispose()
      return { types, logits, gradients }
    }
    const kept = await trained()
    const numbers = await trained(false)
    expect([kept.types.sort(), numbers.types]).toEqual([['q4_0', 'q4_1', 'q5_0', 'q5_1', 'q8_0', 'q8_0'], []])
    expect(maxDifference(kept.logits, await (await openFixture(reference)).readF32('logits'))).toBeLessThan(1e-5)
    expect(kept.gradients.length).toBeGreaterThan(10)
    expect(kept.gradients.some((values) => values.some((value) => Math.abs(value) > 1e-3))).toBe(true)
    kept.gradients.forEach((values, i) => {
      expect(maxDifference(values, numbers.gradients[i] ?? [])).toBeLessThan(1e-5)
    })
  })

  it('quantises what is in blocks once more, and says what that loses', async () => {
    const reference = 'gguf/blocks-llama/reference.safetensors'
    const { values, warnings, storage, name } = await logits(at('blocks-llama.gguf'), reference, { quantize: {} })
    expect(values).toEqual((await logits(at('blocks-llama'), reference, { quantize: {} })).values)
    const relative = storage.error?.relative ?? NaN
    expect(relative).toBeGreaterThan(0.05)
    expect(relative).toBeLessThan(0.12)
    expect(warnings.at(-1)).toBe(
      `${name}: 6 projections that the file has in Q8_0, Q4_1, Q5_0, Q4_0, Q5_1 were quantised a second time, which moved ` +
        `them by ${(100 * relative).toFixed(2)}% of their mean magnitude, beside what the file had lost already; leave ` +
        'quantize out to keep its numbers',
    )
  })
})

describe('a GGUF file that names no pre-tokenizer', () => {
  const [device] = devices
  it.each([
    ['qwen2-bf16.gguf', 1],
    ['llama-spm-q8_0.gguf', 0],
  ])('%s is told of %s times', async (name, times) => {
    if (device === undefined) throw new Error('no engine')
    const file = Buffer.from(await readFixture(`gguf-exports/${name}`))
    // Under another key of the same length.
    Buffer.from('tokenizer.ggml.not').copy(file, file.indexOf('tokenizer.ggml.pre'))
    const warnings: string[] = []
    const onWarning = (warning: string) => warnings.push(warning)
    const source = filesOf({ 'm.gguf': new Uint8Array(file) })
    const { model } = await loadModel(source, { device, onWarning })
    model.dispose()
    const told =
      /^m\.gguf: the metadata has no tokenizer\.ggml\.pre, so texts are cut into tokens as llama\.cpp does by default/
    expect(warnings.filter((warning) => told.test(warning))).toHaveLength(times)
    expect(warnings).toHaveLength(times)
  })
})

describe('where a GGUF file may be', () => {
  const [device] = devices
  const name = 'falcon3-f32.gguf'
  const expectLoads = async (source: Source, called: string, hub?: object) => {
    if (device === undefined) throw new Error('no engine')
    const { model, name: its } = await loadModel(source, { device, ...(hub && { hub }) })
    expect(its).toBe(called)
    expect(model.config.numHiddenLayers).toBe(2)
    const { nameOrPath } = model
    model.dispose()
    return nameOrPath
  }

  it('a path, a file: address, a File, files, and an address', async () => {
    expect(await expectLoads(at(name), at(name))).toBe(at(name))
    expect(await expectLoads(pathToFileURL(at(name)), at(name))).toBe(at(name))
    const files = filesOf({ [name]: await bytesOf(name), 'README.md': '' })
    for (const file of files.filter((each) => each.name === name)) await expectLoads(file, name)
    await expectLoads(files, name)
    const body = Buffer.from(await bytesOf(name))
    const server = createServer((request, response) => {
      if (request.url !== `/m/${name}?key=1`) return void response.writeHead(404).end()
      sendRanged(response, body, request.headers.range, { etag: '"1"' })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/m`
    await expectLoads(`${address}/${name}?key=1`, `${address}/${name}`)
  })

  it('the Hub, by name and by the page of the file', async () => {
    const hub = await fakeHub({ [name]: await bytesOf(name), [`q/${name}`]: await bytesOf(name) })
    const settings = async () => {
      return { endpoint: hub.endpoint, cacheFolder: await temporaryFolder(), token: null, offline: false }
    }
    expect(await expectLoads(`lab/tiny/${name}`, `lab/tiny/${name}`, await settings())).toBe(`lab/tiny/${name}`)
    await expectLoads(`lab/tiny/q/${name}@main`, `lab/tiny/q/${name}`, await settings())
    await expectLoads(`${hub.endpoint}/lab/tiny/blob/main/${name}`, `lab/tiny/${name}`, await settings())
    await expectLoads(`${hub.endpoint}/lab/tiny/resolve/main/q/${name}`, `lab/tiny/q/${name}`, await settings())
  })

  it('refuses several, a file of another kind, and a name that leads elsewhere', async () => {
    const bytes = await bytesOf(name)
    await expect(expectLoads(filesOf({ 'a.gguf': bytes, 'b.gguf': bytes }), '')).rejects.toThrow(
      'openFolder: there are several GGUF files, such as a.gguf and b.gguf; give one',
    )
    const [file] = filesOf({ 'model.safetensors': bytes })
    await expect(expectLoads(file as File, '')).rejects.toThrow('model.safetensors is one file, and no .gguf')
    await expect(expectLoads('lab/tiny/../x.gguf', '')).rejects.toMatchObject({ code: 'not-found' })
    await expect(diskFolder(at('.')).open('none.gguf')).rejects.toMatchObject({ code: 'not-found' })
  })

  it('is inspected by its header, with the types of its blocks', async () => {
    const report = await inspectModel(at('blocks-llama.gguf'))
    if (report.kind !== 'model') throw new Error('no model')
    expect(report).toMatchObject({ architecture: 'LlamaForCausalLM', quantization: null, tokenizer: null })
    const tensors = Object.entries(report.files.dtypes).map(([dtype, each]) => [dtype, each.tensors])
    expect(Object.fromEntries(tensors)).toEqual({ F32: 3, F16: 3, Q8_0: 2, Q4_1: 1, Q5_0: 1, Q4_0: 1, Q5_1: 1 })
    expect(report.files.dtypes['Q8_0']?.bytes).toBe(((32 * 32 + 64 * 32) / 32) * 34)
  })
})

describe('checkpointTensors', () => {
  it('puts rows of q and k back, in any part that is asked for, and their blocks too', async () => {
    const source = bytesSource(await bytesOf('blocks-llama.gguf'), 'f')
    const header = await readGgufHeader(source)
    const file = ggufTensors(source, header)
    const tensors = checkpointTensors(file, ggufArchitecture(new GgufFields(header.metadata, 'f')), {
      who: 'f',
      queries: 4,
      keys: 2,
    })
    const expected = await openFixture('gguf/blocks-llama/model.safetensors')
    for (const name of ['model.layers.0.self_attn.q_proj.weight', 'model.layers.0.self_attn.k_proj.weight']) {
      const whole = await expected.readF32(name)
      expect(await tensors.readF32(name)).toEqual(whole)
      for (const [begin, end] of [
        [0, whole.length],
        [33, 34],
        [200, 300],
        [whole.length - 1, whole.length],
      ] as const) {
        expect(await tensors.read(name, { begin, end })).toEqual(whole.subarray(begin, end))
      }
    }
    const [blocks, own] = [
      await tensors.readBytes('model.layers.0.self_attn.q_proj.weight'),
      await file.readBytes('blk.0.attn_q.weight'),
    ]
    expect(blocks).not.toEqual(own)
    // Row 1 of transformers' first head is row 2 of the file's.
    expect(blocks.subarray(34, 68)).toEqual(own.subarray(68, 102))
  })
})
