import { openCpuDevice } from '../src/device/cpu.ts'
import { Product } from './cpu-operands.ts'
import { peakLoop, peakOperations } from './peak.ts'
import type { Figure, Row, RowOptions } from './row.ts'
import { type Contender, race, ratios, type Samples, summarise } from './stats.ts'

const [n, k] = [2048, 2048]

function speedOf(what: string, operations: number, samples: Samples): Figure {
  return { what, unit: 'GFLOP/s', ...summarise(samples.map((ms) => operations / ms / 1e6)) }
}

async function matmul({ rounds, build }: RowOptions): Promise<readonly Figure[]> {
  const device = await openCpuDevice({ build, threads: 1 })
  const product = new Product(device, 128, n, k)
  const shapes = [
    { name: 'f32 NT', work: () => product.dense(128, 0, 1) },
    { name: 'f32 NN', work: () => product.dense(128, 0, 0) },
    { name: 'f32 TN', work: () => product.dense(128, 1, 0) },
    { name: 'NF4 NT', work: () => product.fourBit(128, 1) },
    { name: 'NF4 NN (dX)', work: () => product.fourBit(128, 0) },
  ]
  const samples = await race([{ name: 'peak', work: await peakLoop(build) }, ...shapes], rounds)
  device.dispose()
  const of = (name: string) => samples.get(name)!
  const operations = product.operations(128)
  const share = (what: string, of1: Samples, of2: Samples, bar: string): Figure => ({
    what,
    unit: 'x',
    bar,
    ...summarise(ratios(of1, of2)),
  })
  const rate = (name: string) => of(name).map((ms) => operations / ms)
  const peak = of('peak').map((ms) => peakOperations / ms)
  return [
    speedOf('peak: multiply-adds in registers', peakOperations, of('peak')),
    ...shapes.map(({ name }) => speedOf(name, operations, of(name))),
    ...['f32 NT', 'f32 NN', 'f32 TN'].map((name) => share(`${name} of peak`, rate(name), peak, '>= 0.65')),
    share('NF4 NT of f32 NT', rate('NF4 NT'), rate('f32 NT'), '>= 0.85'),
    share('NF4 NN of f32 NN', rate('NF4 NN (dX)'), rate('f32 NN'), '>= 0.80'),
  ]
}

async function fewRows({ rounds, build }: RowOptions): Promise<readonly Figure[]> {
  const device = await openCpuDevice({ build, threads: 1 })
  const product = new Product(device, 64, n, k)
  const contenders: (Contender & { readonly m: number })[] = [1, 2, 4, 8, 16].flatMap((m) => [
    { name: `f32 NT, ${m} rows`, work: () => product.dense(m, 0, 1), repeats: 4, m },
    { name: `NF4 NT, ${m} rows`, work: () => product.fourBit(m, 1), repeats: 4, m },
    { name: `NF4 NN, ${m} rows`, work: () => product.fourBit(m, 0), repeats: 4, m },
  ])
  const samples = await race(contenders, rounds)
  device.dispose()
  return contenders.map(({ name, m }) => speedOf(name, product.operations(m), samples.get(name)!))
}

async function lora({ rounds, build }: RowOptions): Promise<readonly Figure[]> {
  const device = await openCpuDevice({ build, threads: 1 })
  const down = new Product(device, 2048, 16, 2048)
  const up = new Product(device, 2048, 2048, 16)
  const gradient = new Product(device, 2048, 2048, 128)
  const contenders = [
    { name: 'x · Aᵀ [128,2048] · [16,2048]ᵀ', work: () => down.dense(128, 0, 1), operations: down.operations(128) },
    { name: 'h · Bᵀ [128,16] · [2048,16]ᵀ', work: () => up.dense(128, 0, 1), operations: up.operations(128) },
    {
      name: 'dA = dHᵀ · x [128,16]ᵀ · [128,2048]',
      work: () => gradient.dense(16, 1, 0),
      operations: gradient.operations(16),
    },
  ].map((contender) => ({ ...contender, repeats: 8 }))
  const samples = await race(contenders, rounds)
  device.dispose()
  return contenders.map(({ name, operations }) => speedOf(name, operations, samples.get(name)!))
}

async function threads({ rounds, build, say }: RowOptions): Promise<readonly Figure[]> {
  const one = await openCpuDevice({ build, threads: 1 })
  const two = await openCpuDevice({ build, threads: 2 })
  if (two.whyOneThread !== null) {
    one.dispose()
    two.dispose()
    say(`one thread only, because ${two.whyOneThread}`)
    return []
  }
  const [single, double] = [new Product(one, 128, n, k), new Product(two, 128, n, k)]
  const samples = await race(
    [
      { name: 'one', work: () => single.dense(128, 0, 1) },
      { name: 'two', work: () => double.dense(128, 0, 1) },
    ],
    rounds,
  )
  one.dispose()
  two.dispose()
  const gain = summarise(ratios(samples.get('one')!, samples.get('two')!))
  return [{ what: 'f32 NT, two threads over one', unit: 'x', bar: '>= 1.8', ...gain }]
}

/** Matrix products of the CPU engine, one thread unless the row says otherwise. */
export const matmulRows: readonly Row[] = [
  { name: 'matmul', about: `128 x ${n} x ${k}`, run: matmul },
  { name: 'few-rows', about: `m x ${n} x ${k}`, run: fewRows },
  { name: 'lora', about: 'thin products of rank 16', run: lora },
  { name: 'threads', about: `128 x ${n} x ${k} on one and two threads`, run: threads },
]
