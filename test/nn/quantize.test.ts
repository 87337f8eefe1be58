import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { Linear } from '../../src/nn/linear.ts'
import { Module, ModuleList } from '../../src/nn/module.ts'
import { quantize, type QuantizeOptions } from '../../src/nn/quantize.ts'
import { quantizeAbsmax } from '../../src/quant/double-quant.ts'
import { quantizeFourBit } from '../../src/quant/four-bit.ts'
import { quantizeInt8 } from '../../src/quant/int8.ts'
import type { FourBitTensor } from '../../src/formats/four-bit/four-bit-tensor.ts'
import { halfFromArray } from '../../src/tensor/half.ts'
import { Int8Tensor } from '../../src/formats/int8/int8-tensor.ts'
import { fromArray, type Tensor } from '../../src/tensor/tensor.ts'
import { testEngines } from '../device/devices.ts'
import { normals, seedDraws } from '../device/kernel-case.ts'
import { limitAllocations } from '../device/limit-allocations.ts'

seedDraws('quantize')

const devices = await testEngines()
afterAll(() => devices.forEach((device) => device.dispose()))

class Mlp extends Module<{ up: Linear; down: Linear }> {}
class Block extends Module<{ mlp: Mlp; dense: Linear }> {}
class Net extends Module<{ h: ModuleList<Block>; lm_head: Linear }> {}

const every = [0, 1].flatMap((i) => [`h.${i}.mlp.up`, `h.${i}.mlp.down`, `h.${i}.dense`])
/** No whole number of blocks, and rows that end within a word of codes. */
const shape = [30, 70] as const
const values = normals(30 * 70, 0.02)

describe.each(devices)('quantize on $description', (device) => {
  let net: Net
  let before: number
  const made = (): Linear => new Linear(fromArray(device, values, shape, 'weight'), null)
  const block = () => new Block({ mlp: new Mlp({ up: made(), down: made() }, {}), dense: made() }, {})
  beforeEach(() => {
    net = new Net({ h: new ModuleList([block(), block()]), lm_head: made() }, {})
    before = device.memory.liveBytes
  })
  const weightOf = (path: string) => {
    const module = [...net.namedModules()].find(([name]) => name === path)?.[1]
    return (module as Linear).weights.weight
  }
  const bytesOf = async (tensor: Tensor) => new Uint8Array(await tensor.readBytes())

  it.each([
    [{}, 'nf4', 64, true],
    [{ type: 'nf4', blockSize: 32, doubleQuant: false, computeDtype: 'f32' }, 'nf4', 32, false],
    [{ type: 'fp4', blockSize: 4096 }, 'fp4', 4096, true],
  ] as const)('stores what bitsandbytes does in 4 bits: %o', async (options, type, blockSize, isDouble) => {
    expect(quantize(net, options)).toEqual(every)
    const { parts } = weightOf('h.1.dense') as FourBitTensor
    const wanted = quantizeFourBit(values, { type, blockSize })
    expect([parts.type, parts.blockSize, parts.nested !== null]).toEqual([type, blockSize, isDouble])
    expect(await bytesOf(parts.codes)).toEqual(wanted.codes)
    if (isDouble) expect(parts.absmax.count).toBe(quantizeAbsmax(wanted.absmax).codes.length)
    else expect(await parts.absmax.read()).toEqual(wanted.absmax)
    net.dispose()
  })

  it('stores what bitsandbytes does in int8', async () => {
    expect(quantize(net, { type: 'int8' })).toEqual(every)
    const { parts } = weightOf('h.0.mlp.up') as Int8Tensor
    const { codes, scale } = quantizeInt8(values, ...shape)
    expect(new Int8Array((await parts.codes.readBytes()).buffer)).toEqual(codes)
    expect(await parts.scale.read()).toEqual(scale)
    expect(before - device.memory.liveBytes).toBe(6 * (4 * 30 * 70 - 30 * 70 - 4 * 30))
    net.dispose()
  })

  it('leaves what is quantised already, and reads 16 bits', () => {
    const [{ modules }] = [...net.modules.h] as [Block]
    modules.dense.weights.weight.dispose()
    modules.dense.weights.weight = halfFromArray(device, values, shape, 'weight', 'bf16')
    expect(quantize(net, { type: 'int8', skipModules: ['mlp', 'lm_head'] })).toEqual(['h.0.dense', 'h.1.dense'])
    expect(quantize(net)).toEqual(every.filter((path) => path.includes('mlp')))
    expect(weightOf('h.0.dense')).toBeInstanceOf(Int8Tensor)
    net.dispose()
  })

  it.each<[readonly string[], readonly string[]]>([
    [[], [...every, 'lm_head']],
    [
      ['lm_head', 'mlp'],
      ['h.0.dense', 'h.1.dense'],
    ],
    [
      ['h.1', 'h.0.mlp.up', 'lm_head'],
      ['h.0.mlp.down', 'h.0.dense'],
    ],
    [
      ['m', 'own', '0.mlp', 'ead'],
      ['h.0.dense', ...every.slice(3), 'lm_head'],
    ],
  ])('skips modules by the names in their paths: %o', (skipModules, changed) => {
    expect(quantize(net, { skipModules })).toEqual(changed)
    net.dispose()
  })

  it('takes the type alone', () => {
    expect(quantize(net, 'int8')).toEqual(every)
    expect(weightOf('h.0.dense')).toBeInstanceOf(Int8Tensor)
    net.dispose()
  })

  it('leaks nothing when the memory ends, wherever that is, and leaves a model that works', () => {
    for (const options of [{}, { doubleQuant: false }, 'int8'] as const) {
      const [{ modules }] = [...net.modules.h] as [Block]
      const x = fromArray(device, values, shape, 'x')
      modules.dense.weights.weight.dispose()
      modules.dense.weights.weight = halfFromArray(device, values, shape, 'weight', 'bf16')
      const own = () => [...net.namedWeights()].reduce((sum, [, weight]) => sum + weight.byteLength, 0)
      const beside = device.memory.liveBytes - own()
      let refused = 0
      for (let room = 0; ; room++) {
        const limit = limitAllocations(device, room)
        try {
          quantize(net, options)
          break
        } catch (error) {
          expect(error).toMatchObject({ code: 'memory' })
          refused++
        } finally {
          limit.lift()
        }
        // Tables are made once a device, and kept.
        expect(device.memory.liveBytes - own() - beside).toBeLessThanOrEqual(1400)
        device.memory.scoped(() => modules.mlp.modules.up.forward(x))
        if (refused > 200) throw new Error('it never fits')
      }
      expect(refused).toBeGreaterThan(3)
      net.dispose()
      x.dispose()
      net = new Net({ h: new ModuleList([block(), block()]), lm_head: made() }, {})
    }
    net.dispose()
  })

  it.each<[string, string, QuantizeOptions]>([
    ['config', 'quantize: blockSize must be one of 32, 64,', { blockSize: 16 }],
    ['config', 'quantize: int8 has a scale for each row,', { type: 'int8', doubleQuant: true }],
    ['unsupported', 'quantize: computeDtype "f16"; kernels decode', { computeDtype: 'f16' }],
  ])('refuses with %s, and changes nothing: %s', (code, message, options) => {
    expect(() => quantize(net, options)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) }),
    )
    expect(device.memory.liveBytes).toBe(before)
    expect([...net.namedWeights()].every(([, weight]) => 'dtype' in weight)).toBe(true)
    net.dispose()
  })
})
