import { afterAll, describe, expect, it } from 'vitest'
import { checkedDevice } from '../dry-limits.ts'
import { loadModel } from '../../../src/io/load/load-model.ts'
import { describeMemoryPlan } from '../../../src/io/plan/describe-memory-plan.ts'
import { planMemory, type MemoryPlanOptions } from '../../../src/io/plan/memory-plan.ts'
import { modelWeights } from '../../../src/models/architectures.ts'
import { FalconForCausalLM } from '../../../src/models/falcon/falcon.ts'
import { falconRwConfig } from '../../../src/models/falcon/falcon-config.ts'
import { initialWeights } from '../../../src/models/initial-weights.ts'
import { quantize } from '../../../src/nn/quantize.ts'
import { attachLora } from '../../../src/peft/attach.ts'
import { TrainingRun } from '../../../src/train/training-run.ts'
import { testEngines } from '../../device/devices.ts'
import { filesOf, tinyBytes } from '../tiny-files.ts'

const devices = (await testEngines()).filter(({ kind }, i) => i === 0 || kind === 'webgpu')
afterAll(() => devices.forEach((device) => device.dispose()))

const config = falconRwConfig({ vocabSize: 500, hiddenSize: 64, numHiddenLayers: 3, numAttentionHeads: 4 })
const lora = { r: 8, loraDropout: 0.1, targetModules: 'all-linear' }

describe.each(devices)('planMemory against $description', (device) => {
  const ways: MemoryPlanOptions[] = [
    { batchSize: 2, length: 40 },
    { batchSize: 2, length: 40, optimizer: 'lion' },
    { batchSize: 2, length: 40, quantize: { type: 'nf4' } },
    { batchSize: 2, length: 40, quantize: { type: 'nf4' }, gradientCheckpointing: true },
    { batchSize: 1, length: 300, quantize: { type: 'fp4', doubleQuant: false }, gradientCheckpointing: true },
    { batchSize: 3, length: 64, gradientAccumulationSteps: 2, quantize: { type: 'nf4' } },
  ]

  it.each(ways)('foretells the peak of a step: %o', async (options) => {
    const { memory } = device
    const weights = initialWeights(device, modelWeights(config), 0.02, 1)
    const model = new FalconForCausalLM(config, weights)
    const { batchSize = 0, length = 0, gradientAccumulationSteps = 1, gradientCheckpointing = false } = options
    const { optimizer = 'adamw' } = options
    // Tables of a format are made once a device, and kept.
    if (options.quantize) quantize(model, options.quantize)
    const before = memory.liveBytes - [...model.namedWeights()].reduce((sum, [, weight]) => sum + weight.byteLength, 0)
    const adapter = attachLora(model, lora, { device })
    const ids = Int32Array.from({ length }, (_, i) => i % 500)
    const example = { inputIds: ids, labels: ids }
    const run = new TrainingRun(
      model,
      Array.from({ length: batchSize * gradientAccumulationSteps }, () => example),
      { batchSize, gradientAccumulationSteps, gradientCheckpointing, maxSteps: 1, optimizer },
    )
    memory.resetPeak()
    for await (const report of run) expect(report.loss).toBeGreaterThan(0)
    const peak = memory.peakBytes - before
    const plan = planMemory(config, { ...options, adapter: lora })
    const { f32, fourBit } = plan.weights
    expect(f32 + fourBit + plan.adapter + plan.optimizer).toBe(memory.liveBytes - before)
    expect(Math.abs(plan.total - peak) / peak).toBeLessThan(0.02)
    const parts = f32 + fourBit + plan.adapter + plan.optimizer + plan.gradients + plan.activations + plan.logits
    // What is left are the tables of 4-bit codes, made once a device.
    expect(Math.abs(parts - plan.total)).toBeLessThan(4096)
    run.dispose()
    adapter.detach()
    model.dispose()
  })
})

