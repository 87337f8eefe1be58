import { beforeEach, describe, expect, it } from 'vitest'
import { MedAwareError } from '../../src/core/errors.ts'
import type { DeviceBuffer } from '../../src/device/buffer.ts'
import { Memory } from '../../src/device/memory.ts'

let destroyed: string[]
let memory: Memory
beforeEach(() => {
  destroyed = []
  memory = new Memory({
    create: (byteLength, label) => ({ byteLength, label, writes: 0, owner: null }),
    destroy: ({ label }) => destroyed.push(label),
  })
})

const make = (label: string, bytes = 4) => ({ buffer: memory.allocate(bytes, label) })
const live = (...values: { readonly buffer: DeviceBuffer }[]) => values.map(({ buffer }) => memory.isLive(buffer))

describe('accounting', () => {
  it('counts live bytes, live buffers and the most bytes there were', () => {
    const a = make('a', 100)
    make('b', 30)
    expect([memory.liveBytes, memory.liveBuffers, memory.peakBytes]).toEqual([130, 2, 130])
    memory.release(a.buffer)
    expect([memory.liveBytes, memory.liveBuffers, memory.peakBytes]).toEqual([30, 1, 130])
    make('c', 10)
    expect(memory.peakBytes).toBe(130)
    memory.resetPeak()
    expect(memory.peakBytes).toBe(40)
    make('d', 5)
    expect(memory.peakBytes).toBe(45)
  })

  it('frees a buffer once, however often it is released', () => {
    const a = make('a', 8)
    memory.release(a.buffer)
    memory.release(a.buffer)
    memory.release({ byteLength: 99, label: 'of another device', writes: 0, owner: null })
    expect(destroyed).toEqual(['a'])
    expect([memory.liveBytes, memory.liveBuffers]).toEqual([0, 0])
  })

  it('counts nothing for a buffer the driver could not make', () => {
    const poor = new Memory({
      create() {
        throw new Error('no room')
      },
      destroy: () => undefined,
    })
    expect(() => poor.scoped(() => poor.allocate(8, 'a'))).toThrow('no room')
    expect([poor.liveBytes, poor.liveBuffers, poor.peakBytes]).toEqual([0, 0, 0])
  })
})

describe('scopes', () => {
  it('own what is allocated while they are the innermost one, and free it when they close', () => {
    const before = make('before')
    const inside = memory.scoped((scope) => {
      const made = make('inside')
      expect(scope.buffers.has(made.buffer)).toBe(true)
      expect(scope.buffers.has(before.buffer)).toBe(false)
      return made
    })
    expect(live(before, inside)).toEqual([true, false])
    expect(destroyed).toEqual(['inside'])
  })

  it('nest: each frees its own', () => {
    memory.scoped(() => {
      const outer = make('outer')
      const inner = memory.scoped(() => make('inner'))
      const later = make('later')
      expect(live(outer, inner, later)).toEqual([true, false, true])
    })
    expect(destroyed).toEqual(['inner', 'outer', 'later'])
    expect(memory.liveBuffers).toBe(0)
  })

  it('let a value out to the scope around them, or to nobody', () => {
    const kept = memory.scoped((outer) => {
      const value = memory.scoped((inner) => inner.keep(make('kept')))
      expect(outer.buffers.has(value.buffer)).toBe(true)
      return outer.keep(value)
    })
    expect(live(kept)).toEqual([true])
    expect(memory.scoped(() => 1)).toBe(1)
    memory.release(kept.buffer)
    expect(memory.liveBytes).toBe(0)
  })

  it('free a value that was only kept by the inner of two', () => {
    memory.scoped(() => memory.scoped((inner) => inner.keep(make('a'))))
    expect(destroyed).toEqual(['a'])
  })

  it('leave values of other scopes where they are when asked to keep them', () => {
    const foreign = make('foreign')
    memory.scoped((outer) => {
      const own = make('own')
      memory.scoped((inner) => {
        inner.keep(own)
        inner.keep(foreign)
        inner.keep(inner.keep(make('twice')))
      })
      expect(outer.buffers.has(own.buffer)).toBe(true)
    })
    expect(destroyed.sort()).toEqual(['own', 'twice'])
    expect(live(foreign)).toEqual([true])
  })

  it('free what they own when the work throws, and the scopes around them stay open', () => {
    memory.scoped(() => {
      const outer = make('outer')
      const fail = () =>
        memory.scoped(() => {
          make('inner')
          throw new Error('stop')
        })
      expect(fail).toThrow('stop')
      expect(live(outer)).toEqual([true])
      make('later')
    })
    expect(destroyed).toEqual(['inner', 'outer', 'later'])
  })

  it('do not free twice what was released before they close', () => {
    memory.scoped(() => memory.release(make('a').buffer))
    expect(destroyed).toEqual(['a'])
  })

  it('may close in any order when they are opened by hand', () => {
    const [outer, inner] = [memory.open(), memory.open()]
    const value = make('inner')
    outer.close()
    expect(live(value)).toEqual([true])
    inner.close()
    inner.close()
    expect(live(value)).toEqual([false])
    make('nobody')
    expect(memory.liveBuffers).toBe(1)
  })

  it('refuse to hand over what is not theirs', () => {
    const scope = memory.open()
    const foreign = memory.rooted(() => make('foreign'))
    expect(() => memory.move(foreign.buffer, scope, scope)).toThrow(
      expect.objectContaining({ code: 'device', message: 'scope: cannot keep foreign, it is not in this scope' }),
    )
  })
})

