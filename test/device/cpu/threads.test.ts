import { once } from 'node:events'
import type { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type CpuDevice, type CpuOptions, openCpuDevice } from '../../../src/device/cpu/cpu-device.ts'
import type { CpuKernel } from '../../../src/device/cpu/job-board.ts'
import { compileKernels } from '../../../src/device/cpu/module.ts'
import { CpuThreads } from '../../../src/device/cpu/threads.ts'
import type { Binding } from '../../../src/device/device.ts'
import { openDevice } from '../../../src/device/open-device.ts'
import { runScript } from '../run-script.ts'

/** Worker threads started in this process that have not ended. */
const live = new Set<Worker>()
const note = (worker: Worker) => {
  live.add(worker)
  worker.once('exit', () => live.delete(worker))
}
beforeEach(() => void process.on('worker', note))
afterEach(async () => {
  opened.splice(0).forEach((device) => device.dispose())
  await Promise.all([...live].map((worker) => once(worker, 'exit')))
  process.off('worker', note)
  vi.unstubAllGlobals()
})

const opened: CpuDevice[] = []
async function open(options: CpuOptions): Promise<CpuDevice> {
  const device = await openCpuDevice(options)
  opened.push(device)
  return device
}

function put(device: CpuDevice, numbers: Float32Array): Binding {
  const { byteLength } = numbers
  const window = { buffer: device.memory.allocate(byteLength, 'x'), byteOffset: 0, byteLength }
  device.upload(window, numbers)
  return window
}

async function read(device: CpuDevice, window: Binding): Promise<Float32Array> {
  return new Float32Array((await device.download(window)).buffer)
}

/** Attention over more keys than scratch has room for: every share of it traps before it writes. */
function trap(device: CpuDevice): void {
  const x = put(device, new Float32Array(4))
  const sizes = { batch: 1, heads: 16, kvHeads: 16, queries: 1, keys: 1e7, capacity: 1e7, dim: 4 }
  const params = { ...sizes, isFused: 0, hasAlibi: 0, hasHoles: 0, first: 0, scale: 1, alibiScale: 1 }
  const table = put(device, new Float32Array(Int32Array.of(0, sizes.keys).buffer))
  const out = put(device, new Float32Array(4))
  const stats = put(device, new Float32Array(4))
  device.run('attention', { q: x, k: x, v: x, table, out, stats }, params)
}

describe('threads', () => {
  it('are as many as asked for, one of them the caller', async () => {
    for (const [threads, words] of [
      [1, '1 thread'],
      [2, '2 threads'],
      [5, '5 threads'],
    ] as const) {
      const device = await open({ threads, build: 'simd' })
      expect(device.description).toBe(`CPU engine (WebAssembly, SIMD, ${words})`)
      expect(device.whyOneThread).toBeNull()
    }
    expect(live.size).toBe(0 + 1 + 4)
  })

  it('give the same bits as one thread, job after job', async () => {
    const device = await open({ threads: 5 })
    const [n, scratch] = [40_000, new Float32Array(40_000)]
    const x = put(device, scratch.fill(1))
    const sum = put(device, new Float32Array(n))
    for (let i = 1; i <= 1000; i++) device.run('accumulate', { x, target: sum }, { count: n, alpha: i })
    expect(new Set(await read(device, sum))).toEqual(new Set([500_500]))
  })

  it('see memory that has grown', async () => {
    const device = await open({ threads: 2, shareItems: 1000 })
    for (let i = 0; i < 30; i++) {
      const count = 300_000
      const dWeight = put(device, new Float32Array(count))
      const x = put(device, new Float32Array(count).fill(i))
      // This kernel clears its output by memory.fill, which the engine checks against the size it knows.
      device.run('sumRows', { x, out: dWeight }, { rows: 1, dim: count, accumulate: 0 })
      expect(new Set(await read(device, dWeight))).toEqual(new Set([i]))
    }
  })

  it('hand out copies of what they share', async () => {
    const device = await open({ threads: 2 })
    const bytes = await device.download(put(device, Float32Array.of(1, 2)))
    expect(bytes.buffer).toBeInstanceOf(ArrayBuffer)
  })

  it('serve two devices at once', async () => {
    const devices = [await open({ threads: 2 }), await open({ threads: 3 })]
    const n = 100_000
    const windows = devices.map((device) => put(device, new Float32Array(n)))
    for (let i = 0; i < 50; i++) {
      devices.forEach((device, d) => {
        const out = windows[d] as Binding
        device.run('fill', { out }, { count: n, value: 100 * d + i })
      })
    }
    const values = await Promise.all(devices.map((device, d) => read(device, windows[d] as Binding)))
    expect(values.map((each) => [...new Set(each)])).toEqual([[49], [149]])
  })

  it('refuses numbers of threads and sizes of shares that are none', async () => {
    for (const threads of [0, 1.5, 65, NaN]) {
      await expect(openCpuDevice({ threads })).rejects.toThrow(
        `openCpuDevice: threads must be a whole number from 1 to 64, got ${threads}`,
      )
    }
    await expect(openCpuDevice({ shareItems: 0 })).rejects.toThrow(
      'openCpuDevice: shareItems must be a whole number from 1, got 0',
    )
  })
})

