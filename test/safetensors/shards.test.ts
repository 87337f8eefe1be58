import { describe, expect, it } from 'vitest'
import { MedAwareError } from '../../src/core/errors.ts'
import { bytesSource, openShardedSafetensors, writeSafetensors } from '../../src/safetensors/index.ts'
import type { ByteSource, TensorReader } from '../../src/safetensors/index.ts'

const shard = (names: Record<string, number>, metadata?: Record<string, string>): Uint8Array =>
  writeSafetensors(
    Object.entries(names).map(([name, value]) => ({ name, dtype: 'F32', shape: [1], data: Float32Array.of(value) })),
    metadata,
  )
const files: Record<string, Uint8Array> = {
  'one.safetensors': shard({ b: 2, a: 1 }, { format: 'pt' }),
  'two.safetensors': shard({ c: 3, extra: 9 }),
}
const index = (weightMap: unknown): string => JSON.stringify({ metadata: { total_size: 12 }, weight_map: weightMap })
const whole = { a: 'one.safetensors', b: 'one.safetensors', c: 'two.safetensors' }

function opener(held = files): { open: (name: string) => Promise<ByteSource>; closed: string[]; reads: string[] } {
  const closed: string[] = []
  const reads: string[] = []
  const open = async (name: string): Promise<ByteSource> => {
    const bytes = held[name]
    if (bytes === undefined) throw new MedAwareError('not-found', 'no such file')
    const source = bytesSource(bytes, name)
    return {
      ...source,
      read: (begin, end) => (reads.push(name), source.read(begin, end)),
      close: async () => void closed.push(name),
    }
  }
  return { open, closed, reads }
}
const openIndex = (json: string | Uint8Array, held = files): Promise<TensorReader> =>
  openShardedSafetensors(json, opener(held).open)

describe('shards', () => {
  it('read as one file', async () => {
    const { open, closed, reads } = opener()
    const reader = await openShardedSafetensors(new TextEncoder().encode(index(whole)), open)
    expect(reader.names).toEqual(['a', 'b', 'c'])
    expect(reader.metadata).toEqual({ format: 'pt' })
    expect(reader.info('c')).toEqual({ dtype: 'F32', shape: [1], begin: 0, end: 4 })
    expect([reader.has('c'), reader.has('extra')]).toEqual([true, false])
    expect(reads.splice(0)).toEqual(['one.safetensors', 'one.safetensors', 'two.safetensors', 'two.safetensors'])
    expect(await reader.readF32('c')).toEqual(Float32Array.of(3))
    expect(await reader.read('b')).toEqual(Float32Array.of(2))
    expect(await reader.readBytes('a')).toEqual(new Uint8Array(Float32Array.of(1).buffer))
    expect(reads).toEqual(['two.safetensors', 'one.safetensors', 'one.safetensors'])
    await reader.close()
    expect(closed).toEqual(['one.safetensors', 'two.safetensors'])
  })

  it('that cannot be opened keep the reason: a code, or a signal’s own', async () => {
    const open = (error: Error) => openShardedSafetensors(index(whole), () => Promise.reject(error))
    await expect(open(new MedAwareError('network', 'nobody answers'))).rejects.toMatchObject({
      code: 'network',
      message: 'openShardedSafetensors: the index names one.safetensors, which cannot be opened: nobody answers',
    })
    const reason = new DOMException('stop', 'AbortError')
    await expect(open(reason)).rejects.toBe(reason)
  })

  it('say which tensor is not there', async () => {
    const reader = await openIndex(index(whole))
    expect(() => reader.info('extra')).toThrow('openShardedSafetensors: no tensor "extra" among the index\'s 3')
    await expect(reader.readF32('d')).rejects.toThrow('openShardedSafetensors: no tensor "d" among the index\'s 3')
  })

  it.each([
    ['not JSON', '{', 'openShardedSafetensors: index: not valid JSON'],
    [
      'a tensor twice',
      '{"weight_map":{"a":"x","a":"y"}}',
      'openShardedSafetensors: index: key "a" appears twice in one object',
    ],
    ['no weight_map', '{}', 'openShardedSafetensors: the index has no weight_map object'],
    [
      'a missing shard',
      index({ a: 'three.safetensors' }),
      'openShardedSafetensors: the index names three.safetensors, which cannot be opened: no such file',
    ],
    [
      'a tensor its shard does not have',
      index({ ...whole, d: 'two.safetensors' }),
      'openShardedSafetensors: the index puts tensor "d" in two.safetensors, which does not have it',
    ],
    ...['../one.safetensors', '/etc/passwd', 'a/b', 'C:\\x', '..', '', 'https://x', 7].map((name) => [
      `the shard name ${JSON.stringify(name)}`,
      index({ a: name }),
      `openShardedSafetensors: shard of "a" must be a plain file name, got ${JSON.stringify(name)}`,
    ]),
  ])('refuse %s', async (_, json, message) => {
    await expect(openIndex(json ?? '')).rejects.toThrow(message)
  })

  it('refuse a tensor in two of them, and close what was opened', async () => {
    const { open, closed } = opener({ ...files, 'two.safetensors': shard({ c: 3, b: 9 }) })
    await expect(openShardedSafetensors(index(whole), open)).rejects.toThrow(
      'openShardedSafetensors: tensor "b" is both in one.safetensors and in two.safetensors',
    )
    expect(closed).toEqual(['one.safetensors', 'two.safetensors'])
  })

  it('refuse a broken one by its name, and close what was opened', async () => {
    const { open, closed } = opener({ ...files, 'two.safetensors': new Uint8Array(4) })
    await expect(openShardedSafetensors(index(whole), open)).rejects.toThrow(
      'two.safetensors: a safetensors file has at least 8 bytes, this one has 4',
    )
    expect(closed.sort()).toEqual(['one.safetensors', 'two.safetensors'])
  })
})
