import { dynamicMap, fourBitCode, quantizeAbsmax, quantizeFourBit } from '../../src/quant/index.ts'
import { normals } from '../product.ts'
import { type Figure, figure, type Row, type RowOptions, type RowResult } from '../row.ts'
import { bestOf, clock, type Contender, race, type Samples } from '../stats.ts'
import { compileFor } from '../wasm/compile.ts'
import { Registers } from '../wasm/registers.ts'

const [m, n, k] = [128, 2048, 2048]
const operations = 2 * m * n * k
const blockSize = 64
type Size = readonly [m: number, n: number, k: number]
/** Sizes with a rest in every direction: of 4 rows, 8 columns, and steps of k. Rows of NF4 stay whole blocks. */
const odd: Readonly<Record<'f32' | 'NF4 NT' | 'NF4 NN', Size>> = {
  f32: [m - 1, n - 3, k - 5],
  'NF4 NT': [m - 1, n - 3, k],
  'NF4 NN': [m - 1, n, k - 5],
}

/** A kind of product: how its factors are packed, and all of it. */
interface Kind {
  readonly name: string
  readonly packA: () => void
  readonly packB: () => void
  readonly whole: (...size: Size) => void
  readonly odd: Size
}

type Call = (...numbers: readonly number[]) => void

/** Everything that the parts of products read and write, in one memory. */
async function open(build: RowOptions['build']): Promise<{
  readonly kinds: readonly Kind[]
  readonly tiles: Readonly<Record<'inCache' | 'inOrder', () => void>>
}> {
  const { exports } = await WebAssembly.instantiate(await compileFor(build, 'phases'))
  const call = (name: string) => exports[name] as Call
  const reserve = exports['reserve'] as (bytes: number) => number
  const scratchBytes = (exports['scratchBytes'] as () => number)()
  call('setScratch')(reserve(scratchBytes), scratchBytes)
  const put = (numbers: Float32Array | Uint8Array): number => {
    // Behind each there is room that tails may read.
    const at = reserve(numbers.byteLength + 4096)
    const bytes = new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength)
    new Uint8Array((exports['memory'] as WebAssembly.Memory).buffer).set(bytes, at)
    return at
  }
  const weights = normals(n * k)
  const { codes, absmax } = quantizeFourBit(weights, { type: 'nf4', blockSize })
  const double = quantizeAbsmax(absmax)
  const a = put(normals(m * k, 2))
  const b = put(weights)
  const out = put(new Float32Array(m * n))
  const stored = [
    put(codes),
    put(double.codes),
    put(Float32Array.of(...double.nestedAbsmax, double.offset)),
    put(Float32Array.of(...fourBitCode('nf4'), ...dynamicMap(true))),
  ]
  const nestedCount = double.nestedAbsmax.length
  const dense = (name: string, transA: 0 | 1, transB: 0 | 1): Kind => ({
    name,
    packA: () => {
      call('packA')(a, m, k, transA)
    },
    packB: () => {
      call('packB')(b, n, k, transB)
    },
    whole: (m, n, k) => {
      const items = Math.ceil(n / 8)
      call('beginJob')()
      call('matmul')(a, b, 0, out, m, n, k, transA ? m : k, n, transA, transB, 0, 0, 1, 0, items)
    },
    odd: odd.f32,
  })
  const fourBit = (name: 'NF4 NT' | 'NF4 NN', transB: 0 | 1): Kind => ({
    ...dense(name, 0, transB),
    odd: odd[name],
    packB: () => {
      call('decodeB')(...stored, n, k, transB, blockSize, nestedCount)
    },
    whole: (m, n, k) => {
      const format = [transB, 4, 0, blockSize, 1, nestedCount]
      call('beginJob')()
      call('matmulStored')(a, ...stored, 0, out, m, n, k, k, n, ...format, 0, 0, 1, 0, Math.ceil(n / 8))
    },
  })
  return {
    kinds: [
      dense('f32 NT', 0, 1),
      dense('f32 NN', 0, 0),
      dense('f32 TN', 1, 0),
      fourBit('NF4 NT', 1),
      fourBit('NF4 NN', 0),
    ],
    tiles: {
      inCache: () => {
        call('multiplyOnePanel')(out, m, n, k)
      },
      inOrder: () => {
        call('multiply')(out, m, n, k)
      },
    },
  }
}

async function phases({ rounds, build, say }: RowOptions): Promise<RowResult> {
  const { kinds, tiles } = await open(build)
  const registers = await Registers.open(build, 1)
  const inCache = 'tiles over one panel in cache'
  const inOrder = 'tiles in the order of a product'
  const contenders: readonly Contender[] = [
    { name: inCache, time: () => clock(tiles.inCache) },
    { name: inOrder, time: () => clock(tiles.inOrder) },
    ...kinds.flatMap(({ name, packA, packB, whole, odd }) => [
      // They take a millisecond or less.
      { name: `${name}: packing a`, time: () => clock(packA, 8) },
      { name: `${name}: packing b`, time: () => clock(packB, 4) },
      ...[[m, n, k] as const, odd].map((size) => ({
        name: wholeOf(name, size),
        time: () =>
          clock(() => {
            whole(...size)
          }),
      })),
    ]),
  ]
  // A product alone is too short for the registers to be timed around each.
  const samples = await race(
    [...contenders, { name: 'registers', time: () => registers.around('all', () => 0) }],
    rounds,
    5,
  )
  const fell = registers.fell('all', rounds)
  await registers.close()
  const alone = operations / registers.best / 1e6
  const best = (name: string) => bestOf(samples(name), 'less')
  const table = kinds.map(({ name, odd }) => {
    const whole = best(wholeOf(name, [m, n, k]))
    const [a, b] = [best(`${name}: packing a`), best(`${name}: packing b`)]
    const tail = (best(wholeOf(name, odd)) * operations) / (2 * odd[0] * odd[1] * odd[2]) - whole
    const parts = [alone, best(inCache) - alone, best(inOrder) - best(inCache), a, b, whole - best(inOrder) - a - b]
    return { name, whole, tail, parts }
  })
  say(partsTable(table))
  const time = (what: string, of: Samples): Figure => figure(what, 'ms', of, { fell })
  return {
    figures: [
      figure('multiply-adds in registers', 'GFLOP/s', registers.rates('all', rounds)),
      ...contenders.map(({ name }) => time(name, samples(name))),
    ],
  }
}

const wholeOf = (name: string, size: Size) => `${name}: ${size.join(' x ')}`

/** Where the best time of each product goes, in percent of it; what tails would add to it is beside. */
function partsTable(
  rows: readonly { readonly name: string; readonly whole: number; readonly tail: number; readonly parts: Samples }[],
): string {
  const heads = ['ms', 'registers', 'tile', 'memory', 'packing a', 'packing b', 'rest', 'tails add']
  const lines = rows.map(({ name, whole, tail, parts }) => {
    const percents = [...parts, tail].map((part) => `${((100 * part) / whole).toFixed(1)} %`)
    return [name, whole.toFixed(2), ...percents]
  })
  return [['', ...heads], ...lines]
    .map(([name = '', ...cells]) => `  ${name.padEnd(8)}${cells.map((cell) => cell.padStart(11)).join('')}`)
    .join('\n')
}

/** Where the time of a product goes. */
export const phaseRows: readonly Row[] = [
  {
    name: 'phases',
    about: `${m} x ${n} x ${k} on one thread, part by part: registers alone, what a tile adds, what the order of blocks and memory add, packing (of b in NF4: decoding), the rest`,
    rounds: 41,
    run: phases,
  },
]
