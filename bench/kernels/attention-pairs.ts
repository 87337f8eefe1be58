import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { pathToFileURL } from 'node:url'
import { Random } from '../../src/core/random.ts'
import type { Binding, Device } from '../../src/device/device.ts'
import { attentionTable, causalRanges } from '../../src/device/register/attention-table.ts'
import type * as cpuDevice from '../../src/device/cpu/cpu-device.ts'
import type * as openWebGpu from '../open-webgpu.ts'
import { ratios, type Samples, summarise } from '../stats.ts'

// tsx bench/kernels/attention-pairs.ts OTHER [--engine cpu|webgpu] [--build relaxed] [--pairs 60] [--only NAME]:
// causal attention of this checkout beside that of another one, kernel by kernel, in pairs that alternate; prints
// ratios (below 1: this one is faster) with their quartiles, and whether the bits are the same. A checkout from before
// `table` is given what its kernels knew causality by. What is counted is the time that the process had of its
// processors, of which others on the machine take nothing; an adapter must be software for it.

const { values, positionals } = parseArgs({
  options: {
    engine: { type: 'string', default: 'cpu' },
    pairs: { type: 'string', default: '60' },
    only: { type: 'string', default: '' },
    build: { type: 'string', default: 'relaxed' },
  },
  allowPositionals: true,
})

const shapes = [
  {
    title: 'fused, ALiBi, T 256',
    batch: 1,
    heads: 8,
    kvHeads: 8,
    queries: 256,
    keys: 256,
    dim: 64,
    isFused: 1,
    hasAlibi: 1,
  },
  {
    title: 'apart, grouped, T 256',
    batch: 1,
    heads: 8,
    kvHeads: 2,
    queries: 256,
    keys: 256,
    dim: 64,
    isFused: 0,
    hasAlibi: 0,
  },
  {
    title: 'wide heads as Gemma 3 has them, T 256',
    batch: 1,
    heads: 4,
    kvHeads: 1,
    queries: 256,
    keys: 256,
    dim: 256,
    isFused: 0,
    hasAlibi: 0,
  },
  {
    title: 'decoding, 1 of 512',
    batch: 1,
    heads: 16,
    kvHeads: 4,
    queries: 1,
    keys: 512,
    dim: 64,
    isFused: 0,
    hasAlibi: 0,
  },
]
const kernelNames = ['attention', 'attentionBackwardQuery', 'attentionBackwardKey'] as const

/** A checkout's device, and whether its kernels read a table. */
interface Side {
  readonly device: Device
  readonly hasTable: boolean
}

/** What all is computed from, the same on both sides. */
function numbersOf(s: (typeof shapes)[number]) {
  const random = Random.of(7, s.queries)
  const normals = (count: number) => Float32Array.from({ length: count }, () => random.normal())
  const [rows, ofKeys] = [s.batch * s.heads * s.queries, s.batch * s.kvHeads * s.keys * s.dim]
  const fused = normals(s.isFused === 1 ? rows * s.dim + 2 * ofKeys : 0)
  return {
    ...(s.isFused === 1
      ? { q: fused, k: fused, v: fused }
      : { q: normals(rows * s.dim), k: normals(ofKeys), v: normals(ofKeys) }),
    dOut: normals(rows * s.dim),
    slopes: Float32Array.from({ length: s.heads }, (_, head) => 2 ** -head),
    positions: Float32Array.from({ length: s.batch * s.keys }, (_, i) => i % s.keys),
  }
}

async function open(root: string): Promise<Side> {
  const load = async (path: string) =>
    (await import(pathToFileURL(resolve(root, path)).href)) as Record<string, unknown>
  const { kernels } = (await load('src/device/register/kernels.ts')) as {
    kernels: { attention: { reads: readonly string[] } }
  }
  const hasTable = kernels.attention.reads.includes('table')
  if (values.engine === 'cpu') {
    const { openCpuDevice } = (await load('src/device/cpu/cpu-device.ts')) as Pick<typeof cpuDevice, 'openCpuDevice'>
    return { hasTable, device: await openCpuDevice({ build: values.build as cpuDevice.CpuBuild, threads: 1 }) }
  }
  const { openAdapter } = (await load('bench/open-webgpu.ts')) as Pick<typeof openWebGpu, 'openAdapter'>
  return { hasTable, device: await openAdapter({ tuning: 'off' }) }
}

