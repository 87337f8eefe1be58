import { type Competitor, compete } from './competition.ts'
import type { Bar, Row, RowOptions } from './row.ts'

const ours = 'peft-medaware'
const checkpointed = 'peft-medaware, checkpointed'
const torch = 'PyTorch f32'
const torchNf4 = 'PyTorch + bitsandbytes NF4'

const own = ({ build }: RowOptions, work: string, ...args: readonly (string | number)[]): Competitor => ({
  name: ours,
  file: 'own/cpu.ts',
  args: ['--work', work, '--build', build, ...args],
})

function step(options: RowOptions, tokens: number): Competitor {
  const competitor = own(options, 'step', '--layers', options.layers, '--tokens', tokens)
  return { ...competitor, outside: '<= 12', ...(tokens === 128 ? { memory: '<= 1.6' as const } : {}) }
}

function checkpointedStep(options: RowOptions, tokens: number): Competitor {
  const { args, ...rest } = step(options, tokens)
  return { ...rest, name: checkpointed, args: [...args, '--gradient-checkpointing'], memory: '<= 1.9' }
}

const pytorch = (work: string, ...args: readonly (string | number)[]): Competitor => ({
  name: args.includes('--nf4') ? torchNf4 : torch,
  file: 'peers/pytorch.py',
  args: ['--work', work, ...args],
})

const over = (slower: string, faster: string, bar: Bar) => ({ slower, faster, bar })

/** The CPU engine in a process of its own, alone and beside others that have theirs, in alternating rounds. */
export const modelRows: readonly Row[] = [
  {
    name: 'step',
    about: 'QLoRA of Falcon-RW-1B, batch 1, T = 128, r = 16',
    rounds: 5,
    run: (options) => compete({ competitors: [step(options, 128)], unit: 's' }, options),
  },
  {
    name: 'long-step',
    about: 'the same at T = 512, without and with gradient checkpointing',
    rounds: 3,
    run: (options) =>
      compete({ competitors: [step(options, 512), checkpointedStep(options, 512)], unit: 's' }, options),
  },
  {
    name: 'decode',
    about: 'one token of Falcon-RW-1B in NF4 after another, batch 1',
    rounds: 7,
    run: (options) => compete({ competitors: [own(options, 'decode', '--layers', options.layers)], calls: 4 }, options),
  },
  {
    name: 'peers-matmul',
    about: 'f32 128 x 2048 x 2048, x · Wᵀ',
    rounds: 7,
    run: (options) =>
      compete(
        {
          competitors: [
            own(options, 'matmul'),
            { name: 'jax-js wasm', file: 'peers/jax-js.mjs', args: [128, 2048, 2048] },
            { name: 'tfjs wasm', file: 'peers/tfjs.mjs', args: [128, 2048, 2048] },
          ],
          compare: [over('jax-js wasm', ours, '>= 5'), over('tfjs wasm', ours, '>= 20')],
          calls: 4,
          isModel: false,
        },
        options,
      ),
  },
  {
    name: 'peers-step',
    about: 'a LoRA step of Falcon-RW-1B, batch 1, T = 128, r = 16; ours on NF4',
    rounds: 5,
    run: (options) =>
      compete(
        {
          competitors: [
            step(options, 128),
            pytorch('step', '--layers', options.layers, '--tokens', 128),
            pytorch('step', '--layers', options.layers, '--tokens', 128, '--nf4'),
          ],
          compare: [over(torch, ours, '> 1'), over(torchNf4, ours, '> 1')],
          unit: 's',
        },
        options,
      ),
  },
  {
    name: 'peers-long-step',
    about: 'the same at T = 512, ours without and with gradient checkpointing',
    rounds: 3,
    run: (options) =>
      compete(
        {
          competitors: [
            step(options, 512),
            checkpointedStep(options, 512),
            pytorch('step', '--layers', options.layers, '--tokens', 512),
          ],
          compare: [over(ours, torch, '<= 2.2'), over(checkpointed, torch, '<= 3')],
          unit: 's',
        },
        options,
      ),
  },
  {
    name: 'peers-decode',
    about: 'one token of Falcon-RW-1B after another, batch 1; ours on NF4',
    rounds: 7,
    run: (options) =>
      compete(
        {
          competitors: [
            own(options, 'decode', '--layers', options.layers),
            pytorch('decode', '--layers', options.layers),
          ],
          compare: [over(torch, ours, '> 1')],
          calls: 4,
        },
        options,
      ),
  },
]