describe('a kernel that traps', () => {
  const message = 'attention: stopped, it reached past its memory or scratch; check its sizes'

  it.each([1, 2, 5])('is named, and the device works on: %i threads', async (threads) => {
    const device = await open({ threads, shareItems: 1 })
    for (let i = 0; i < 3; i++) {
      expect(() => trap(device)).toThrow(
        expect.objectContaining({
          code: 'device',
          message,
          cause: expect.objectContaining({ message: expect.stringContaining('unreachable') }),
        }),
      )
      const out = put(device, new Float32Array(1000))
      device.run('fill', { out }, { count: 1000, value: 7 })
      expect(new Set(await read(device, out))).toEqual(new Set([7]))
    }
  })

  it('is heard of when it ran in a worker', async () => {
    const module = await compileKernels('simd', true)
    const memory = new WebAssembly.Memory({ initial: 64, maximum: 65536, shared: true })
    // This thread's twin does nothing, and long enough for the worker to take a share.
    const idle = () => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
    const kernels = new Map<string, CpuKernel>([['attention', idle]])
    const threads = await CpuThreads.start(module, memory, kernels, [[0, 0]])
    const operands = [64, 64, 64, 64, 64, 64, 1, 4, 4, 1, 8, 8, 4, 0, 1, 1]
    expect(() => threads.run('attention', operands, 4)).toThrow('RuntimeError: unreachable')
    expect(() => threads.run('attention', operands, 4)).toThrow('RuntimeError: unreachable')
    threads.stop()
  })
})

describe('a worker that is ended from outside', () => {
  it('is not missed between two kernels', async () => {
    const device = await open({ threads: 3, shareItems: 100 })
    const out = put(device, new Float32Array(10_000))
    for (const [value, worker] of [...live].entries()) {
      await worker.terminate()
      device.run('fill', { out }, { count: 10_000, value })
      expect(new Set(await read(device, out))).toEqual(new Set([value]))
    }
    expect(live.size).toBe(0)
  })

  it('no longer counts when work is cut into shares', async () => {
    const threads = await startSpinning()
    expect(threads.count).toBe(3)
    const [worker] = live
    await worker?.terminate()
    expect(threads.count).toBe(2)
    threads.stop()
  })

  it('in the middle of a kernel is given up after a while, and the others end', async () => {
    const threads = await startSpinning()
    const message = /^cpu: a worker thread took a share of spin and gave no answer for \d+ s; open another device$/
    const error = expect.objectContaining({ code: 'device', message: expect.stringMatching(message) })
    for (let i = 0; i < 2; i++) expect(() => threads.run('spin', [], 2, 1)).toThrow(error)
    await Promise.all([...live].map((worker) => once(worker, 'exit')))
  })
})

/**
 * Three threads whose workers never finish a share of `spin`; the caller finishes one when a worker has taken one, and
 * ends that.
 */
async function startSpinning(): Promise<CpuThreads> {
  // (func (export "spin") (i32.store (i32.const 0) (i32.const 1)) (loop (br 0))) over a shared memory.
  const module = await WebAssembly.compile(
    Uint8Array.of(
      ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0],
      ...[2, 18, 1, 3, 101, 110, 118, 6, 109, 101, 109, 111, 114, 121, 2, 3, 1, 128, 128, 4],
      ...[3, 2, 1, 0, 7, 8, 1, 4, 115, 112, 105, 110, 0, 0],
      ...[10, 16, 1, 14, 0, 65, 0, 65, 1, 54, 2, 0, 3, 64, 12, 0, 11, 11],
    ),
  )
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true })
  const taken = new Int32Array(memory.buffer)
  const own = () => {
    while (Atomics.load(taken, 0) === 0);
    for (const worker of live) void worker.terminate()
  }
  const none: [number, number] = [0, 0]
  return CpuThreads.start(module, memory, new Map<string, CpuKernel>([['spin', own]]), [none, none], { patience: 1000 })
}

