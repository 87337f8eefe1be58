import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { readGgufHeader } from '../../../../src/gguf/header.ts'
import { ggufTensors } from '../../../../src/gguf/reader.ts'
import { openAdapter, saveAdapter, saveAsLora } from '../../../../src/io/adapter-folder.ts'
import { adapterGguf, convertLoraToGguf, saveAdapterGguf } from '../../../../src/io/gguf/lora/adapter-gguf.ts'
import { loadModel } from '../../../../src/io/load/load-model.ts'
import { attachAdapter, attachLora, type GivenConfig } from '../../../../src/peft/attach.ts'
import { AdaptedLinear } from '../../../../src/peft/layers/adapted-linear.ts'
import { startLora } from '../../../../src/peft/lora/starts/start-lora.ts'
import type { KnownType } from '../../../../src/peft/methods.ts'
import type { TensorReader } from '../../../../src/safetensors/reader.ts'
import { bytesSource } from '../../../../src/safetensors/source.ts'
import { openTestCpu } from '../../../device/cpu-under-test.ts'
import { temporaryFolder } from '../../tiny-files.ts'

const device = await openTestCpu()
afterAll(() => device.dispose())
const fixtures = join(import.meta.dirname, '../../../fixtures')
const judged = join(fixtures, 'gguf-adapters')
const base = (name: string) => join(fixtures, 'tiny-family', name)

async function open(bytes: Uint8Array) {
  const source = bytesSource(bytes)
  const header = await readGgufHeader(source)
  return { metadata: header.metadata, tensors: ggufTensors(source, header) }
}

async function bytesByName(tensors: TensorReader) {
  const entries = tensors.names.map(async (name) => {
    const { dtype, shape } = tensors.info(name)
    return [name, { dtype, shape, bytes: Buffer.from(await tensors.readBytes(name)).toString('hex') }] as const
  })
  return Object.fromEntries(await Promise.all(entries))
}

/** Keys that llama.cpp reads of an adapter. */
const read = [
  'general.architecture',
  'general.type',
  'adapter.type',
  'adapter.lora.alpha',
  'general.quantization_version',
]

async function loaded(name: string) {
  const { model } = await loadModel(base(name), { device })
  return model
}

describe('an adapter as GGUF, beside llama.cpp’s convert_lora_to_gguf.py', () => {
  it.each([
    ['llama', 'falcon3', 'f32'],
    ['llama', 'falcon3', 'f16'],
    ['llama-tables', 'falcon3', 'f32'],
    ['qwen2', 'qwen2', 'f32'],
    ['qwen3', 'qwen3', 'f16'],
    ['mistral', 'mistral', 'f32'],
    ['smollm3', 'smollm3', 'f32'],
    ['gemma3', 'gemma3', 'f32'],
  ] as const)('%s of %s in %s has its tensors, byte for byte', async (name, own, dtype) => {
    const judge = await open(await readFile(join(judged, `${name}-${dtype}.gguf`)))
    const wanted = await bytesByName(judge.tensors)
    const folder = await temporaryFolder()
    const file = join(folder, 'a.gguf')
    const told = await convertLoraToGguf(join(judged, name), file, { base: base(own), dtype })
    const bytes = await readFile(file)
    expect(told).toEqual({ layers: judge.tensors.names.length / 2, bytes: bytes.length })
    const ours = await open(bytes)
    expect(await bytesByName(ours.tensors)).toEqual(wanted)
    expect(ours.tensors.names).toEqual(judge.tensors.names)
    for (const key of read) expect(ours.metadata.get(key), key).toBe(judge.metadata.get(key))
    expect(ours.metadata.get('general.name')).toBe(own)

    const model = await loaded(own)
    const live = await open(await adapterGguf(await openAdapter(model, join(judged, name)), { dtype }))
    expect(await bytesByName(live.tensors)).toEqual(wanted)
    for (const key of read) expect(live.metadata.get(key), key).toBe(judge.metadata.get(key))
    model.dispose()
  })

  it('takes the base that the adapter names', async () => {
    const model = await loaded('qwen3')
    const folder = await temporaryFolder()
    await saveAdapter(attachLora(model, {}, { device }), join(folder, 'a'))
    model.dispose()
    await convertLoraToGguf(join(folder, 'a'), join(folder, 'a.gguf'))
    expect((await open(await readFile(join(folder, 'a.gguf')))).metadata.get('general.name')).toBe('qwen3')
  })
})

