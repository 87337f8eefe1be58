import { availableParallelism } from 'node:os'
import { openCpuDevice } from '../../src/device/cpu/cpu-device.ts'
import { trainingSteps } from '../falcon.ts'
import { Peak } from '../peak.ts'
import { Product } from '../product.ts'
import { type Bar, type Figure, figure, type Row, type RowOptions, type RowResult } from '../row.ts'
import { clock, type Contender, race, ratios, type Samples } from '../stats.ts'

const [n, k] = [2048, 2048]
const warmUps = 3

function speedOf(what: string, operations: number, samples: Samples): Figure {
  return figure(
    what,
    'GFLOP/s',
    samples.map((ms) => operations / ms / 1e6),
  )
}

async function matmul({ rounds, build }: RowOptions): Promise<RowResult> {
  const cores = availableParallelism()
  const teams = await Promise.all(
    [...new Set([cores, 1])].map(async (threads) => {
      const device = await openCpuDevice({ build, threads })
      return { threads, device, product: new Product(device, 128, n, k), peak: await Peak.open(build, threads) }
    }),
  )
  const events = teams.map(({ threads, device, product, peak }) => {
    const on = threads === 1 ? ', one thread' : `, ${threads} threads`
    const shapes = [
      { name: `f32 NT${on}`, time: () => clock(() => product.dense(128, 0, 1), 2) },
      { name: `f32 NN${on}`, time: () => clock(() => product.dense(128, 0, 0), 2) },
      { name: `f32 TN${on}`, time: () => clock(() => product.dense(128, 1, 0), 2) },
      { name: `NF4 NT${on}`, time: () => clock(() => product.fourBit(128, 1), 2) },
      { name: `NF4 NN${on}`, time: () => clock(() => product.fourBit(128, 0), 2) },
    ]
    const registers = { name: `multiply-adds in registers${on}`, time: () => clock(() => peak.run()) }
    return { threads, on, device, product, peak, shapes, registers }
  })
  const samples = await race(
    events.flatMap(({ registers, shapes }) => [registers, ...shapes]),
    rounds,
    warmUps,
  )
  const figures = events.flatMap(({ threads, on, product, peak, shapes, registers }) => {
    const operations = product.operations(128)
    const rate = (name: string) => samples(name + on).map((ms) => operations / ms)
    const most = samples(registers.name).map((ms) => peak.operations / ms)
    // The bars are on what all cores do.
    const share = (what: string, of1: Samples, of2: Samples, bar: Bar) =>
      figure(what + on, 'x', ratios(of1, of2), threads === cores ? bar : null)
    return [
      speedOf(registers.name, peak.operations, samples(registers.name)),
      ...shapes.map(({ name }) => speedOf(name, operations, samples(name))),
      ...['f32 NT', 'f32 NN', 'f32 TN'].map((name) => share(`${name} of registers`, rate(name), most, '>= 0.65')),
      share('NF4 NT of f32 NT', rate('NF4 NT'), rate('f32 NT'), '>= 0.85'),
      share('NF4 NN (dX) of f32 NN', rate('NF4 NN'), rate('f32 NN'), '>= 0.8'),
    ]
  })
  for (const { device, peak } of teams) {
    device.dispose()
    await peak.close()
  }
  return { figures }
}

async function fewRows({ rounds, build }: RowOptions): Promise<RowResult> {
  const device = await openCpuDevice({ build, threads: 1 })
  const product = new Product(device, 64, n, k)
  const contenders: (Contender & { readonly m: number })[] = [1, 2, 4, 8, 16].flatMap((m) => [
    { name: `f32 NT, ${m} rows`, time: () => clock(() => product.dense(m, 0, 1), 4), m },
    { name: `NF4 NT, ${m} rows`, time: () => clock(() => product.fourBit(m, 1), 4), m },
    { name: `NF4 NN, ${m} rows`, time: () => clock(() => product.fourBit(m, 0), 4), m },
  ])
  const samples = await race(contenders, rounds, warmUps)
  device.dispose()
  return { figures: contenders.map(({ name, m }) => speedOf(name, product.operations(m), samples(name))) }
}

async function lora({ rounds, build }: RowOptions): Promise<RowResult> {
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
  ].map(({ work, ...contender }) => ({ ...contender, time: () => clock(work, 8) }))
  const samples = await race(contenders, rounds, warmUps)
  device.dispose()
  return { figures: contenders.map(({ name, operations }) => speedOf(name, operations, samples(name))) }
}

async function threads({ rounds, build, layers }: RowOptions): Promise<RowResult> {
  const [one, two] = await Promise.all([openCpuDevice({ build, threads: 1 }), openCpuDevice({ build, threads: 2 })])
  const dispose = () => {
    one.dispose()
    two.dispose()
  }
  if (two.whyOneThread !== null) {
    dispose()
    return { figures: [], absent: { 'two threads': two.whyOneThread } }
  }
  const size = { layers: Math.min(layers, 2), tokens: 128 }
  const teams = [one, two].map((device, i) => {
    const product = new Product(device, 128, n, k)
    const step = trainingSteps(device, size)
    return [
      { name: `matmul ${i}`, time: () => clock(() => product.dense(128, 0, 1), 2) },
      { name: `step ${i}`, time: () => clock(step) },
    ]
  })
  const samples = await race(teams.flat(), rounds, warmUps)
  dispose()
  const gain = (name: string) => ratios(samples(`${name} 0`), samples(`${name} 1`))
  return {
    figures: [
      figure('f32 NT, two threads over one', 'x', gain('matmul'), '>= 1.8'),
      figure(`a step of ${size.layers} layers, two threads over one`, 'x', gain('step'), '>= 1.6'),
    ],
  }
}

/** Matrix products of the CPU engine, and what threads are worth. */
export const matmulRows: readonly Row[] = [
  { name: 'matmul', about: `128 x ${n} x ${k}, all cores and one thread`, rounds: 15, run: matmul },
  { name: 'few-rows', about: `m x ${n} x ${k}, one thread`, rounds: 7, run: fewRows },
  { name: 'lora', about: 'thin products of rank 16, one thread', rounds: 7, run: lora },
  {
    name: 'threads',
    about: `two threads over one: 128 x ${n} x ${k}, and a QLoRA step of 2 full-width layers, T = 128`,
    rounds: 15,
    run: threads,
  },
]
