import { afterAll, describe, expect, it } from 'vitest'
import { KeyValueCaches } from '../../../src/models/caches/key-value-caches.ts'
import { testEngines } from '../../device/devices.ts'
import { ScriptedModel } from '../../generate/scripted-model.ts'

const devices = await testEngines()
afterAll(() => devices.forEach((device) => device.dispose()))

describe.each(devices)('KeyValueCaches on $description', (device) => {
  it('keeps what it holds when it grows, to twice its room or to the limit', async () => {
    const before = device.memory.liveBytes
    const caches = new KeyValueCaches(new ScriptedModel(device, 8, []), 2, 3)
    const [layer] = caches.perLayer
    layer?.k.write(Float32Array.from({ length: 24 }, (_, i) => i))
    layer?.v.write(Float32Array.from({ length: 24 }, (_, i) => 100 + i))
    caches.advance(2)
    caches.reserve(1)
    expect(caches.perLayer[0]?.k).toBe(layer?.k)
    caches.reserve(2)
    expect([caches.capacity, caches.length]).toEqual([6, 2])
    const grown = caches.perLayer[0]
    expect([grown?.k.shape, grown?.v.shape, grown?.length]).toEqual([[2, 1, 6, 4], [2, 1, 6, 4], 2])
    const held = async (values: Promise<Float32Array> | undefined) => {
      const rows = [...((await values) ?? [])]
      return [...rows.slice(0, 8), ...rows.slice(24, 32)]
    }
    const expected = [0, 1, 2, 3, 4, 5, 6, 7, 12, 13, 14, 15, 16, 17, 18, 19]
    expect(await held(grown?.k.read())).toEqual(expected)
    expect(await held(grown?.v.read())).toEqual(expected.map((value) => 100 + value))
    caches.reserve(5, 7)
    expect(caches.capacity).toBe(7)
    caches.reserve(20, 7)
    expect(caches.capacity).toBe(22)
    caches.dispose()
    expect(device.memory.liveBytes).toBe(before)
  })

  it('belongs to no scope', () => {
    const caches = device.memory.scoped(() => new KeyValueCaches(new ScriptedModel(device, 8, []), 1, 1))
    expect(caches.perLayer.map(({ k }) => device.memory.isLive(k.buffer))).toEqual([true])
    caches.dispose()
  })

  it('refuses more tokens than it has room for', () => {
    const caches = new KeyValueCaches(new ScriptedModel(device, 8, []), 1, 3)
    caches.advance(2)
    expect(() => caches.advance(2)).toThrow('caches: 2 and 2 more tokens exceed the room for 3; call reserve first')
    caches.dispose()
  })
})
