import { describe, expect, it } from 'vitest'
import { readGgufHeader } from '../../src/gguf/header.ts'
import { ggufTensors } from '../../src/gguf/reader.ts'
import { bytesSource } from '../../src/safetensors/index.ts'
import { openFixture, readFixture } from '../fixtures/open-fixture.ts'

const names = ['Q4_0', 'Q4_1', 'Q5_0', 'Q5_1', 'Q8_0', 'Q4_K', 'Q5_K', 'Q6_K', 'F32', 'F16', 'BF16']
const bits = ({ buffer, byteOffset, length }: Float32Array) => new Uint32Array(buffer, byteOffset, length)

async function openBlocks() {
  const source = bytesSource(await readFixture('gguf/blocks.gguf'), 'f')
  return ggufTensors(source, await readGgufHeader(source))
}

describe('ggufTensors', () => {
  it.each(names)("decodes %s to the bits of the gguf package's dequantize", async (name) => {
    const expected = await (await openFixture('gguf/blocks.safetensors')).readF32(name)
    const file = await openBlocks()
    expect(bits(await file.readF32(name))).toEqual(bits(expected))
    const { dtype, storedAs } = file.info(name)
    expect(storedAs ?? dtype).toBe(name)
  })

  it.each(['Q4_1', 'Q6_K'])('decodes any part of %s, into memory that is given where it fits', async (name) => {
    const file = await openBlocks()
    const whole = await file.readF32(name)
    for (const [begin, end] of [
      [0, whole.length],
      [1, 2],
      [30, 35],
      [255, 300],
      [256, 256],
      [whole.length - 1, whole.length],
    ] as const) {
      expect(await file.read(name, { begin, end })).toEqual(whole.subarray(begin, end))
    }
    const into = new Uint8Array(4 * 256)
    const part = await file.read(name, { begin: 0, end: 256, into })
    expect(part.buffer).toBe(into.buffer)
    expect(part).toEqual(whole.subarray(0, 256))
  })

  it('gives the blocks as they are, and refuses what is not there', async () => {
    const file = await openBlocks()
    expect(await file.readBytes('Q8_0')).toHaveLength((3 * 128 * 34) / 32)
    expect(() => file.info('x')).toThrow('f: no tensor "x" among its 11')
    await expect(file.read('Q8_0', { begin: 0, end: 385 })).rejects.toThrow('has 384 elements, not those from 0 to 385')
  })
})
