import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Binding } from '../../../src/device/device.ts'
import { kernels, type KernelName } from '../../../src/device/register/kernels.ts'
import { openWebGpuDevice } from '../../../src/device/webgpu/open-webgpu-device.ts'
import type { WebGpuDevice } from '../../../src/device/webgpu/webgpu-device.ts'
import { rowOf } from '../../../src/device/row-of.ts'
import { type Call, fitsBindings, pieces } from '../../../src/device/webgpu/windows.ts'
import { formulaCases, rowCallCases } from '../cases/index.ts'
import { longWindowCases, productWindowCases, storedWindowCases } from '../cases/windows.ts'
import { expectCase, type KernelCase, runCase } from '../kernel-case.ts'
import { keptGpu } from '../kept-gpu.ts'

const cases = [...formulaCases, ...productWindowCases, ...storedWindowCases, ...(await rowCallCases())]
const cutsOf = (kernel: KernelName) => rowOf(kernel).cuts ?? []
const cuttable = (Object.keys(kernels) as KernelName[]).filter((kernel) => cutsOf(kernel).length > 0)

/** The case as a call, with bindings that have lengths and no buffers. */
function callOf({ reads, writes, params }: KernelCase): Call {
  const entries = Object.entries({ ...reads, ...writes }).map(([name, numbers]) => {
    const window = numbers && { buffer: null as never, byteOffset: 0, byteLength: numbers.byteLength }
    return [name, window] as const
  })
  return { bindings: Object.fromEntries(entries), params }
}

/** The pieces of a case, on an adapter that binds so many bytes. */
function piecesOf(one: KernelCase, bindingBytes: number): readonly Call[] {
  return [...pieces(cutsOf(one.kernel), callOf(one), { bindingBytes, fitsGroups: () => true })]
}

function extent(binding: Binding | null | undefined): readonly [begin: number, end: number] {
  return binding ? [binding.byteOffset, binding.byteOffset + binding.byteLength] : [0, 0]
}

function bytesOf(one: KernelCase): number {
  return Object.values(callOf(one).bindings).reduce((sum, binding) => sum + (binding?.byteLength ?? 0), 0)
}

/** Whether a case fits an adapter that binds so many bytes, fits it in pieces, or does not fit it. */
function fitOf(one: KernelCase, limit: number): 'whole' | 'cut' | 'large' {
  if (fitsBindings(callOf(one).bindings, limit)) return 'whole'
  return piecesOf(one, limit).every(({ bindings }) => fitsBindings(bindings, limit)) ? 'cut' : 'large'
}

/** Kernels that were cut under any of the limits. */
const cutKernels = new Set<string>()

describe.each([1024, 4096, 16384])('with bindings of at most %i bytes', (limit) => {
  let device: WebGpuDevice
  beforeAll(async () => {
    device = await openWebGpuDevice(await keptGpu(), { maxBindingBytes: limit })
  })
  afterAll(() => device.dispose())

  const large = cases.filter((one) => fitOf(one, limit) === 'large')
  const cut = cases.filter((one) => fitOf(one, limit) === 'cut')
  for (const { kernel } of cut) cutKernels.add(kernel)

  it.each(cut)('$kernel is right in pieces: $title', async (one) => {
    expect(piecesOf(one, limit).length).toBeGreaterThan(1)
    expectCase(one, await runCase(device, one), device)
  })

  it('refuses what cannot be cut to fit', async () => {
    expect(large.length).toBeGreaterThan(0)
    // The smallest of each kernel: preparing a refused case takes as long as preparing one that is done.
    const bySize = large.toSorted((a, b) => bytesOf(b) - bytesOf(a))
    for (const one of new Map(bySize.map((each) => [each.kernel, each])).values()) {
      await expect(runCase(device, one)).rejects.toThrow(
        /bytes, this adapter binds at most \d+ at once; work on windows/,
      )
    }
  })
})

it('every kernel with cuts was cut', () => {
  expect([...cutKernels].sort()).toEqual(cuttable.sort())
})

describe.each(longWindowCases)('with bindings of at most %i bytes', (limit, long) => {
  for (const { kernel } of long) cutKernels.add(kernel)
  let device: WebGpuDevice
  beforeAll(async () => {
    device = await openWebGpuDevice(await keptGpu(), { maxBindingBytes: limit })
  })
  afterAll(() => device.dispose())

  it.each(long)('$kernel is right in pieces: $title', async (one) => {
    expect(piecesOf(one, limit).length).toBeGreaterThan(1)
    expectCase(one, await runCase(device, one), device)
  })
})

