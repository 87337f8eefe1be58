import { openCpuDevice } from '../../src/device/cpu/cpu-device.ts'
import { trainingSteps } from '../falcon.ts'
import { Product } from '../product.ts'
import { type Figure, figure, ratio, type Row, type RowOptions, type RowResult } from '../row.ts'
import { bestOf, clock, race } from '../stats.ts'
import { Registers } from '../wasm/registers.ts'

const [n, k] = [2048, 2048]
const warmUps = 3

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
  const registers = await Registers.open(build, 2)
  const size = { layers: Math.min(layers, 2), tokens: 128 }
  const contenders = [one, two].flatMap((device, i) => {
    const product = new Product(device, 128, n, k)
    const step = trainingSteps(device, size)
    return [
      { name: `product ${i}`, time: () => clock(() => product.dense(128, 0, 1), 1 + i) },
      { name: `step ${i}`, time: () => clock(step) },
    ].map(({ name, time }) => ({ name, time: () => registers.around(name, time) }))
  })
  const samples = await race(contenders, rounds, warmUps)
  await registers.close()
  dispose()
  const gain = (what: string, name: string): readonly Figure[] => {
    const [alone, together] = [samples(`${name} 0`), samples(`${name} 1`)]
    const fell = [...new Set([0, 1].flatMap((i) => registers.fell(`${name} ${i}`, rounds)))].sort((a, b) => a - b)
    // Two threads that never waited would take half of one's time.
    const waiting = (single: number, both: number) => 100 * (1 - single / (2 * both))
    const shares = alone.map((ms, round) => waiting(ms, together[round]!))
    const best = waiting(bestOf(alone, 'less'), bestOf(together, 'less'))
    return [
      ratio(`${what}, two threads over one`, alone, together, { bar: '>= 1.8', judgedBy: 'best', fell }),
      { ...figure(`${what}: what two threads wait, or hinder each other`, '%', shares, { fell }), best },
    ]
  }
  return {
    figures: [...gain('f32 NT', 'product'), ...gain(`a step of ${size.layers} layers`, 'step')],
  }
}

/** What threads are worth. */
export const threadRows: readonly Row[] = [
  {
    name: 'threads',
    about: `two threads over one: 128 x ${n} x ${k}, and a QLoRA step of 2 full-width layers, T = 128`,
    rounds: 21,
    run: threads,
  },
]
