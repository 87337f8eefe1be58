import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readGgufHeader } from '../../src/gguf/header.ts'
import { bytesSource } from '../../src/safetensors/source.ts'
import { runCli } from './run-cli.ts'

let work: string
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'peft-medaware-gguf-'))
})
afterAll(() => rm(work, { recursive: true }))

const adapter = 'test/fixtures/gguf-adapters/llama'
const base = 'test/fixtures/tiny-family/falcon3'

describe('peft-medaware export', () => {
  it('writes an adapter as the GGUF file that llama.cpp makes of it', async () => {
    const file = join(work, 'made', 'a.gguf')
    const words = ['export', '--format', 'gguf', '--adapter', adapter, '--base', base, '--out', file]
    const { code, stdout, stderr } = await runCli([...words, '--dtype', 'f16'])
    expect(code, stderr).toBe(0)
    expect(stdout).toMatch(/a\.gguf: 14 layers, .*; llama-cli -m base\.gguf --lora .*a\.gguf\n$/)
    const [ours, judged] = await Promise.all(
      [file, 'test/fixtures/gguf-adapters/llama-f16.gguf'].map(async (path) => {
        return readGgufHeader(bytesSource(new Uint8Array(await readFile(path))))
      }),
    )
    expect(ours?.tensors).toEqual(judged?.tensors)
  })

  it.each([
    [['--help'], 0, /peft-medaware export --format gguf --adapter SOURCE --out FILE \[options\]/],
    [[], 2, /error: --format must be gguf, nothing was given\nTry: peft-medaware export --help\n$/],
    [['--format', 'onnx'], 2, /error: --format must be gguf, got onnx/],
    [['--format', 'gguf'], 2, /error: needs --adapter SOURCE, nothing was given/],
    [['--format', 'gguf', '--adapter', adapter], 2, /error: needs --out FILE, nothing was given/],
    [['--format', 'gguf', '--adapter', adapter, '--out', 'a.gguf', '--dtype', 'q8'], 2, /--dtype must be f32 or f16/],
    [['--format', 'gguf', '--adapter', adapter, '--out', 'a.bin'], 1, /path must end in \.gguf, got "a\.bin"/],
  ])('%j', async (words, code, message) => {
    const ended = await runCli(['export', ...words])
    expect(ended.stdout + ended.stderr).toMatch(message)
    expect(ended.code).toBe(code)
    expect(await readdir('.')).not.toContain('a.bin')
  })
})