describe('pieces', () => {
  const floats = (byteLength: number): Binding => ({ buffer: null as never, byteOffset: 512, byteLength })
  const limits = { bindingBytes: 134217728, fitsGroups: () => true }

  it('binds a table of 50,304 × 2,048 floats in four windows, as head and backwards', () => {
    const common = {
      n: 50304,
      k: 2048,
      pitchA: 2048,
      pitchOut: 50304,
      transA: 0,
      transB: 1,
      hasBias: 0,
      accumulate: 0,
      alpha: 1,
    }
    const call = (params: Call['params'], a: number, out: number): Call => {
      return { bindings: { a: floats(4 * a), b: floats(412090368), bias: null, out: floats(4 * out) }, params }
    }
    const head = [...pieces(cutsOf('matmul'), call({ m: 256, ...common }, 256 * 2048, 256 * 50304), limits)]
    expect(head.map(({ params }) => params['n'])).toEqual([16384, 16384, 16384, 1152])
    expect(head.map(({ bindings }) => extent(bindings['b']))).toEqual(
      [0, 1, 2, 3].map((i) => [512 + i * 134217728, 512 + Math.min((i + 1) * 134217728, 412090368)]),
    )
    // Columns of out: from the first in the first row to the last in the last.
    expect(head.map(({ bindings }) => extent(bindings['out']))).toEqual(
      [0, 1, 2, 3].map((i) => [512 + i * 65536, 512 + 4 * (255 * 50304 + Math.min((i + 1) * 16384, 50304))]),
    )
    expect(head.map(({ bindings }) => extent(bindings['a']))).toEqual(
      [0, 1, 2, 3].map(() => [512, 512 + 4 * 256 * 2048]),
    )

    const back = { ...common, m: 256, n: 2048, k: 50304, pitchA: 50304, pitchOut: 2048, transB: 0, hasBias: 1 }
    const terms = [...pieces(cutsOf('matmul'), call(back, 256 * 50304, 256 * 2048), limits)]
    // Each window of 16384 terms in sums of 4096.
    expect(terms.map(({ params }) => [params['k'], params['accumulate'], params['hasBias']])).toEqual([
      [4096, 0, 1],
      ...Array(11).fill([4096, 1, 0]),
      [1152, 1, 0],
    ])
    expect(terms.map(({ bindings }) => extent(bindings['b'])[0])).toEqual(
      terms.map((_, i) => 512 + i * 4096 * 2048 * 4),
    )
    expect(terms.every(({ params }) => params['pitchA'] === 50304)).toBe(true)
    const unlimited = { ...limits, bindingBytes: Infinity }
    expect([...pieces(cutsOf('matmul'), call(back, 256 * 50304, 256 * 2048), unlimited)]).toEqual(terms)
  })

  it('cuts along a second axis where the first is not enough', () => {
    const params = {
      m: 1000,
      n: 50304,
      k: 2048,
      pitchA: 2048,
      pitchOut: 50304,
      transA: 0,
      transB: 1,
      hasBias: 1,
      accumulate: 0,
      alpha: 1,
    }
    const bindings = {
      a: floats(4 * 1000 * 2048),
      b: floats(412090368),
      bias: floats(4 * 50304),
      out: floats(4 * 1000 * 50304),
    }
    const all = [...pieces(cutsOf('matmul'), { bindings, params }, limits)]
    expect(all.every((piece) => fitsBindings(piece.bindings, limits.bindingBytes))).toBe(true)
    const area = all.reduce((sum, piece) => sum + (piece.params['m'] ?? 0) * (piece.params['n'] ?? 0), 0)
    expect(area).toBe(1000 * 50304)
    expect(all.length).toBe(8)
  })

  it('starts every window at a multiple of 256 bytes', () => {
    for (const one of [...cases, ...longWindowCases.flatMap(([, nested]) => nested)]) {
      for (const piece of piecesOf(one, 4096)) {
        for (const binding of Object.values(piece.bindings)) expect((binding?.byteOffset ?? 0) % 256).toBe(0)
      }
    }
  })

  it('cuts by workgroups as well, as the adapter has them', () => {
    const call: Call = { bindings: { out: floats(4 * 1000) }, params: { count: 1000, value: 1 } }
    const fitsGroups = ({ count = 0 }) => count <= 300
    const counts = [...pieces(cutsOf('fill'), call, { bindingBytes: 134217728, fitsGroups })].map(
      ({ params }) => params['count'],
    )
    expect(counts).toEqual([256, 256, 256, 232])
  })
})

describe('more than 65,535 workgroups', () => {
  const floats = (count: number): Binding => ({ buffer: null as never, byteOffset: 0, byteLength: 4 * count })

  it.each(['m', 'n'] as const)('are cut along the %s of a product', (axis) => {
    const long = 32 * 65535 + 5
    const [m, n] = axis === 'm' ? [long, 8] : [8, long]
    const row = rowOf('matmul')
    const fitsGroups = (params: Call['params']) => row.groups(params).every((count) => count <= 65535)
    const params = { m, n, k: 4, pitchA: 4, pitchOut: n, transA: 0, transB: 1, hasBias: 0, accumulate: 0, alpha: 1 }
    const bindings = { a: floats(4 * m), b: floats(4 * n), bias: null, out: floats(m * n) }
    const all = [...pieces(cutsOf('matmul'), { bindings, params }, { bindingBytes: Infinity, fitsGroups })]
    expect(all.every((piece) => fitsGroups(piece.params))).toBe(true)
    expect(all.reduce((sum, piece) => sum + (piece.params[axis] ?? 0), 0)).toBe(long)
    expect(all.length).toBe(2)
  })

  it.each((Object.keys(kernels) as KernelName[]).filter((name) => !name.startsWith('matmul')))('fit in %s', (name) => {
    const row = rowOf(name)
    const all = Object.fromEntries(Object.keys(row.params).map((param) => [param, 400]))
    const params = { ...all, count: 2 ** 30, rows: 2 ** 20, vocab: 2 ** 20, blockSize: 64 }
    const fits = (of: Call['params']) => row.groups(of).every((count) => count <= 65535)
    const bindings = Object.fromEntries([...row.reads, ...row.writes].map((each) => [each, floats(2 ** 40)]))
    const limits = { bindingBytes: Infinity, fitsGroups: fits }
    expect([...pieces(cutsOf(name), { bindings, params }, limits)].every((piece) => fits(piece.params))).toBe(true)
  })
})
