import { openCpuDevice } from '../src/device/cpu.ts'
import type { KernelCost } from '../src/device/kernel-profile.ts'
import { generateTokens } from '../src/generate/generate.ts'
import { attachLora } from '../src/peft/attach.ts'
import type { TrainingOptions } from '../src/train/training-options.ts'
import { TrainingRun } from '../src/train/training-run.ts'
import { randomFalcon } from './falcon.ts'
import type { Figure, Row, RowOptions } from './row.ts'
import { race, summarise } from './stats.ts'

/** Steps of QLoRA, batch 1, r = 16 on query_key_value, as PEFT's default for Falcon. */
export async function stepFigures(
  tokens: number,
  options: RowOptions,
  { gradientCheckpointing = false }: Pick<TrainingOptions, 'gradientCheckpointing'> = {},
): Promise<readonly Figure[]> {
  const { rounds, build, layers, say } = options
  const device = await openCpuDevice({ build, profile: true })
  const model = randomFalcon(device, layers)
  attachLora(model, { r: 16, loraAlpha: 32 }, { device })
  const inputIds = Int32Array.from({ length: tokens }, (_, i) => (i * 37) % 50304)
  const run = new TrainingRun(model, [{ inputIds, labels: inputIds }], {
    batchSize: 1,
    maxSteps: rounds + 1,
    gradientCheckpointing,
  })
  const steps = run[Symbol.asyncIterator]()
  await steps.next()
  device.profile!.reset()
  const start = performance.now()
  const outside: number[] = []
  const samples: number[] = []
  for (let round = 0; round < rounds; round++) {
    const [before, began] = [timeInProducts(device.profile!.costs()), performance.now()]
    await steps.next()
    const took = performance.now() - began
    samples.push(took)
    outside.push(100 * (1 - (timeInProducts(device.profile!.costs()) - before) / took))
  }
  if (options.profile) say(device.profile!.table(performance.now() - start))
  run.dispose()
  device.dispose()
  return [
    { what: `a step of ${layers} layers, T = ${tokens}`, unit: 's', ...summarise(samples.map((ms) => ms / 1000)) },
    { what: 'share outside matmul and attention', unit: '%', bar: '<= 12', ...summarise(outside) },
    memoryInUse(),
  ]
}

/** Tokens of Falcon-RW, one after another. */
export async function decodeFigures({ rounds, build, layers, profile, say }: RowOptions): Promise<readonly Figure[]> {
  const device = await openCpuDevice({ build, profile: true })
  const model = randomFalcon(device, layers)
  const perRound = 4
  const tokens = generateTokens(model, [Array.from({ length: 16 }, (_, i) => i * 37)], {
    maxNewTokens: 2 + perRound * (rounds + 1),
  })
  await tokens.next()
  device.profile!.reset()
  const start = performance.now()
  const work = async () => {
    await tokens.next()
  }
  const samples = await race([{ name: 'token', work, repeats: perRound }], rounds)
  if (profile) say(device.profile!.table(performance.now() - start))
  await tokens.return()
  device.dispose()
  return [{ what: `a token of ${layers} layers`, unit: 'ms', ...summarise(samples.get('token')!) }, memoryInUse()]
}

/** Milliseconds in matrix products and attention. */
function timeInProducts(costs: readonly KernelCost[]): number {
  return costs.reduce((sum, { operations, milliseconds }) => sum + (operations > 0 ? milliseconds : 0), 0)
}

function memoryInUse(): Figure {
  const gigabytes = process.memoryUsage().rss / 1e9
  return { what: 'resident memory of this process', unit: 'GB', ...summarise([gigabytes]) }
}

/** Falcon-RW-1B's shapes, on one thread or as many as the engine opens with. */
export const modelRows: readonly Row[] = [
  { name: 'step', about: 'QLoRA of Falcon-RW, batch 1, T = 128, r = 16', run: (options) => stepFigures(128, options) },
  {
    name: 'long-step',
    about: 'QLoRA of Falcon-RW, batch 1, T = 512, r = 16',
    run: (options) => stepFigures(512, options),
  },
  { name: 'decode', about: 'one token after another, batch 1', run: decodeFigures },
]