describe('planMemory of Falcon-RW-1B', () => {
  const big = falconRwConfig({ vocabSize: 50304, hiddenSize: 2048, numHiddenLayers: 24, numAttentionHeads: 32 })
  const nf4 = { quantize: { type: 'nf4' } } as const

  it('counts 4.127 bits a weight in double-quantised NF4, and the table in f32 or f16', () => {
    const { weights, largest } = planMemory(big, nf4)
    // Codes, maxima in u8, f32 per 256 of them, and an offset for each of the 96 matrices.
    expect(weights.fourBit).toBe(603_979_776 + 18_874_368 + 294_912 + 4 * 96)
    expect(((8 * weights.fourBit) / 1_207_959_552).toFixed(3)).toBe('4.127')
    expect(weights.f32).toBe(412_090_368 + 4 * 643_072)
    expect(largest).toEqual({ label: 'transformer.word_embeddings.weight', bytes: 412_090_368 })
    expect(planMemory(big, { ...nf4, dtype: 'f16' }).weights.f16).toBe(206_045_184)
    expect(planMemory(big, { quantize: { type: 'int8' } }).weights.int8).toBe(1_207_959_552 + 4 * 24 * 9 * 2048)
    expect(planMemory(big).weights.f32).toBe(4 * 1_311_625_216)
  })

  it('says what to change on a device that is too small, and with what result', () => {
    const cpu = checkedDevice('cpu', { bufferBytes: 2 ** 32 - 65536, freeBytes: 2 ** 32 - 65536 })
    const training = { adapter: { r: 16, targetModules: 'all-linear' }, batchSize: 4, length: 512 }
    expect(planMemory(big, { ...nf4, device: cpu }).advice).toBeNull()
    expect(planMemory(big, { device: cpu }).advice).toMatch(
      /^5\.25 GB are needed, the test device has 4\.29 GB; with \{ quantize: \{ type: 'nf4' \} \} it takes 1\.11 GB$/,
    )
    const advice = planMemory(big, { ...nf4, ...training, device: cpu }).advice
    expect(advice).toMatch(
      /^\d\.\d\d GB are needed, the test device has 4\.29 GB; with \{ dtype: 'f16', gradientCheckpointing: true \} it takes \d\.\d\d GB$/,
    )
    const small = checkedDevice('webgpu', { bufferBytes: 268435456, freeBytes: null })
    expect(planMemory(big, { ...nf4, device: small }).advice).toBe(
      'transformer.word_embeddings.weight takes 412.09 MB, the test device holds at most 268.44 MB in one piece; ' +
        `with { dtype: 'f16' } it takes 899.90 MB`,
    )
    const tiny = checkedDevice('webgpu', { bufferBytes: 1e6, freeBytes: null })
    expect(planMemory(big, { ...nf4, device: tiny }).advice).toMatch(
      /; no option makes it fit, use a smaller model or \{ device: 'cpu' \}$/,
    )
  })

  it('is told in one line', () => {
    const plan = planMemory(big, { ...nf4, adapter: { r: 16 }, batchSize: 1, length: 512, gradientCheckpointing: true })
    expect(describeMemoryPlan(plan)).toMatch(
      /^\d\.\d\d GB at most: 4-bit weights 623\.15 MB, f32 weights 414\.66 MB, adapter 12\.58 MB, optimizer state 25\.17 MB, gradients 12\.58 MB, activations \d+\.\d\d MB, logits 51\.51 MB; the largest buffer is transformer\.word_embeddings\.weight, 412\.09 MB$/,
    )
  })

  it('refuses a batch of nothing', () => {
    expect(() => planMemory(config, { adapter: lora, batchSize: 0 })).toThrow(
      'planMemory: batchSize must be a whole number from 1 to 2147483648, got 0',
    )
  })
})

it('loadModel refuses what does not fit before it reads a tensor', async () => {
  const files = filesOf({
    'config.json': await tinyBytes('config.json'),
    'model.safetensors': await tinyBytes('model.safetensors'),
  })
  const device = checkedDevice('cpu', { bufferBytes: 1e9, freeBytes: 10_000 })
  await expect(loadModel(files, { device })).rejects.toThrow(
    expect.objectContaining({
      code: 'memory',
      message: expect.stringMatching(/^the given files: .* are needed, the test device has 10\.00 kB; /),
    }),
  )
  expect(device.memory.peakBytes).toBe(0)
})