/** The three kernels of a side as works to time, and what they wrote. */
function worksOf({ device, hasTable }: Side, s: (typeof shapes)[number]) {
  const numbers = numbersOf(s)
  const put = (values: Float32Array | Int32Array): Binding => {
    const buffer = device.memory.rooted(() => device.memory.allocate(values.byteLength, 'bench'))
    const binding = { buffer, byteOffset: 0, byteLength: values.byteLength }
    device.upload(binding, values)
    return binding
  }
  const { heads, dim, queries, keys, batch } = s
  const alibi = s.hasAlibi === 1 ? { slopes: numbers.slopes, positions: numbers.positions } : undefined
  const table = attentionTable({ samples: batch, queries, keys, ranges: causalRanges(batch, queries, keys), alibi })
  const before = alibi ? put(Float32Array.of(...alibi.slopes, ...alibi.positions)) : null
  const q = put(numbers.q)
  const [k, v] = s.isFused === 1 ? [q, q] : [put(numbers.k), put(numbers.v)]
  const reads = { q, k, v, ...(hasTable ? { table: put(table) } : { alibi: before }) }
  const rows = batch * heads * queries
  const [out, dQ, dKv] = [rows * dim, numbers.q.length, s.isFused === 1 ? numbers.q.length : 2 * numbers.k.length].map(
    (count) => put(new Float32Array(count)),
  )
  const [stats, dOut] = [put(new Float32Array(2 * rows)), put(numbers.dOut)]
  const { title: _, ...sizes } = s
  const told = { hasHoles: 0, first: 0, scale: 1 / Math.sqrt(dim), alibiScale: 0.5 }
  const params = { ...sizes, ...told, capacity: keys }
  const writes = {
    attention: { out, stats },
    attentionBackwardQuery: { dOut, out, stats, dQ },
    attentionBackwardKey: { dOut, stats, dKv },
  }
  const works = kernelNames.map((name) => () => device.run(name, { ...reads, ...writes[name] } as never, params))
  return { works, written: [out, stats, dQ, dKv] }
}

/** Milliseconds of processor that a call takes, the mean of `calls` in a row. */
async function timed(device: Device, work: () => void, calls: number): Promise<number> {
  const start = process.cpuUsage()
  for (let i = 0; i < calls; i++) work()
  await device.settle()
  const { user, system } = process.cpuUsage(start)
  return (user + system) / 1000 / calls
}

function lineOf(name: string, mine: Samples, other: Samples): string {
  const sorted = [...ratios(mine, other)].sort((a, b) => a - b)
  const at = (share: number) => (sorted[Math.floor(share * (sorted.length - 1))] ?? NaN).toFixed(3)
  const ms = (samples: Samples) => summarise(samples).median.toFixed(2)
  const ofMedians = summarise(mine).median / summarise(other).median
  return (
    `  ${name.padEnd(24)} ${at(0.5)}  [${at(0.25)}, ${at(0.75)}]  of medians ${ofMedians.toFixed(3)}   ` +
    `${ms(mine)} ms beside ${ms(other)}`
  )
}

const sides = [await open(resolve(import.meta.dirname, '../..')), await open(resolve(positionals[0] ?? '.'))] as const
console.log(`${sides[0].device.description}\n  kernel                   ratio, its quartiles`)
for (const shape of shapes.filter(({ title }) => title.includes(values.only))) {
  const both = sides.map((side) => worksOf(side, shape))
  console.log(shape.title)
  for (const [i, name] of kernelNames.entries()) {
    const samples: [number[], number[]] = [[], []]
    const one = (side: number, calls: number) => timed(sides[side as 0].device, both[side]!.works[i]!, calls)
    for (const side of [0, 1]) await one(side, 1)
    const calls = Math.max(1, Math.round(20 / (await one(0, 2))))
    for (let pair = 0; pair < Number(values.pairs); pair++) {
      for (const side of pair % 2 === 0 ? [0, 1] : [1, 0]) samples[side as 0].push(await one(side, calls))
    }
    console.log(lineOf(name, ...samples))
  }
  const read = async (side: 0 | 1) =>
    Promise.all(both[side]!.written.map(async (window) => Buffer.from(await sides[side].device.download(window!))))
  const [mine, other] = [await read(0), await read(1)]
  console.log(`  bits: ${mine.every((bytes, j) => bytes.equals(other[j]!)) ? 'the same' : 'OTHERS'}`)
}
for (const { device } of sides) device.dispose()
