import { type Comparison, compete, type Competitor, type Outcome, type Rules } from './competition.ts'
import { type Bars, type Figure, ratio, type Row, type RowOptions } from './row.ts'

const ours = 'peft-medaware'
const oursBf16 = 'peft-medaware, head in bf16'
const checkpointed = 'peft-medaware, checkpointed'
const torch = 'PyTorch f32'
const torchNf4 = 'PyTorch + bitsandbytes NF4'
const denseProduct = 'f32 product, x · Wᵀ'
const storedProduct = 'NF4 product, x · Wᵀ'
const sum = 'a plain sum of as many bytes'

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

/** Times are compared best beside best: what else runs on a machine lengthens them and never shortens them. */
export const over = (slower: string, faster: string, bar?: Bars): Comparison => ({
  slower,
  faster,
  judgedBy: 'best',
  ...(bar && { bar }),
})

/** Beside PyTorch with its base in NF4, the like of ours, there are bars; beside f32 there are none. */
const besideTorch = (who: string): readonly Comparison[] => [
  over(torchNf4, who, { 20: '>= 0.8', 24: '> 1' }),
  { slower: who, faster: torchNf4, of: 'memory', bar: '<= 0.65' },
  // On AVX-512 its products are beyond what 256-bit instructions, the widest that V8 has, can reach.
  { ...over(torch, who), what: `${torch} over ${who} (a floor, for comparison)` },
]

/** The CPU's rows: each turn between two runs of the registers. */
export const competeOnCpu = (rules: Rules, options: RowOptions) => compete({ registers: true, ...rules }, options)

/** The plain sum that a decoded token is compared with, and how much of its bandwidth the token reaches. */
export const besideSum = ({ build }: RowOptions, who: string): Pick<Rules, 'competitors' | 'compare'> => ({
  competitors: [{ name: sum, file: 'own/bandwidth.ts', args: [build], bytesOf: who, calls: 1 }],
  compare: [{ ...over(sum, who), what: `bandwidth of ${who}, of that sum's` }],
})

/** Floating-point operations of a product of own/cpu.ts. */
const productOperations = 2 * 128 * 2048 * 2048

/** A step beside its operations at the speed that the products alone reach: what else it does, and does slower. */
function overProducts({ times, kernels, fell, present }: Outcome, bar: Bars | null | undefined): readonly Figure[] {
  const [costs] = kernels(ours)
  if (costs === undefined || present.length < 3) return []
  const operations = (isStored: boolean) =>
    costs.reduce((all, cost) => all + ((cost.name === 'matmulStored') === isStored ? cost.operations : 0), 0)
  const dense = times(denseProduct)
  const stored = times(storedProduct)
  const alone = dense.map(
    (ms, round) => (operations(false) * ms + operations(true) * stored[round]!) / productOperations,
  )
  const [inNf4, inF32] = [true, false].map((isStored) => (operations(isStored) / 1e9).toFixed(0))
  const what = `${ours} over its products alone (${inNf4} GFLOP in NF4, ${inF32} in f32)`
  return [ratio(what, times(ours), alone, { bar, judgedBy: 'best', fell: fell(ours) })]
}

/** The CPU engine in a process of its own, alone and beside others that have theirs, in alternating rounds. */
export const modelRows: readonly Row[] = [
  {
    name: 'step',
    about: 'QLoRA of Falcon-RW-1B, batch 1, T = 128, r = 16, and products alone',
    rounds: 5,
    run: (options) =>
      competeOnCpu(
        {
          competitors: [
            step(options, 128),
            { ...own(options, 'product'), name: denseProduct, variant: 'f32', calls: 24 },
            { ...own(options, 'product'), name: storedProduct, variant: 'nf4', calls: 24 },
          ],
          more: (outcome, barOf) => overProducts(outcome, barOf('<= 1.15')),
        },
        options,
      ),
  },
  {
    name: 'long-step',
    about: 'the same at T = 512, without and with gradient checkpointing',
    rounds: 3,
    run: (options) =>
      competeOnCpu({ competitors: [step(options, 512), checkpointedStep(options, 512)], unit: 's' }, options),
  },
  {
    name: 'decode',
    about: 'one token of Falcon-RW-1B in NF4 after another, batch 1, and the bandwidth of the memory',
    rounds: 7,
    run: (options) => {
      const token = { ...own(options, 'decode', '--layers', options.layers), between: '<= 10' as const }
      const inCache = { ...own(options, 'rows'), name: 'NF4 rows in cache', calls: 200 }
      const beside = besideSum(options, ours)
      return competeOnCpu({ ...beside, competitors: [token, inCache, ...beside.competitors], calls: 4 }, options)
    },
  },
  {
    name: 'peers-matmul',
    about: 'f32 128 x 2048 x 2048, x · Wᵀ',
    rounds: 15,
    run: (options) =>
      competeOnCpu(
        {
          competitors: [
            own(options, 'product'),
            { name: 'jax-js wasm', file: 'peers/jax-js.mjs', args: [128, 2048, 2048] },
            { name: 'tfjs wasm', file: 'peers/tfjs.mjs', args: [128, 2048, 2048] },
          ],
          compare: [over('jax-js wasm', ours, { 20: '>= 3', 24: '>= 4' }), over('tfjs wasm', ours, '>= 20')],
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
      competeOnCpu(
        {
          competitors: [
            step(options, 128),
            pytorch('step', '--layers', options.layers, '--tokens', 128, '--nf4'),
            pytorch('step', '--layers', options.layers, '--tokens', 128),
          ],
          compare: besideTorch(ours),
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
      competeOnCpu(
        {
          competitors: [
            step(options, 512),
            checkpointedStep(options, 512),
            pytorch('step', '--layers', options.layers, '--tokens', 512, '--nf4'),
            pytorch('step', '--layers', options.layers, '--tokens', 512),
          ],
          compare: [
            ...besideTorch(ours),
            { ...over(torchNf4, checkpointed), what: `${torchNf4} over ${checkpointed} (which computes more)` },
            { slower: checkpointed, faster: torchNf4, of: 'memory' },
          ],
          unit: 's',
        },
        options,
      ),
  },
  {
    name: 'peers-decode',
    about: 'one token of Falcon-RW-1B after another, batch 1; ours on NF4, its head in f32 and in bf16, as its file is',
    rounds: 7,
    run: (options) =>
      competeOnCpu(
        {
          competitors: [
            { ...own(options, 'decode', '--layers', options.layers), between: '<= 10' },
            {
              ...own(options, 'decode', '--layers', options.layers, '--head', 'bf16'),
              ...{ name: oursBf16, between: '<= 10' as const },
            },
            pytorch('decode', '--layers', options.layers),
          ],
          compare: [over(torch, ours, '>= 1.5'), over(torch, oursBf16, '>= 1.5')],
          calls: 4,
        },
        options,
      ),
  },
]