describe('how llama.cpp scales it', () => {
  /** alpha over the rank of its own B, times B A. */
  async function scaled(tensors: TensorReader, alpha: number, name: string) {
    const [a, b] = [await tensors.readF32(`${name}.lora_a`), await tensors.readF32(`${name}.lora_b`)]
    const rank = tensors.info(`${name}.lora_b`).shape[1] ?? NaN
    const columns = a.length / rank
    const rows = b.length / rank
    return Array.from({ length: rows * columns }, (_, i) => {
      const [row, column] = [Math.floor(i / columns), i % columns]
      let sum = 0
      for (let k = 0; k < rank; k++) sum += (b[row * rank + k] ?? NaN) * (a[k * columns + column] ?? NaN)
      return (alpha / rank) * sum
    })
  }

  it.each([
    ['rsLoRA', { useRslora: true }],
    ['ranks and alphas of their own', { rankPattern: { v_proj: 4 }, alphaPattern: { '1.self_attn.v_proj': 5 } }],
    ['rsLoRA with both', { useRslora: true, rankPattern: { v_proj: 4 }, alphaPattern: { '1.self_attn.v_proj': 5 } }],
  ])('%s: the update is that of the layer here', async (_name, config) => {
    const model = await loaded('qwen2')
    const adapter = attachLora(
      model,
      { r: 2, loraAlpha: 3, targetModules: ['o_proj', 'v_proj'], initLoraWeights: 'gaussian', ...config },
      { device, seed: 4 },
    )
    for (const [key, tensor] of adapter.namedTrainableParameters()) {
      if (key.includes('lora_B')) tensor.write(Float32Array.from(await tensor.read(), (_, i) => Math.sin(i + 1)))
    }
    const { metadata, tensors } = await open(await adapterGguf(adapter))
    const alpha = Number(metadata.get('adapter.lora.alpha'))
    for (const [path, layer] of adapter.layers) {
      const [, index, letter] = /layers\.(\d)\.self_attn\.([ov])_proj/.exec(path) ?? []
      const theirs = await scaled(tensors, alpha, `blk.${index}.attn_${letter === 'o' ? 'output' : 'v'}.weight`)
      if (!(layer instanceof AdaptedLinear)) throw new Error(`${path} is no linear layer`)
      const scope = device.memory.open()
      const delta = await layer.deltaWeight(adapter.name).read()
      scope.close()
      expect(theirs.length).toBe(delta.length)
      delta.forEach((value, i) => expect(theirs[i]).toBeCloseTo(value, 4))
      expect(Math.max(...delta.map(Math.abs))).toBeGreaterThan(0.1)
    }
    model.dispose()
  })
})

