import { openCpuDevice } from '../src/device/cpu.ts'
import { Product } from './cpu-operands.ts'
import { decodeFigures, stepFigures } from './cpu-model.ts'
import { askPeer } from './peer.ts'
import type { Figure, Row, RowOptions } from './row.ts'
import { race, ratios, type Samples, summarise } from './stats.ts'

const [m, n, k] = [128, 2048, 2048]

interface Peer {
  readonly name: string
  readonly file: string
  readonly args: readonly (string | number)[]
  readonly bar: string
}

/** Times `own` and every peer once a round; peers in processes of their own. */
async function against(
  peers: readonly Peer[],
  own: () => Promise<number>,
  { rounds, say }: RowOptions,
): Promise<readonly Figure[]> {
  const ours: number[] = []
  const theirs = new Map<Peer, number[]>()
  for (const peer of peers) {
    const answer = await askPeer(peer.file, peer.args)
    if (typeof answer === 'string') say(`  ${peer.name}: absent (${answer})`)
    else {
      say(`  ${peer.name} ${answer.version}`)
      theirs.set(peer, [])
    }
  }
  if (theirs.size === 0) return []
  for (let round = 0; round < rounds; round++) {
    ours.push(await own())
    for (const [peer, samples] of theirs) {
      const answer = await askPeer(peer.file, peer.args)
      samples.push(typeof answer === 'string' ? NaN : answer.milliseconds)
    }
  }
  const time = (what: string, samples: Samples): Figure => ({ what, unit: 'ms', ...summarise(samples) })
  return [
    time('peft-medaware', ours),
    ...[...theirs].flatMap(([{ name, bar }, samples]) => [
      time(name, samples),
      { what: `${name} over peft-medaware`, unit: 'x', bar, ...summarise(ratios(samples, ours)) },
    ]),
  ]
}

async function matmul(options: RowOptions): Promise<readonly Figure[]> {
  const device = await openCpuDevice({ build: options.build })
  const product = new Product(device, m, n, k)
  const own = async () => {
    const samples = await race([{ name: 'own', work: () => product.dense(m, 0, 1), repeats: 4 }], 1)
    return samples.get('own')![0]!
  }
  const peers = [
    { name: 'jax-js wasm', file: 'jax-js.mjs', args: [m, n, k, 4], bar: '>= 5' },
    { name: 'tfjs wasm', file: 'tfjs.mjs', args: [m, n, k, 2], bar: '>= 20' },
  ]
  const figures = await against(peers, own, options)
  device.dispose()
  return figures
}

const torch = (work: string, { layers }: RowOptions, ...more: readonly (string | number)[]) =>
  [false, true].map((nf4) => ({
    name: nf4 ? 'PyTorch + bitsandbytes NF4' : 'PyTorch f32',
    file: 'torch_step.py',
    args: ['--work', work, '--layers', layers, ...more, ...(nf4 ? ['--nf4'] : [])],
    bar: '> 1',
  }))

const first = (figures: readonly Figure[]) => figures[0]!.median

/** The CPU engine beside others, each in a process of its own, in alternating rounds. */
export const peerRows: readonly Row[] = [
  { name: 'peers-matmul', about: `f32 ${m} x ${n} x ${k}, x · Wᵀ`, run: matmul },
  {
    name: 'peers-step',
    about: 'a LoRA step of Falcon-RW, batch 1, T = 128; ours on NF4',
    run: (options) =>
      against(
        torch('step', options, '--tokens', 128),
        async () => 1000 * first(await stepFigures(128, { ...options, rounds: 3 })),
        options,
      ),
  },
  {
    name: 'peers-decode',
    about: 'one token after another, batch 1; ours on NF4',
    run: (options) =>
      against(
        torch('decode', options, '--calls', 8),
        async () => first(await decodeFigures({ ...options, rounds: 2 })),
        options,
      ),
  },
]