describe('rooted', () => {
  it('allocates outside all scopes, which go on afterwards', () => {
    const [rooted, after] = memory.scoped(() => [memory.rooted(() => make('rooted')), make('after')] as const)
    expect(live(rooted, after)).toEqual([true, false])
  })

  it('keeps scopes opened within it innermost, also when the work throws', () => {
    memory.scoped(() => {
      const inner = memory.rooted(() => memory.scoped((scope) => scope.keep(make('inner'))))
      const fail = () =>
        memory.rooted(() => {
          throw new Error('stop')
        })
      expect(fail).toThrow('stop')
      const owned = make('owned')
      expect(live(inner, owned)).toEqual([true, true])
    })
    expect(destroyed).toEqual(['owned'])
  })
})

describe('work that is done when it returns', () => {
  const never = () => new Promise<void>(() => undefined)
  it.each([
    ['scoped', () => memory.scoped(async () => void make('inside'))],
    ['rooted', () => memory.rooted(never)],
    ['allOrNothing', () => memory.allOrNothing(never)],
    ['scoped', () => memory.scoped(() => ({ then: () => undefined }))],
    ['scoped', () => memory.scoped(() => Promise.reject(new Error('unheard')))],
  ])('%s refuses a promise, and closes', (who, act) => {
    const message = `${who}: its work must be done when it returns, this gave a promise; await outside of it`
    expect(act).toThrow(new MedAwareError('config', message))
    expect(memory.liveBuffers).toBe(0)
    memory.release(make('after').buffer)
  })
})

describe('allOrNothing', () => {
  it('frees what was made, whoever it belongs to, where the work throws', () => {
    const before = make('before')
    const fail = () =>
      memory.scoped((scope) =>
        memory.allOrNothing(() => {
          scope.keep(make('kept'))
          memory.rooted(() => make('rooted'))
          memory.allOrNothing(() => make('within'))
          throw new Error('stop')
        }),
      )
    expect(fail).toThrow('stop')
    expect(destroyed.sort()).toEqual(['kept', 'rooted', 'within'])
    expect(live(before)).toEqual([true])
  })

  it('leaves what was made where it does not, and what came before', () => {
    const made = memory.allOrNothing(() => [make('a'), memory.rooted(() => make('b'))])
    expect(live(...made)).toEqual([true, true])
    expect(() =>
      memory.allOrNothing(() => {
        throw new Error('stop')
      }),
    ).toThrow('stop')
    expect(live(...made)).toEqual([true, true])
  })
})

it.each([NaN, -4, 1.5, 2 ** 60, '8'])('refuses a buffer of %s bytes', (bytes) => {
  expect(() => memory.allocate(bytes as number, 'x')).toThrow(/^x: a buffer has a whole number of bytes from 0, not /)
  expect(memory.liveBuffers).toBe(0)
})
