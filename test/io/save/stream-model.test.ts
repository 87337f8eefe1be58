import { afterAll, beforeAll, expect, test } from 'vitest'
import { openCpuDevice } from '../../../src/device/cpu/cpu-device.ts'
import type { Device } from '../../../src/device/device.ts'
import { modelGguf, streamModelGguf } from '../../../src/io/gguf/model-gguf.ts'
import { type FilePiece, modelFiles, streamModelFiles } from '../../../src/io/save/save-model.ts'
import { attachLora } from '../../../src/peft/attach.ts'
import { tinyLlama } from '../../peft/tiny-llama.ts'

let device: Device
beforeAll(async () => {
  device = await openCpuDevice()
})
afterAll(() => device.dispose())

/** The files that pieces make, each of the length it was announced with. */
async function joined(pieces: AsyncIterable<FilePiece>) {
  const parts = new Map<string, Uint8Array[]>()
  const lengths = new Map<string, number>()
  for await (const { name, byteLength, bytes } of pieces) {
    expect(bytes.length).toBeLessThanOrEqual(4 << 20)
    parts.set(name, [...(parts.get(name) ?? []), bytes.slice()])
    lengths.set(name, byteLength)
  }
  const files = new Map([...parts].map(([name, some]) => [name, new Uint8Array(Buffer.concat(some))]))
  expect(new Map([...files].map(([name, { length }]) => [name, length]))).toEqual(lengths)
  return files
}

test('a model comes in pieces that are the files it is saved as, with its adapter merged', async () => {
  const model = await tinyLlama(device)
  attachLora(model, { r: 2 })
  const options = { dtype: 'f16', merge: true, maxShardSize: 4000 } as const
  const files = await joined(streamModelFiles(model, options))
  expect(files).toEqual(await modelFiles(model, options))
  expect(files.size).toBeGreaterThan(3)
  const gguf = { copyFrom: null, merge: true } as const
  expect(await joined(streamModelGguf(model, gguf))).toEqual(new Map([['model.gguf', await modelGguf(model, gguf)]]))
  await expect(streamModelFiles(model).next()).rejects.toThrow(/^streamModelFiles: .* merge: true/)
  model.dispose()
})