describe('no worker is left behind', () => {
  it('by dispose', async () => {
    const device = await openCpuDevice({ threads: 3 })
    const ended = Promise.all([...live].map((worker) => once(worker, 'exit')))
    expect(live.size).toBe(2)
    device.dispose()
    await ended
    expect(live.size).toBe(0)
  })

  it('when one of them does not start', async () => {
    const module = await compileKernels('simd', true)
    const memory = new WebAssembly.Memory({ initial: 64, maximum: 65536, shared: true })
    const uncloneable = [0, () => 0] as unknown as [number, number]
    await expect(CpuThreads.start(module, memory, new Map(), [[0, 0], uncloneable])).rejects.toThrow(
      'could not be cloned',
    )
    await Promise.all([...live].map((worker) => once(worker, 'exit')))
  })

  it('by a device that opens on one thread because another did not start', async () => {
    let count = 0
    const endTheSecond = (worker: Worker) => void (++count === 2 && worker.terminate())
    process.on('worker', endTheSecond)
    const device = await open({ threads: 4 })
    process.off('worker', endTheSecond)
    expect(device.description).toMatch(/SIMD, 1 thread\)$/)
    expect(device.whyOneThread).toBe('worker threads cannot be had (a worker thread ended before it was ready)')
    expect(count).toBe(3)
    await Promise.all([...live].map((worker) => once(worker, 'exit')))
  })

  it('by a program that ends without dispose, throws, or exits', async () => {
    const start = `const device = await openCpuDevice({ threads: 3 })\nconsole.log(device.description)\n`
    const said = expect.stringMatching(/3 threads\)\n$/)
    expect(await runScript(start)).toMatchObject({ status: 0, stdout: said, stderr: '' })
    expect(await runScript(`${start}throw new Error('stop here')`)).toMatchObject({
      status: 1,
      stdout: said,
      stderr: expect.stringContaining('stop here'),
    })
    expect(await runScript(`${start}process.exit(3)`)).toMatchObject({ status: 3, stdout: said, stderr: '' })
  })

  it('by a device that is forgotten', async () => {
    const script = `
      const ended = new Promise((resolve) => process.on('worker', (worker) => worker.once('exit', resolve)))
      await (async () => void (await openCpuDevice({ threads: 2 })))()
      const collect = setInterval(gc, 20)
      await ended
      clearInterval(collect)
      console.log('ended')`
    expect(await runScript(script, ['--expose-gc'])).toMatchObject({ status: 0, stdout: 'ended\n', stderr: '' })
  })
})

describe('one thread, and why', () => {
  const reason = 'this page may not share memory between threads (it is not cross-origin isolated)'

  it('where there is no SharedArrayBuffer', async () => {
    vi.stubGlobal('SharedArrayBuffer', undefined)
    const device = await open({ threads: 4 })
    expect(device.description).toMatch(/SIMD, 1 thread\)$/)
    expect(device.whyOneThread).toBe(reason)
    const out = put(device, new Float32Array(50_000))
    device.run('fill', { out }, { count: 50_000, value: 2 })
    expect(new Set(await read(device, out))).toEqual(new Set([2]))
    const { device: other, reason: said } = await openDevice({ device: 'cpu', cpu: { build: 'simd', threads: 2 } })
    expect(said).toBe(`the CPU engine was asked for; on one thread, because ${reason}`)
    other.dispose()
    // As in WebKitGTK.
    vi.stubGlobal('crossOriginIsolated', true)
    expect((await open({ threads: 4 })).whyOneThread).toBe(
      'this browser shares no memory between threads (it has no SharedArrayBuffer, though the page is isolated)',
    )
  })

  it('where memory cannot be shared', async () => {
    const { Memory } = WebAssembly
    const refusing = function (descriptor: WebAssembly.MemoryDescriptor) {
      if (descriptor.shared === true) throw new RangeError('could not allocate memory')
      return new Memory(descriptor)
    }
    vi.stubGlobal('WebAssembly', Object.assign(Object.create(WebAssembly), { Memory: refusing }))
    const device = await open({ threads: 4 })
    expect(device.whyOneThread).toBe('worker threads cannot be had (could not allocate memory)')
  })
})
