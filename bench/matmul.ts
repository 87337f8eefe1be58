import { hasRelaxedSimd, openCpuDevice } from '../src/device/cpu.ts'
import type { Binding, Device } from '../src/device/device.ts'
import { Random } from '../src/core/random.ts'
import { dynamicMap, fourBitCode, quantizeAbsmax, quantizeFourBit } from '../src/quant/index.ts'

// Speed of the CPU engine's matrix products on one thread: best of several runs, in GFLOP/s.

const [k, n, blockSize] = [2048, 2048, 64]
const random = new Random(1)
const normals = (count: number) => Float32Array.from({ length: count }, () => random.normal())
const weights = normals(n * k)
const { codes, absmax } = quantizeFourBit(weights, { type: 'nf4', blockSize })
const double = quantizeAbsmax(absmax)

function put(device: Device, label: string, numbers: ArrayBufferView): Binding {
  const { byteLength } = numbers
  const window = { buffer: device.memory.allocate(byteLength, label), byteOffset: 0, byteLength }
  device.upload(window, numbers)
  return window
}

function speed(m: number, work: () => void): string {
  const runs = m === 1 ? 100 : 12
  let best = Infinity
  for (let i = 0; i < runs; i++) {
    const start = performance.now()
    work()
    best = Math.min(best, performance.now() - start)
  }
  return ((2 * m * n * k) / best / 1e6).toFixed(1).padStart(6)
}

for (const relaxedSimd of hasRelaxedSimd() ? [false, true] : [false]) {
  const device = await openCpuDevice({ relaxedSimd })
  console.log(`\n${device.description}: m x ${n} x ${k}, GFLOP/s`)
  const out = put(device, 'out', new Float32Array(512 * n))
  const a = put(device, 'a', normals(512 * k))
  const b = put(device, 'b', weights)
  const fourBit = {
    codes: put(device, 'codes', codes),
    absmax: put(device, 'absmax', double.codes),
    nested: put(device, 'nested', Float32Array.of(...double.nestedAbsmax, double.offset)),
    tables: put(device, 'tables', Float32Array.of(...fourBitCode('nf4'), ...dynamicMap(true))),
  }
  const common = { n, k, hasBias: 0, accumulate: 0, alpha: 1 }
  const storage = { blockSize, isNested: 1, nestedCount: double.nestedAbsmax.length }
  for (const m of [1, 4, 128, 512]) {
    for (const [layout, transA, transB] of [
      ['NT', 0, 1],
      ['NN', 0, 0],
      ['TN', 1, 0],
    ] as const) {
      const dense = speed(m, () => device.run('matmul', { a, b, bias: null, out }, { ...common, m, transA, transB }))
      const packed = () =>
        device.run('matmulFourBit', { a, ...fourBit, bias: null, out }, { ...common, ...storage, m, transB })
      console.log(`m ${String(m).padStart(3)} ${layout}: f32 ${dense}${transA ? '' : `, NF4 ${speed(m, packed)}`}`)
    }
  }
  device.dispose()
}
