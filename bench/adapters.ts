import { gpuEnvironment } from '../test/device/gpu-environment.ts'
import { compete, type Competitor } from './competition.ts'
import type { Row } from './row.ts'
import type { Clock } from './stats.ts'

/** The linears of a decoder layer of Falcon-RW-1B, in and out, and what adapts them. */
export const falconLinears = {
  sizes: [
    [2048, 6144],
    [2048, 2048],
    [2048, 8192],
    [8192, 2048],
  ],
  tokens: 128,
  rank: 16,
  scaling: 2,
} as const

/** What is compared: no adapter, and one of each kind. */
export const methods = ['bare', 'lora', 'dora'] as const
export type Variant = (typeof methods)[number]
const names = { bare: 'frozen linears', lora: 'with LoRA', dora: 'with DoRA' } as const
const { tokens, rank } = falconLinears

function competitors(engine: 'cpu' | 'webgpu', storage: 'f32' | 'nf4', clock: Clock): readonly Competitor[] {
  // Each takes turns with itself in one process, where memory lies alike.
  return methods.flatMap((variant) => [
    { name: names[variant], file: 'own/adapted-linears.ts', args: [engine, storage, clock], variant },
    // torch computes on the CPU, whatever the row's engine.
    { name: `PEFT: ${names[variant]}`, file: 'peers/peft-linears.py', args: [storage, clock], variant },
  ])
}

function row(engine: 'cpu' | 'webgpu', storage: 'f32' | 'nf4'): Row {
  return {
    name: `${engine}-${storage}`,
    about: `the four linears of a layer of Falcon-RW-1B over ${storage}, T = ${tokens}, r = ${rank}: forward, gradients of x and of the adapter; what the adapter adds`,
    rounds: 9,
    run: (options) =>
      compete(
        {
          competitors: competitors(engine, storage, options.clock),
          compare: [
            { slower: names.lora, faster: names.bare, bar: '<= 1.08' },
            { slower: names.dora, faster: names.bare, bar: '<= 1.35' },
            { slower: `PEFT: ${names.lora}`, faster: `PEFT: ${names.bare}` },
            { slower: `PEFT: ${names.dora}`, faster: `PEFT: ${names.bare}` },
          ],
          isModel: false,
          env: engine === 'cpu' ? {} : { ...gpuEnvironment(), BENCH_TUNING: options.tuning },
        },
        options,
      ),
  }
}

/** Everything `npm run bench -- adapters` can measure. */
export const adapterRows: readonly Row[] = [
  row('cpu', 'f32'),
  row('cpu', 'nf4'),
  row('webgpu', 'f32'),
  row('webgpu', 'nf4'),
]
