import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { cpuBuilds, openCpuDevice, type CpuDevice } from '../../../src/device/cpu/cpu-device.ts'
import { CpuHeap } from '../../../src/device/cpu/heap.ts'
import type { Binding } from '../../../src/device/device.ts'

let device: CpuDevice
beforeEach(async () => {
  device = await openCpuDevice({ build: 'simd', threads: 2 })
})
afterEach(() => device.dispose())

function floats(label: string, values: readonly number[], on = device): Binding {
  const byteLength = 4 * values.length
  const window = { buffer: on.memory.allocate(byteLength, label), byteOffset: 0, byteLength }
  on.upload(window, Float32Array.from(values))
  return window
}

async function read(window: Binding, on = device): Promise<number[]> {
  return [...new Float32Array((await on.download(window)).buffer)]
}

describe('the CPU device', () => {
  it('names its build and its threads', async () => {
    expect(device.description).toBe('CPU engine (WebAssembly, SIMD, 2 threads)')
    const best = await openCpuDevice({ threads: 1 })
    const build = cpuBuilds().includes('relaxed') ? 'relaxed SIMD' : 'SIMD'
    expect(best.description).toBe(`CPU engine (WebAssembly, ${build}, 1 thread)`)
    best.dispose()
  })

  it('keeps what it holds when its memory grows', async () => {
    const x = floats('x', [1, 2, 3])
    device.memory.allocate(64 * 1024 * 1024, 'large')
    const out = floats('out', [0, 0, 0])
    device.run('add', { a: x, b: x, out }, { count: 3, alpha: 2 })
    expect(await read(out)).toEqual([3, 6, 9])
  })

  it('copies between windows, in either direction within a buffer', async () => {
    const x = floats('x', [1, 2, 3, 4])
    device.copy({ ...x, byteLength: 12 }, { ...x, byteOffset: 4, byteLength: 12 })
    expect(await read(x)).toEqual([1, 1, 2, 3])
  })

  it('measures kernels where asked to', async () => {
    expect(device.profile).toBeNull()
    const measured = await openCpuDevice({ profile: true })
    const x = floats('x', [1, 2, 3], measured)
    const [a, b, out] = [x, x, floats('out', [0, 0, 0, 0], measured)]
    const product = {
      m: 2,
      n: 2,
      k: 1,
      pitchA: 1,
      pitchOut: 2,
      transA: 0,
      transB: 0,
      hasBias: 0,
      accumulate: 0,
      alpha: 1,
    }
    for (let i = 0; i < 3; i++) measured.run('fill', { out: x }, { count: 3, value: i })
    measured.run('matmul', { a, b, bias: null, out }, product)
    const sizes = { batch: 1, heads: 1, kvHeads: 1, queries: 2, keys: 3, capacity: 3, dim: 1 }
    const heads = { ...sizes, isFused: 0, hasAlibi: 0, hasHoles: 0, first: 0, scale: 1, alibiScale: 1 }
    const stats = floats('stats', [0, 0, 0, 0], measured)
    const seen = floats('seen', [...new Float32Array(Int32Array.of(0, 2, 0, 3).buffer)], measured)
    measured.run('attention', { q: x, k: x, v: x, table: seen, out, stats }, heads)
    const counted = measured.profile?.costs().map(({ name, calls, operations }) => [name, calls, operations])
    // The two queries see 2 and 3 keys, and each is a product with the key and one with the value.
    expect(Object.fromEntries(counted?.map(([name, ...rest]) => [name, rest]) ?? [])).toEqual({
      fill: [3, 0],
      matmul: [1, 8],
      attention: [1, 20],
    })
    const sum = measured.profile?.costs().reduce((all, { milliseconds }) => all + milliseconds, 0) ?? 0
    const table = measured.profile?.table(2 * sum).split('\n')
    expect(table?.[0]).toBe(`  kernel${' '.repeat(25)}calls        ms   GFLOP/s     share`)
    expect(table?.at(-1)).toMatch(/^ {2}between kernels +\d+\.\d +50\.0 %$/)
    expect(table).toContainEqual(expect.stringMatching(/^ {2}matmul +1 +\d+\.\d +\d+\.\d +\d+\.\d %$/))
    expect(table).toContainEqual(expect.stringMatching(/^ {2}fill +3 +\d+\.\d +\d+\.\d %$/))
    measured.profile?.reset()
    expect(measured.profile?.costs()).toEqual([])
    measured.dispose()
  })
})

