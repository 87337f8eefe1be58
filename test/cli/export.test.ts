import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openDevice } from '../../src/device/open-device.ts'
import { readGgufHeader } from '../../src/gguf/header.ts'
import { ggufTensors } from '../../src/gguf/reader.ts'
import { saveAdapter } from '../../src/io/adapter-folder.ts'
import { modelGguf } from '../../src/io/gguf/model-gguf.ts'
import { loadModel } from '../../src/io/load/load-model.ts'
import { attachLora } from '../../src/peft/attach.ts'
import { bytesSource } from '../../src/safetensors/source.ts'
import { runCli } from './run-cli.ts'

let work: string
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'peft-medaware-gguf-'))
})
afterAll(() => rm(work, { recursive: true }))

const adapter = 'test/fixtures/gguf-adapters/llama'
const base = 'test/fixtures/tiny-family/falcon3'
const words = ['--format', 'gguf', '--adapter', adapter, '--out', 'a.gguf']
const model = 'test/fixtures/gguf-exports/qwen3'
const read = async (path: string) => {
  const source = bytesSource(new Uint8Array(await readFile(path)))
  const header = await readGgufHeader(source)
  return { header, tensors: ggufTensors(source, header) }
}

describe('peft-medaware export', () => {
  it('writes an adapter as the GGUF file that llama.cpp makes of it', async () => {
    const file = join(work, 'made', 'a.gguf')
    const words = ['export', '--format', 'gguf', '--adapter', adapter, '--base', base, '--out', file]
    const { code, stdout, stderr } = await runCli([...words, '--type', 'f16'])
    expect(code, stderr).toBe(0)
    expect(stdout).toMatch(/a\.gguf: 14 layers, .*; llama-cli -m base\.gguf --lora .*a\.gguf\n$/)
    const [ours, judged] = await Promise.all(
      [file, 'test/fixtures/gguf-adapters/llama-f16.gguf'].map(async (path) => {
        return readGgufHeader(bytesSource(new Uint8Array(await readFile(path))))
      }),
    )
    expect(ours?.tensors).toEqual(judged?.tensors)
  })

  it('writes a model as the GGUF file that llama.cpp makes of it', async () => {
    const file = join(work, 'whole.gguf')
    const { code, stdout, stderr } = await runCli([
      'export',
      '--format',
      'gguf',
      '--base',
      model,
      '--out',
      file,
      '--type',
      'q8_0',
      '--name',
      'Qwen3',
    ])
    expect(code, stderr).toBe(0)
    expect(stdout).toMatch(/whole\.gguf: 13 tensors, .*; llama-cli -m .*whole\.gguf\n$/)
    const [ours, judged] = [await read(file), await read(`${model}-q8_0.gguf`)]
    for (const name of judged.tensors.names) {
      expect(await ours.tensors.readBytes(name), name).toEqual(await judged.tensors.readBytes(name))
    }
    expect(ours.header.metadata.get('general.name')).toBe('Qwen3')
  })

  it.each([model, `${model}-q8_0.gguf`])('adds an adapter to the weights of %s', async (from) => {
    const { device } = await openDevice({ device: 'cpu' })
    const own = await loadModel(from, { device })
    const made = attachLora(own.model, { r: 2, targetModules: ['q_proj', 'down_proj'] }, { device, seed: 3 })
    for (const [name, tensor] of made.namedTrainableParameters()) {
      if (name.includes('lora_B')) tensor.write((await tensor.read()).fill(0.1))
    }
    const folder = join(work, 'adapter')
    await saveAdapter(made, folder)
    const merged = await modelGguf(own.model, { merge: true, type: 'f32', copyFrom: from })
    const file = join(work, 'merged.gguf')
    const asked = ['--format', 'gguf', '--base', from, '--adapter', folder, '--merge', '--out', file, '--type', 'f32']
    const { code, stderr } = await runCli(['export', ...asked, '--device', 'cpu'])
    expect(code, stderr).toBe(0)
    expect(new Uint8Array(await readFile(file))).toEqual(merged)
    own.model.dispose()
    device.dispose()
  })

  it('writes a base in 4 bits as the numbers that it stands for', async () => {
    const folder = join(work, 'nf4')
    expect((await runCli(['quantize', model, folder, '--type', 'nf4', '--device', 'cpu'])).code).toBe(0)
    const file = join(work, 'nf4.gguf')
    const { code, stderr } = await runCli(['export', '--format', 'gguf', '--base', folder, '--out', file])
    expect(code, stderr).toBe(0)
    const { device } = await openDevice({ device: 'cpu' })
    const { model: own } = await loadModel(folder, { device })
    const judged = await modelGguf(own, { name: 'nf4' })
    expect(new Uint8Array(await readFile(file))).toEqual(judged)
    own.dispose()
    device.dispose()
  })

  it.each([
    [['--help'], 0, /peft-medaware export --format gguf --adapter SOURCE --out FILE \[--base SOURCE\]/],
    [[], 2, /error: --format must be gguf, nothing was given\nTry: peft-medaware export --help\n$/],
    [['--format', 'onnx'], 2, /error: --format must be gguf, got onnx/],
    [['--format', 'gguf'], 2, /error: needs --adapter SOURCE, --base SOURCE or both, nothing was given/],
    [['--format', 'gguf', '--adapter', adapter], 2, /error: needs --out FILE, nothing was given/],
    [[...words, '--type', 'q8_0'], 2, /--type must be f32 or f16, got q8_0/],
    [
      ['--format', 'gguf', '--base', base, '--out', 'a.gguf', '--type', 'q4_0'],
      2,
      /--type must be f32, f16, bf16 or q8_0/,
    ],
    [[...words, '--merge'], 2, /--merge needs --adapter SOURCE and --base SOURCE, one of which is not given/],
    [[...words, '--device', 'cpu'], 2, /--device merges, and --merge is not given/],
    [[...words, '--name', 'n'], 2, /--name is of a model, and an adapter is written; did you mean --merge\?/],
    [
      ['--format', 'gguf', '--base', base, '--out', 'a.gguf'],
      1,
      /falcon3 has no tokenizer\.json, which goes into the file/,
    ],
    [['--format', 'gguf', '--adapter', adapter, '--out', 'a.bin'], 1, /path must end in \.gguf, got "a\.bin"/],
  ])('%j', async (words, code, message) => {
    const ended = await runCli(['export', ...words])
    expect(ended.stdout + ended.stderr).toMatch(message)
    expect(ended.code).toBe(code)
    expect(await readdir('.')).not.toContain('a.bin')
  })
})