describe('what llama.cpp cannot apply is refused, with the way out', () => {
  it.each<[string, GivenConfig<KnownType>, RegExp]>([
    ['DoRA', { peftType: 'LORA', useDora: true }, /llama\.cpp cannot apply DoRA; .*saveAsLora/],
    ['a bias of B', { peftType: 'LORA', loraBias: true }, /a bias of B; merge the adapter \(mergeAndUnload\)/],
    ['trained biases', { peftType: 'LORA', bias: 'all' }, /biases that were trained; merge/],
    ['whole modules', { peftType: 'LORA', modulesToSave: ['norm'] }, /modules that were trained whole; merge/],
    ['tokens', { peftType: 'LORA', trainableTokenIndices: [1] }, /tokens that were trained; merge/],
    ['another method', { peftType: 'IA3' }, /applies LoRA alone, and this adapter is IA3; .*saveAsLora/],
    ['a shared table', { peftType: 'LORA', targetModules: ['embed_tokens'] }, /shares its table with the head/],
  ])('%s', async (_name, config, message) => {
    const model = await loaded('qwen2')
    const adapter = attachAdapter(model, config, { device })
    await expect(adapterGguf(adapter)).rejects.toThrow(message)
    await expect(adapterGguf(adapter)).rejects.toMatchObject({ code: 'unsupported' })
    model.dispose()
  })

  it('and that way leads there: DoRA as LoRA of a rank', async () => {
    const model = await loaded('falcon3')
    const adapter = attachLora(model, { r: 2, useDora: true, initLoraWeights: false }, { device, seed: 2 })
    const folder = await temporaryFolder()
    await saveAsLora(adapter, join(folder, 'a'), { rank: 4 })
    model.dispose()
    const { layers } = await convertLoraToGguf(join(folder, 'a'), join(folder, 'a.gguf'))
    const { tensors, metadata } = await open(await readFile(join(folder, 'a.gguf')))
    expect([layers, tensors.info('blk.1.attn_q.weight.lora_b').shape[1]]).toEqual([4, 4])
    expect(metadata.get('adapter.lora.alpha')).toBe(4)
  })

  it('another architecture, an adapter that is off its model, one for another base, and wrong options', async () => {
    const falcon = await loaded('falcon-7b')
    await expect(adapterGguf(attachLora(falcon, {}, { device }))).rejects.toThrow(
      'adapterGguf: model_type "falcon" is not written as GGUF; known are gemma3_text, llama, mistral, qwen2, qwen3, smollm3',
    )
    falcon.dispose()
    const model = await loaded('qwen2')
    const adapter = attachLora(model, {}, { device })
    const folder = await temporaryFolder()
    await expect(saveAdapterGguf(adapter, join(folder, 'a.bin'))).rejects.toThrow(
      `saveAdapterGguf: path must end in .gguf, got "${folder}/a.bin"`,
    )
    await expect(adapterGguf(adapter, { dtype: 'q8' } as never)).rejects.toThrow(/dtype must be 'f32' or 'f16'/)
    adapter.detach()
    await expect(adapterGguf(adapter)).rejects.toThrow('adapterGguf: the adapter is no longer on its model')
    model.dispose()
    const wrong = convertLoraToGguf(join(judged, 'llama'), join(folder, 'a.gguf'), { base: base('llama-tied') })
    await expect(wrong).rejects.toThrow(/is it another base\?/)
    expect(await readdir(folder)).toEqual([])
  })

  it('numbers that f16 has not', async () => {
    const model = await loaded('qwen3')
    const adapter = attachLora(model, { targetModules: ['v_proj'] }, { device })
    for (const tensor of adapter.namedTrainableParameters().values()) {
      tensor.write(new Float32Array((await tensor.read()).length).fill(7e4))
    }
    await expect(adapterGguf(adapter, { dtype: 'f16' })).rejects.toThrow(
      'adapterGguf: blk.0.attn_v.weight.lora_a has 70000, for which F16 has no number; write it as F32',
    )
    model.dispose()
  })

  it('a saved adapter that fits only what was left of its base; a live one is made plain', async () => {
    const model = await loaded('qwen2')
    const adapter = await startLora(model, { r: 2, initLoraWeights: 'pissa' }, { device })
    const folder = await temporaryFolder()
    await saveAdapter(adapter, join(folder, 'a'))
    await expect(convertLoraToGguf(join(folder, 'a'), join(folder, 'a.gguf'))).rejects.toThrow(
      /an adapter that began with "pissa" fits what was left of the base; save it as plain LoRA/,
    )
    const { tensors } = await open(await adapterGguf(adapter))
    expect(tensors.info('blk.0.attn_q.weight.lora_b').shape[1]).toBe(4)
    model.dispose()
  })

  it('a saved adapter without a base, and with what is not LoRA’s', async () => {
    const folder = await temporaryFolder()
    const out = join(folder, 'a.gguf')
    const config = JSON.parse(await readFile(join(judged, 'qwen3/adapter_config.json'), 'utf8')) as object
    const copy = async (change: object) => {
      await writeFile(join(folder, 'adapter_config.json'), JSON.stringify({ ...config, ...change }))
      await writeFile(
        join(folder, 'adapter_model.safetensors'),
        await readFile(join(judged, 'qwen3/adapter_model.safetensors')),
      )
    }
    await copy({ base_model_name_or_path: null })
    await expect(convertLoraToGguf(folder, out)).rejects.toThrow(/adapter_config\.json names no base model; pass base/)
    await copy({ invented: 3 })
    const options = { base: base('qwen3') }
    await expect(convertLoraToGguf(folder, out, options)).rejects.toThrow(/the field "invented" is not known/)
    await convertLoraToGguf(folder, out, { ...options, ignoreFields: ['invented'], onWarning: () => {} })
    expect(await readdir(folder)).toContain('a.gguf')
  })
})
