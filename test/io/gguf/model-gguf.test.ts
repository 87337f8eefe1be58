import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { generateText } from '../../../src/generate/generate-text.ts'
import { readGgufHeader } from '../../../src/gguf/header.ts'
import type { GgufValue } from '../../../src/gguf/metadata.ts'
import { ggufTensors } from '../../../src/gguf/reader.ts'
import { convertModelToGguf, modelGguf, saveModelGguf } from '../../../src/io/gguf/model-gguf.ts'
import { loadModel } from '../../../src/io/load/load-model.ts'
import type { Source } from '../../../src/io/sources/open-folder.ts'
import { attachLora } from '../../../src/peft/attach.ts'
import { mergeAndUnload } from '../../../src/peft/merge/merge-adapter.ts'
import { bytesSource } from '../../../src/safetensors/source.ts'
import { testEngines } from '../../device/devices.ts'
import { logitsOf } from '../../golden/model-checks.ts'
import { maxDifference } from '../../peft/tiny-falcon.ts'
import { filesOf, temporaryFolder } from '../tiny-files.ts'

const devices = await testEngines()
afterAll(() => devices.forEach((device) => device.dispose()))
const fixtures = join(import.meta.dirname, '../../fixtures')
const at = (name: string) => join(fixtures, 'gguf-exports', name)
const families = ['llama', 'llama-spm', 'mistral', 'qwen2', 'qwen3', 'gemma3', 'smollm3']
const texts = [
  'the patient and the doctor',
  ' a  b\n\n\tc 2024',
  '<|im_start|>user\nHi<|im_end|> naïve 日本語',
  '<think>',
  '',
]

async function open(bytes: Uint8Array) {
  const source = bytesSource(bytes)
  const header = await readGgufHeader(source)
  return { header, tensors: ggufTensors(source, header) }
}

const fileOf = (bytes: Uint8Array): Source => filesOf({ 'm.gguf': bytes })

/** What the converter leaves unsaid, and what it makes up: a title of the folder's name. */
function withoutDifferences(metadata: ReadonlyMap<string, GgufValue>): Record<string, GgufValue> {
  const ours = ['general.name', 'tokenizer.ggml.add_bos_token', 'tokenizer.ggml.add_eos_token']
  const widths = ['attention.key_length', 'attention.value_length']
  const left = [...metadata].filter(([key]) => {
    return !ours.includes(key) && !widths.some((width) => key === `qwen2.${width}` || key === `smollm3.${width}`)
  })
  return Object.fromEntries(left)
}

describe('a whole model as GGUF, beside llama.cpp’s convert_hf_to_gguf.py', () => {
  it.each([
    ['llama', 'f16'],
    ['llama', 'q8_0'],
    ['llama-spm', 'q8_0'],
    ['mistral', 'q8_0'],
    ['qwen2', 'bf16'],
    ['qwen3', 'q8_0'],
    ['gemma3', 'f32'],
    ['smollm3', 'q8_0'],
  ] as const)('%s in %s has its tensors to the byte, and its keys', async (name, type) => {
    const folder = await temporaryFolder()
    const path = join(folder, 'm.gguf')
    const warnings: string[] = []
    const onWarning = (warning: string) => warnings.push(warning)
    const told: string[] = []
    const onProgress = ({ tensor, file, done, total }: { tensor: string; file: string; done: number; total: number }) =>
      told.push(`${file} ${tensor} ${done}/${total}`)
    const saved = await convertModelToGguf(at(name), path, { type, onWarning, onProgress })
    expect(await readdir(folder)).toEqual(['m.gguf'])
    const bytes = new Uint8Array(await readFile(path))
    const ours = await open(bytes)
    const judged = await open(new Uint8Array(await readFile(at(`${name}-${type}.gguf`))))
    expect(withoutDifferences(ours.header.metadata)).toEqual(withoutDifferences(judged.header.metadata))
    expect(ours.header.metadata.get('general.name')).toBe(name)
    expect([...ours.tensors.names].sort()).toEqual([...judged.tensors.names].sort())
    for (const tensor of judged.tensors.names) {
      const { shape, storedAs, dtype } = judged.tensors.info(tensor)
      expect(ours.tensors.info(tensor)).toMatchObject({ shape, dtype, ...(storedAs && { storedAs }) })
      expect(await ours.tensors.readBytes(tensor), tensor).toEqual(await judged.tensors.readBytes(tensor))
    }
    expect(saved).toEqual({ tensors: judged.tensors.names.length, bytes: bytes.length })
    expect(warnings).toEqual([])
    expect(told.length).toBe(saved.tensors)
    expect(told.at(-1)).toMatch(new RegExp(`^m\\.gguf .* ${saved.tensors}/${saved.tensors}$`))
  })

  it('blocks of Q8_0 that were read are written as they were', async () => {
    const path = join(await temporaryFolder(), 'again.gguf')
    await convertModelToGguf(at('mistral-q8_0.gguf'), path, { type: 'q8_0', name: 'Mistral' })
    const [again, first] = [await readFile(path), await readFile(at('mistral-q8_0.gguf'))]
    const [ours, judged] = [await open(new Uint8Array(again)), await open(new Uint8Array(first))]
    for (const name of judged.tensors.names) {
      expect(await ours.tensors.readBytes(name), name).toEqual(await judged.tensors.readBytes(name))
    }
    expect(ours.header.metadata.get('general.name')).toBe('Mistral')
  })
})

