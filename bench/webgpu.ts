import { gpuEnvironment } from '../test/device/gpu-environment.ts'
import { type Comparison, compete, type Competitor } from './competition.ts'
import type { Bar, Row, RowOptions } from './row.ts'
import { small } from './small-falcon.ts'

const [m, n, k] = [128, 2048, 2048]
const lora = [128, 1024, 256]
const smallModel = `a Falcon-RW of ${small.layers} layers, ${small.hidden} wide, ${small.heads} heads, vocabulary ${small.vocabulary}, T = ${small.tokens}`

const competitor = (name: string, file: string, work: string, sizes: readonly number[] = [m, n, k]): Competitor => ({
  name,
  file,
  args: [work, ...sizes],
})
const own = (work: string, name = 'peft-medaware') => competitor(name, 'own/webgpu.ts', work)
const jax = (work: string, sizes?: readonly number[]) => competitor('jax-js', 'peers/jax-js-webgpu.mjs', work, sizes)
const tfjs = (work: string, sizes?: readonly number[]) => competitor('tfjs', 'peers/tfjs-webgpu.mjs', work, sizes)
const ort = (name: string, work: string) => competitor(name, 'peers/onnxruntime.mjs', work)
const registers = own('peak', 'multiply-adds in registers')
const step = (name: string, file: string, ...args: readonly string[]): Competitor => ({ name, file, args })
const ownStep = (name: string, ...args: readonly string[]) => step(name, 'own/webgpu-step.ts', ...args)
const over = (slower: string, faster: string, bar: Bar) => ({ slower, faster, bar })

const environment = ({ tuning }: RowOptions) => ({ ...gpuEnvironment(), BENCH_TUNING: tuning })

function row(
  name: string,
  about: string,
  competitors: readonly Competitor[],
  compare: readonly Comparison[],
  calls = 1,
): Row {
  return {
    name,
    about,
    rounds: 7,
    run: (options) => compete({ competitors, compare, calls, isModel: false, env: environment(options) }, options),
  }
}

const peers = [over('jax-js', 'peft-medaware', '>= 2'), over('tfjs', 'peft-medaware', '>= 2')]
const matmulPeers = [...peers, over('ONNX Runtime MatMul', 'peft-medaware', '>= 1.3')]

/**
 * Everything `npm run bench -- webgpu` can measure: each competitor a process of its own on the same adapter. ONNX
 * Runtime's MatMul has no transposed form; its x · W stands beside both of ours.
 */
export const webgpuRows: readonly Row[] = [
  row(
    'matmul',
    `f32 ${m} x ${n} x ${k}, x · Wᵀ`,
    [own('f32-nt'), registers, jax('f32-nt'), tfjs('f32-nt'), ort('ONNX Runtime MatMul', 'f32-nn')],
    matmulPeers,
  ),
  row(
    'matmul-back',
    `f32 ${m} x ${n} x ${k}, dY · W`,
    [own('f32-nn'), jax('f32-nn'), tfjs('f32-nn'), ort('ONNX Runtime MatMul', 'f32-nn')],
    matmulPeers,
  ),
  row(
    'nf4',
    `NF4 ${m} x ${n} x ${k}: forward x · Wᵀ, dX = dY · W; ours doubly quantised`,
    [own('nf4-nt'), own('nf4-nn', 'peft-medaware dX'), registers, ort('ONNX Runtime MatMulBnb4', 'nf4')],
    [
      over('ONNX Runtime MatMulBnb4', 'peft-medaware', '>= 2'),
      over('multiply-adds in registers', 'peft-medaware', '>= 0.3'),
      over('peft-medaware dX', 'peft-medaware', '<= 1.3'),
    ],
  ),
  row(
    'lora',
    `LoRA linear ${lora.join(' x ')}, r = 8: forward, and the gradients of x, A and B`,
    [competitor('peft-medaware', 'own/webgpu.ts', 'lora', lora), jax('lora', lora), tfjs('lora', lora)],
    peers,
    3,
  ),
  {
    name: 'step',
    about: `a LoRA step of ${smallModel}, r = ${small.rank}; all in f32, and ours in NF4 too`,
    rounds: 5,
    run: (options) =>
      compete(
        {
          competitors: [
            ownStep('peft-medaware', 'f32'),
            ownStep('peft-medaware NF4', 'nf4'),
            step('jax-js', 'peers/jax-js-step.mjs'),
            step('tfjs', 'peers/tfjs-step.mjs'),
          ],
          compare: [...peers, over('jax-js', 'peft-medaware NF4', '>= 2'), over('tfjs', 'peft-medaware NF4', '>= 2')],
          sameLosses: ['peft-medaware', 'jax-js', 'tfjs'],
          isModel: false,
          env: environment(options),
        },
        options,
      ),
  },
  {
    name: 'outside',
    about: 'the same step, each kernel timed by the adapter: what neither matmul nor attention takes',
    rounds: 5,
    run: (options) =>
      compete(
        {
          competitors: [
            { ...ownStep('peft-medaware, profiled', 'f32', 'profile'), kernelsOutside: '<= 15' },
            { ...ownStep('peft-medaware NF4, profiled', 'nf4', 'profile'), kernelsOutside: '<= 15' },
          ],
          isModel: false,
          env: environment(options),
        },
        options,
      ),
  },
  {
    name: 'host',
    about:
      'queueing a LoRA step of as many layers, 64 wide, T = 16, NF4, without waiting: all, and to encode, bind and submit',
    rounds: 7,
    run: (options) =>
      compete(
        {
          competitors: [
            { name: 'host time of a step', file: 'own/webgpu-host.ts', args: [options.layers], encoding: '<= 5' },
          ],
          calls: 20,
          // A software adapter with a thread of its own leaves the other cores to the host.
          env: { LP_NUM_THREADS: '1', ...environment(options) },
        },
        options,
      ),
  },
]