describe('what it refuses', () => {
  const fill = { count: 2, value: 1 }

  it('a binding that is missing, or null where it is written', () => {
    expect(() => device.run('fill', {} as never, fill)).toThrow('fill: out is not bound')
    expect(() => device.run('fill', { out: null } as never, fill)).toThrow('fill: out is written and cannot be null')
  })

  it('a parameter that is missing', () => {
    const out = floats('x', [0, 0])
    expect(() => device.run('fill', { out }, { count: 2 } as never)).toThrow('fill: parameter value is missing')
  })

  it('a buffer of another device', async () => {
    const other = await openCpuDevice()
    const out = floats('theirs', [0, 0], other)
    expect(() => device.run('fill', { out }, fill)).toThrow('fill: out: buffer theirs belongs to another device')
    other.dispose()
  })

  it('a buffer that was freed', () => {
    const out = floats('x', [0, 0])
    device.memory.release(out.buffer)
    expect(() => device.run('fill', { out }, fill)).toThrow('fill: out: buffer x was freed; keep it in its scope')
  })

  it('a window that leaves its buffer', () => {
    const out = { ...floats('x', [0, 0]), byteOffset: 4 }
    expect(() => device.run('fill', { out }, fill)).toThrow(
      'fill: out: window of 8 bytes at 4 leaves buffer x of 8 bytes',
    )
  })

  it('to write where it reads, as WebGPU does', () => {
    const x = floats('x', [0, 0])
    expect(() => device.run('add', { a: x, b: x, out: x }, { count: 2, alpha: 1 })).toThrow(
      'add: a and out are both in buffer x, and out is written; copy one first',
    )
  })

  it('bytes that do not fit a window, and windows of two lengths', () => {
    const x = floats('x', [0, 0])
    expect(() => device.upload(x, new Float32Array(3))).toThrow('upload: x takes 8 bytes, given 12')
    expect(() => device.copy(x, { ...x, byteLength: 4 })).toThrow(
      'copy: windows must have one length, a multiple of 4 bytes, x has 8, x 4',
    )
  })

  it('work after it was disposed of', async () => {
    const other = await openCpuDevice()
    const out = floats('x', [0, 0], other)
    other.dispose()
    expect(() => other.run('fill', { out }, fill)).toThrow('cpu: the device was disposed of; open another')
    await expect(other.settle()).rejects.toThrow('cpu: the device was disposed of; open another')
  })
})

describe('the heap', () => {
  function heap(limit = Infinity) {
    let byteLength = 1024
    const growTo = (bytes: number) => {
      if (bytes > limit) throw new RangeError('out of memory')
      byteLength = bytes
    }
    return new CpuHeap({ byteLength: () => byteLength, growTo }, 100)
  }

  it('aligns to 64 bytes and starts behind its base', () => {
    const one = heap()
    expect([one.create(1, 'a'), one.create(65, 'b'), one.create(0, 'c')].map(({ pointer }) => pointer)).toEqual([
      128, 192, 320,
    ])
  })

  it('joins neighbouring gaps and takes the smallest that is large enough', () => {
    const one = heap()
    const [a, b, c, d, e, f] = [64, 64, 64, 128, 64, 64].map((size) => one.create(size, 'x'))
    if (!a || !b || !c || !d || !e || !f) throw new Error('unreachable')
    one.destroy(a)
    one.destroy(c)
    one.destroy(b)
    one.destroy(e)
    expect(one.create(64, 'in the place of e').pointer).toBe(e.pointer)
    expect(one.create(192, 'in the place of a, b and c').pointer).toBe(a.pointer)
    one.destroy(f)
    expect(one.create(640, 'from f on').pointer).toBe(f.pointer)
  })

  it('says what the system would not give', () => {
    expect(() => heap(4096).create(8000, 'logits')).toThrow(
      'cpu: cannot allocate logits, 8000 bytes; the system gives no more than the 128 bytes in use; free memory, or shorten the batch',
    )
  })

  it('never hands out overlapping stretches', () => {
    const one = heap()
    const live: ReturnType<typeof one.create>[] = []
    let seed = 1
    const next = () => (seed = (seed * 48271) % 0x7fffffff)
    for (let i = 0; i < 2000; i++) {
      const [freed] = next() % 3 === 0 && live.length > 0 ? live.splice(next() % live.length, 1) : []
      if (freed) one.destroy(freed)
      else live.push(one.create(next() % 3000, 'x'))
    }
    live.sort((a, b) => a.pointer - b.pointer)
    const overlap = live.some(
      (buffer, i) => i > 0 && (live[i - 1]?.pointer ?? 0) + (live[i - 1]?.byteLength ?? 0) > buffer.pointer,
    )
    expect(overlap).toBe(false)
    for (const buffer of live) one.destroy(buffer)
    expect(one.create(1, 'first again').pointer).toBe(128)
  })
})
