/**
 * What `platforms.ts` runs in every runtime, in a folder where the packed package is installed:
 * `<runtime> task.mjs PROBE BASE OUT [REFERENCE]`. Prints one line of JSON, as `Finding` has it.
 */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import {
  type Adapter,
  attachLora,
  completeText,
  type Device,
  fromArray,
  loadModel,
  openAdapter,
  openDevice,
  type OpenDeviceOptions,
  promptCompletionExample,
  saveAdapter,
  TrainingRun,
} from 'peft-medaware'
import { noGrad } from 'peft-medaware/autograd'
import { linear } from 'peft-medaware/ops'
import { startWorker } from 'peft-medaware/worker'
import type { Finding } from './finding.ts'

const [probe = '', base = '', out = '', reference] = process.argv.slice(2)

const pairs = [
  ['What is asthma?', 'A long-lasting disease of the airways, which swell and let too little air in.'],
  ['What is gout?', 'Crystals of uric acid in a joint, which make it hot, swollen and very painful.'],
  ['What is eczema?', 'Skin that is dry, red and itches, often in families with asthma or hay fever.'],
  ['What is anemia?', 'Too few red blood cells, so that the body gets too little oxygen.'],
] as const
const rows = pairs.map(([question, answer]) => ({
  prompt: `Question: ${question}\nAnswer:`,
  completion: ` ${answer}`,
}))
const asked = { prompt: 'Question: What is gout?\nAnswer:', maxNewTokens: 16 }
const lora = { r: 16, loraAlpha: 32, targetModules: 'all-linear' } as const
const steps = { maxSteps: 10, batchSize: 4, learningRate: 2e-3 }

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex').slice(0, 16)

async function opened(device: Device) {
  const { model, tokenizer } = await loadModel(base, { device, quantize: { type: 'nf4' } })
  if (tokenizer === null) throw new Error('the base has no tokenizer')
  return { model, tokenizer }
}

/** Digest of the last logits that an adapter of a folder gives over a fresh base. */
async function logitsOf(device: Device, folder: string): Promise<string> {
  const { model, tokenizer } = await opened(device)
  await openAdapter(model, folder)
  const ids = tokenizer.encode(asked.prompt)
  const inputIds = Int32Array.from(ids)
  const logits = await noGrad(() => model.lastLogits({ inputIds, shape: [1, ids.length] })).read()
  return digest(new Uint8Array(logits.buffer, logits.byteOffset, logits.byteLength))
}

/** Digest of the files that a saved adapter has: its weights, and what says what they are. */
async function digestOf(folder: string): Promise<string> {
  const names = (await readdir(folder)).filter((name) => /^adapter_/.test(name)).sort()
  const files = await Promise.all(names.map((name) => readFile(join(folder, name))))
  return digest(Buffer.concat(files))
}

/**
 * GFLOP in a second of processor time, over 20 f32 products 256 x 1024 x 1024, x · Wᵀ. By processor time, since others
 * may use the machine as well.
 */
async function speedOf(device: Device): Promise<number> {
  const numbers = (rows: number) => Float32Array.from({ length: rows * 1024 }, (_, i) => (i % 17) / 17)
  const x = fromArray(device, numbers(256), [256, 1024])
  const weight = fromArray(device, numbers(1024), [1024, 1024])
  linear(x, weight).dispose()
  const begun = process.cpuUsage()
  for (let round = 0; round < 20; round++) linear(x, weight).dispose()
  await device.settle()
  const { user, system } = process.cpuUsage(begun)
  return (20 * 2 * 256 * 1024 * 1024) / (user + system) / 1e3
}

/** Loads in NF4, trains LoRA, writes, saves, and opens what was saved over a fresh base. */
async function train(options: OpenDeviceOptions): Promise<Finding> {
  const { device, reason } = await openDevice(options)
  const { model, tokenizer } = await opened(device)
  const examples = rows.flatMap((row) => promptCompletionExample(tokenizer, row) ?? [])
  const adapter: Adapter = attachLora(model, lora)
  const losses: number[] = []
  const begun = performance.now()
  for await (const { loss } of new TrainingRun(model, examples, steps)) losses.push(loss)
  const seconds = (performance.now() - begun) / 1000
  const text = await completeText(model, tokenizer, asked.prompt, { maxNewTokens: asked.maxNewTokens })
  await saveAdapter(adapter, out)
  const found = {
    ...{ device: device.description, reason, seconds, loss: losses.at(-1) ?? NaN, text },
    adapter: await digestOf(out),
    logits: await logitsOf(device, out),
    ofReference: reference === undefined ? null : await logitsOf(device, reference),
  }
  const gflops = options.device === 'cpu' ? await speedOf(device) : null
  device.dispose()
  return { ...found, gflops }
}

/** The same in a worker thread. */
async function trainInWorker(): Promise<Finding> {
  const worker = await startWorker({ device: 'cpu', cpu: { threads: 2 } })
  const model = await worker.loadModel(base, { quantize: { type: 'nf4' } })
  const adapter = await model.attachLora(lora)
  const begun = performance.now()
  await model.train(rows, { ...steps, seed: 0 })
  const seconds = (performance.now() - begun) / 1000
  const text = await model.completeText(asked.prompt, { maxNewTokens: asked.maxNewTokens })
  await adapter.saveAdapter(out)
  // The worker is left as it is: a program that is done ends all the same.
  return { device: worker.device.description, seconds, text, adapter: await digestOf(out) }
}

const probes: Readonly<Record<string, () => Promise<Finding>>> = {
  simd: () => train({ device: 'cpu', cpu: { build: 'simd', threads: 1 } }),
  threads: () => train({ device: 'cpu', cpu: { threads: 2 } }),
  wide: () => train({ device: 'cpu', cpu: { build: 'wide', threads: 2 } }),
  worker: trainInWorker,
  webgpu: () => train({ device: 'webgpu' }),
  ownWebgpu: () => {
    const gpu: GPU | undefined = globalThis.navigator?.gpu
    if (gpu === undefined) throw new Error('this runtime has no navigator.gpu')
    return train({ device: 'webgpu', gpu })
  },
}

console.log(JSON.stringify(await probes[probe]?.()))