/** Root of the mean square of what differs, as a share of the values'. */
function relative(values: Float32Array, wanted: Float32Array): number {
  const squares = (of: (i: number) => number) => wanted.reduce((sum, _, i) => sum + of(i) ** 2, 0)
  return Math.sqrt(squares((i) => (values[i] ?? NaN) - (wanted[i] ?? NaN)) / squares((i) => wanted[i] ?? NaN))
}

describe.each(devices)('a model that is written as GGUF and read again on $description', (device) => {
  const load = async (source: Source) => {
    const { model, tokenizer } = await loadModel(source, { device })
    if (tokenizer === null) throw new Error('no tokenizer')
    return { model, tokenizer }
  }
  const batch = { inputIds: Int32Array.from({ length: 24 }, (_, i) => 5 + 11 * i), shape: [2, 12] as [number, number] }

  it.each(families)('%s: F32 has the same logits to the bit, the same ids and the same greedy text', async (name) => {
    const own = await load(at(name))
    const file = await modelGguf(own.model, { type: 'f32' })
    const back = await load(fileOf(file))
    expect(await logitsOf(back.model, batch)).toEqual(await logitsOf(own.model, batch))
    const { chatTemplate, specialTokens, eosTokenId } = own.tokenizer
    expect(back.tokenizer).toMatchObject({ chatTemplate, specialTokens, eosTokenId })
    for (const text of texts) {
      const ids = own.tokenizer.encode(text)
      expect(back.tokenizer.encode(text), text).toEqual(ids)
      expect(back.tokenizer.decode(ids)).toBe(own.tokenizer.decode(ids))
    }
    const said = await Promise.all(
      [own, back].map(async ({ model, tokenizer }) => {
        const pieces: string[] = []
        const options = { doSample: false, maxNewTokens: 8 }
        for (const prompt of ['the patient', 'In 2024', 'an']) {
          for await (const piece of generateText(model, tokenizer, prompt, options)) pieces.push(piece)
        }
        return pieces
      }),
    )
    expect(said[0]?.length).toBeGreaterThan(0)
    expect(said[1]).toEqual(said[0])
    own.model.dispose()
    back.model.dispose()
  })

  it('the model and its folder make the same bytes, and an adapter is merged or refused', async () => {
    const folder = await temporaryFolder()
    const own = await load(at('qwen3'))
    await convertModelToGguf(at('qwen3'), join(folder, 'a.gguf'), { type: 'q8_0' })
    await saveModelGguf(own.model, join(folder, 'b.gguf'), { type: 'q8_0' })
    const [a, b] = await Promise.all(['a.gguf', 'b.gguf'].map((name) => readFile(join(folder, name))))
    expect(b).toEqual(a)
    const adapter = attachLora(own.model, { r: 2, targetModules: 'all-linear' }, { device, seed: 3 })
    for (const [name, tensor] of adapter.namedTrainableParameters()) {
      if (name.includes('lora_B')) tensor.write((await tensor.read()).map((_, i) => Math.sin(i) / 4))
    }
    await expect(modelGguf(own.model)).rejects.toThrow(/has an adapter; \{ merge: true \} writes it as part/)
    const adapted = await logitsOf(own.model, batch)
    const back = await load(fileOf(await modelGguf(own.model, { merge: true, type: 'f32' })))
    const merged = await logitsOf(back.model, batch)
    expect(maxDifference(merged, adapted)).toBeLessThan(1e-4)
    expect(await logitsOf(own.model, batch)).toEqual(adapted)
    await mergeAndUnload(own.model)
    expect(maxDifference(await logitsOf(own.model, batch), merged)).toBeLessThan(1e-4)
    own.model.dispose()
    back.model.dispose()
  })

  it('a base in NF4 is written as the numbers it stands for, with the adapter in them', async () => {
    const { model } = await loadModel(at('mistral'), { device, quantize: {} })
    const adapter = attachLora(model, { r: 2 }, { device, seed: 3 })
    for (const [name, tensor] of adapter.namedTrainableParameters()) {
      if (name.includes('lora_B')) tensor.write((await tensor.read()).map((_, i) => Math.sin(i) / 4))
    }
    const adapted = await logitsOf(model, batch)
    const errors: number[] = []
    for (const type of ['f32', 'f16', 'q8_0'] as const) {
      const back = await load(fileOf(await modelGguf(model, { merge: true, type })))
      errors.push(relative(await logitsOf(back.model, batch), adapted))
      back.model.dispose()
    }
    const [exact = 1, half = 1, blocks = 1] = errors
    expect(exact).toBeLessThan(1e-6)
    // f16 moves a weight by 2e-4 of itself, Q8_0 by 5e-3 of the deviation: a step of 2.2 / 127 of it, over √12.
    expect(half).toBeLessThan(1e-3)
    expect(blocks / half).toBeGreaterThan(10)
    expect(blocks / half).toBeLessThan(50)
    model.dispose()
  })
})
