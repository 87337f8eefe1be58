import { availableParallelism } from 'node:os'
import { openCpuDevice } from '../../src/device/cpu/cpu-device.ts'
import { Product } from '../product.ts'
import { type Figure, figure, ratio, type Row, type RowOptions, type RowResult } from '../row.ts'
import { clock, type Contender, race, type Samples } from '../stats.ts'
import { Registers } from '../wasm/registers.ts'

const [n, k] = [2048, 2048]
const warmUps = 3

function speedOf(what: string, operations: number, samples: Samples, fell?: readonly number[]): Figure {
  return figure(
    what,
    'GFLOP/s',
    samples.map((ms) => operations / ms / 1e6),
    { fell },
  )
}

async function matmul({ rounds, build }: RowOptions): Promise<RowResult> {
  const teams = await Promise.all(
    [...new Set([availableParallelism(), 1])].map(async (threads) => {
      const device = await openCpuDevice({ build, threads })
      const registers = await Registers.open(build, threads)
      return { threads, device, product: new Product(device, 128, n, k), registers }
    }),
  )
  const events = teams.map(({ threads, product, ...team }) => {
    const on = threads === 1 ? ', one thread' : `, ${threads} threads`
    const shapes = [
      { name: `f32 NT${on}`, work: () => product.dense(128, 0, 1) },
      { name: `f32 NN${on}`, work: () => product.dense(128, 0, 0) },
      { name: `f32 TN${on}`, work: () => product.dense(128, 1, 0) },
      { name: `NF4 NT${on}`, work: () => product.fourBit(128, 1) },
      { name: `NF4 NN${on}`, work: () => product.fourBit(128, 0) },
    ]
    return { ...team, on, shapes, operations: product.operations(128), threads }
  })
  const samples = await race(
    events.flatMap(({ registers, shapes, threads }) =>
      // As long as the registers' runs, whatever the number of threads.
      shapes.map(({ name, work }) => ({ name, time: () => registers.around(name, () => clock(work, threads)) })),
    ),
    rounds,
    warmUps,
  )
  const figures = events.flatMap(({ on, operations, registers, shapes }) => [
    figure(
      `multiply-adds in registers${on}`,
      'GFLOP/s',
      shapes.flatMap(({ name }) => registers.rates(name, rounds)),
    ),
    ...shapes.map(({ name }) => speedOf(name, operations, samples(name), registers.fell(name, rounds))),
    ...shapes.map(({ name }) => {
      const speeds = samples(name).map((ms) => operations / ms / 1e6)
      const fell = registers.fell(name, rounds)
      return ofRegisters(`${name}, of registers`, speeds, registers.rates(name, rounds), registers.best, fell)
    }),
  ])
  for (const { device, registers } of teams) {
    device.dispose()
    await registers.close()
  }
  return { figures }
}

/** A product's share of the registers' speed, round by round, and its best beside their best of all rounds. */
function ofRegisters(what: string, speeds: Samples, around: Samples, best: number, fell: readonly number[]): Figure {
  return ratio(what, speeds, around, { better: 'more', besideBest: best, bar: '>= 0.85', judgedBy: 'best', fell })
}

/** Speeds of products on one thread. */
async function speeds(
  products: readonly (Contender & { readonly operations: number })[],
  { rounds, build }: RowOptions,
): Promise<readonly Figure[]> {
  const registers = await Registers.open(build, 1)
  const contenders = products.map(({ name, time }) => ({ name, time: () => registers.around(name, time) }))
  const samples = await race(contenders, rounds, warmUps)
  await registers.close()
  return products.map(({ name, operations }) => speedOf(name, operations, samples(name), registers.fell(name, rounds)))
}

async function fewRows(options: RowOptions): Promise<RowResult> {
  const device = await openCpuDevice({ build: options.build, threads: 1 })
  const product = new Product(device, 64, n, k)
  const products = [1, 2, 4, 8, 16].flatMap((m) =>
    [
      { name: `f32 NT, ${m} rows`, work: () => product.dense(m, 0, 1) },
      { name: `NF4 NT, ${m} rows`, work: () => product.fourBit(m, 1) },
      { name: `NF4 NN, ${m} rows`, work: () => product.fourBit(m, 0) },
    ].map(({ name, work }) => ({ name, time: () => clock(work, 4), operations: product.operations(m) })),
  )
  const figures = await speeds(products, options)
  device.dispose()
  return { figures }
}

async function lora(options: RowOptions): Promise<RowResult> {
  const device = await openCpuDevice({ build: options.build, threads: 1 })
  const down = new Product(device, 2048, 16, 2048)
  const up = new Product(device, 2048, 2048, 16)
  const gradient = new Product(device, 2048, 2048, 128)
  const products = [
    { name: 'x · Aᵀ [128,2048] · [16,2048]ᵀ', work: () => down.dense(128, 0, 1), operations: down.operations(128) },
    { name: 'h · Bᵀ [128,16] · [2048,16]ᵀ', work: () => up.dense(128, 0, 1), operations: up.operations(128) },
    {
      name: 'dA = dHᵀ · x [128,16]ᵀ · [128,2048]',
      work: () => gradient.dense(16, 1, 0),
      operations: gradient.operations(16),
    },
  ].map(({ work, ...product }) => ({ ...product, time: () => clock(work, 8) }))
  const figures = await speeds(products, options)
  device.dispose()
  return { figures }
}

/** Matrix products of the CPU engine. */
export const productRows: readonly Row[] = [
  { name: 'matmul', about: `128 x ${n} x ${k}, all cores and one thread`, rounds: 41, run: matmul },
  { name: 'few-rows', about: `m x ${n} x ${k}, one thread`, rounds: 15, run: fewRows },
  { name: 'lora', about: 'thin products of rank 16, one thread', rounds: 15, run: lora },
]
