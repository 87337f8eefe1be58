import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openCpuDevice } from '../../src/device/cpu/cpu-device.ts'
import type { Device } from '../../src/device/device.ts'
import { generateTokens } from '../../src/generate/generate.ts'
import { openAdapter as openLora, saveAdapter } from '../../src/io/adapter-folder.ts'
import { loadModel, type LoadedModel } from '../../src/io/load/load-model.ts'
import type { LoadModelOptions } from '../../src/io/load/load-options.ts'
import { saveModel } from '../../src/io/save/save-model.ts'
import type { CausalLm } from '../../src/models/causal-lm.ts'
import type { Example } from '../../src/models/example.ts'
import { attachLora } from '../../src/peft/attach.ts'
import { countParameters, describeParameterCounts } from '../../src/peft/parameter-counts.ts'
import { FourBitTensor } from '../../src/formats/four-bit/four-bit-tensor.ts'
import { TrainingRun } from '../../src/train/training-run.ts'
import { openAdapter } from '../open-webgpu.ts'
import { summarise } from '../stats.ts'

/** What every part is told. */
export interface PartOptions {
  /** The checkpoint in bf16. */
  readonly folder: string
  /** Where parts leave what the next ones read. */
  readonly out: string
  readonly device: 'cpu' | 'webgpu'
  readonly steps: number
  readonly tokens: number
}

type Facts = Readonly<Record<string, string | number>>

/** The recipe's adapter. */
const lora = { r: 16, loraAlpha: 32, loraDropout: 0.05 } as const
const newTokens = 16

/** The parts, in their order. */
export const parts = { load, train, merge, reload } as const
export type FalconPart = keyof typeof parts

/** Loads in double-quantised NF4, counts, and saves it so. */
async function load({ folder, out, device: kind }: PartOptions): Promise<Facts> {
  const device = await open(kind)
  const { loaded, seconds } = await timedLoad(folder, { device, quantize: {} })
  const { model, storage } = loaded
  const linears = [...model.namedWeights()].filter(([, weight]) => weight instanceof FourBitTensor)
  const loadPeak = process.resourceUsage().maxRSS * 1024
  const { seconds: saving, value: saved } = await timed(() => saveModel(model, join(out, 'nf4')))
  attachLora(model, lora, { device })
  const { trainable, all, allPacked, share, sharePacked } = countParameters(model)
  return {
    device: device.description,
    'seconds to load and quantise': seconds,
    'peak resident until then': `${(loadPeak / 1e9).toFixed(2)} GB`,
    'bytes of NF4 linear weights': linears.reduce((sum, [, weight]) => sum + weight.byteLength, 0),
    'bytes on the device': storage.bytes,
    'parameters of the base': all - trainable,
    'the same, packed': allPacked - trainable,
    trainable: `${trainable} (${(100 * share).toFixed(4)}%, packed ${(100 * sharePacked).toFixed(4)}%)`,
    'seconds to save it quantised': saving,
    'bytes saved': saved.bytes,
  }
}

/** Reloads what `load` saved, trains, generates, and saves the adapter. */
async function train({ out, device: kind, steps, tokens }: PartOptions): Promise<Facts> {
  const device = await open(kind)
  const { loaded, seconds } = await timedLoad(join(out, 'nf4'), { device })
  const { model } = loaded
  const adapter = attachLora(model, lora, { device })
  const run = new TrainingRun(model, examples(tokens), { maxSteps: steps, batchSize: 1, learningRate: 2e-4 })
  const losses: number[] = []
  const times: number[] = []
  for await (const { loss, seconds: step } of run) {
    losses.push(loss)
    times.push(step)
    process.stderr.write(`  step ${run.step} of ${steps}: loss ${loss.toFixed(4)}, ${step.toFixed(1)} s\n`)
  }
  const ids: number[] = []
  const { seconds: generating } = await timed(async () => {
    for await (const tokens of generateTokens(model, [prompt], { maxNewTokens: newTokens })) ids.push(tokens[0] ?? -1)
  })
  await saveAdapter(adapter, join(out, 'adapter'))
  return {
    'seconds to reload the quantised files': seconds,
    losses: losses.map((loss) => loss.toFixed(4)).join(' '),
    [`seconds a step of ${tokens} tokens (median)`]: summarise(times).median.toFixed(2),
    [`seconds for ${ids.length} tokens behind a prompt of ${prompt.length}`]: generating,
    trained: describeParameterCounts(countParameters(model)),
  }
}

/** Adds the adapter to the base in f16, writes down its logits, and saves the two as one. */
async function merge({ folder, out, device: kind }: PartOptions): Promise<Facts> {
  const device = await open(kind)
  const { loaded, seconds } = await timedLoad(folder, { device, dtype: 'f16' })
  const { model } = loaded
  await openLora(model, join(out, 'adapter'), { device })
  await writeFile(join(out, 'logits.bin'), await logits(model))
  const { seconds: saving, value: saved } = await timed(() => {
    return saveModel(model, join(out, 'merged'), { dtype: 'f16', merge: true })
  })
  return { 'seconds to load in f16': seconds, 'seconds to merge and save': saving, 'bytes saved': saved.bytes }
}

/** Reloads the merged model and compares it with base and adapter. */
async function reload({ out, device: kind }: PartOptions): Promise<Facts> {
  const device = await open(kind)
  const { loaded, seconds } = await timedLoad(join(out, 'merged'), { device, dtype: 'f16' })
  const own = await logits(loaded.model)
  const bytes = new Uint8Array(await readFile(join(out, 'logits.bin')))
  const before = new Float32Array(bytes.buffer)
  let [apart, largest] = [0, 0]
  for (let i = 0; i < own.length; i++) {
    apart = Math.max(apart, Math.abs((own[i] ?? NaN) - (before[i] ?? NaN)))
    largest = Math.max(largest, Math.abs(before[i] ?? 0))
  }
  return {
    'seconds to load': seconds,
    'logits of merged and of base with adapter, most apart': `${apart.toExponential(2)} (of at most ${largest.toFixed(2)})`,
  }
}

const prompt = Array.from({ length: 32 }, (_, i) => (i * 7919) % 50257)

/** The logits behind a prompt: f32 [vocab]. */
async function logits(model: CausalLm): Promise<Float32Array> {
  const scope = model.device.memory.open()
  try {
    const batch = { inputIds: Int32Array.from(prompt), shape: [1, prompt.length] as const }
    return await model.lastLogits(batch).read()
  } finally {
    scope.close()
  }
}

/** The same few tokens again and again, so that a falling loss can be seen in a few steps. */
function examples(tokens: number): readonly Example[] {
  const inputIds = Int32Array.from({ length: tokens }, (_, i) => ((i % 16) * 3001 + 17) % 50257)
  return [{ inputIds, labels: inputIds }]
}

async function open(kind: 'cpu' | 'webgpu'): Promise<Device> {
  return kind === 'cpu' ? openCpuDevice({ build: 'fastest' }) : openAdapter()
}

async function timedLoad(
  source: string,
  options: LoadModelOptions,
): Promise<{ readonly loaded: LoadedModel; readonly seconds: string }> {
  const { seconds, value: loaded } = await timed(async () => {
    const model = await loadModel(source, options)
    await options.device.settle()
    return model
  })
  return { loaded, seconds }
}

async function timed<T>(work: () => Promise<T>): Promise<{ readonly seconds: string; readonly value: T }> {
  const start = performance.now()
  const value = await work()
  return { seconds: ((performance.now() - start) / 1000).toFixed(2), value }
}
