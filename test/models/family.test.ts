import { afterAll, describe, expect, it } from 'vitest'
import { valueAndGrad } from '../../src/autograd/value-and-grad.ts'
import { generateTokens } from '../../src/generate/generate.ts'
import { loadModel } from '../../src/io/load/load-model.ts'
import { planMemory } from '../../src/io/plan/memory-plan.ts'
import { modelFiles } from '../../src/io/save/save-model.ts'
import { modelWeights } from '../../src/models/architectures.ts'
import type { CausalLm } from '../../src/models/causal-lm.ts'
import { attachLora } from '../../src/peft/attach.ts'
import { TrainingRun } from '../../src/train/training-run.ts'
import { testEngines } from '../device/devices.ts'
import { openFixture } from '../fixtures/open-fixture.ts'
import { batchOf, logitsOf, modelChecks } from '../golden/model-checks.ts'
import { filesOf } from '../io/tiny-files.ts'
import { familyNames, steadyNames, tinyModel } from './tiny-family.ts'

const devices = await testEngines()
afterAll(() => devices.forEach((device) => device.dispose()))

describe.each(devices)('the family on $description', (device) => {
  const { memory } = device
  const referenceOf = (name: string) => openFixture(`tiny-family/${name}/reference.safetensors`)

  it.each(familyNames)('%s has transformers’ logits, loss, gradients and greedy tokens', async (name) => {
    const before = memory.liveBytes
    const { model } = await tinyModel(device, name)
    const checks = []
    for await (const check of modelChecks(model, await referenceOf(name))) {
      checks.push(check)
    }
    expect(checks.filter((check) => !('ok' in check) || !check.ok)).toEqual([])
    expect(checks).toHaveLength(7)
    model.dispose()
    expect(memory.liveBytes).toBe(before)
  })

  it.each(familyNames)('%s with gradient checkpointing changes no bit, with a padded batch', async (name) => {
    const { model } = await tinyModel(device, name, { quantize: { type: 'nf4' } })
    const adapter = attachLora(model, { r: 4, targetModules: 'all-linear', initLoraWeights: false }, { device })
    const batch = await batchOf(await referenceOf(name), 'input_ids', 'padded_mask')
    const bitsOf = async (isCheckpointing: boolean) => {
      model.gradientCheckpointing = isCheckpointing
      const before = memory.liveBytes
      const scope = memory.open()
      const { loss, grads } = valueAndGrad(model, () => model.loss(batch, batch.inputIds))(null)
      const bits = await Promise.all(
        [loss, ...model.trainableParameters().map((tensor) => grads.get(tensor)!)].map((tensor) => tensor.read()),
      )
      scope.close()
      expect(memory.liveBytes).toBe(before)
      return bits
    }
    expect(await bitsOf(true)).toEqual(await bitsOf(false))
    adapter.detach()
    model.dispose()
  })

  it.each(steadyNames)('%s says of a prompt that is padded on its left what it says of it alone', async (name) => {
    const { model } = await tinyModel(device, name)
    const alone = await tokensOf(model, [[5, 9, 7]])
    const both = await tokensOf(model, [
      [5, 9, 7],
      [11, 4, 30, 8, 17, 9],
    ])
    expect(both[0]).toEqual(alone[0])
    model.dispose()
  })

  it.each(familyNames)('%s is saved as it was loaded', async (name) => {
    const { model } = await tinyModel(device, name)
    const files = await modelFiles(model)
    const { model: again } = await loadModel(filesOf(Object.fromEntries(files)), { device })
    expect(again.config).toEqual(model.config)
    const batch = await batchOf(await referenceOf(name), 'input_ids')
    expect(await logitsOf(again, batch)).toEqual(await logitsOf(model, batch))
    again.dispose()
    model.dispose()
  })

  it.each(familyNames)('%s takes the memory that was planned', async (name) => {
    const before = memory.liveBytes
    const { model } = await tinyModel(device, name)
    const lora = { r: 2, targetModules: name.startsWith('falcon-') ? ['query_key_value'] : ['q_proj', 'v_proj'] }
    const adapter = attachLora(model, lora, { device })
    const inputIds = Int32Array.from({ length: 64 }, (_, i) => 3 + (i % 20))
    const example = { inputIds, labels: inputIds }
    const run = new TrainingRun(model, [example, example], { batchSize: 2, maxSteps: 1 })
    memory.resetPeak()
    for await (const { loss } of run) expect(loss).toBeGreaterThan(0)
    const plan = planMemory(model.config, { batchSize: 2, length: 64, adapter: lora })
    const peak = memory.peakBytes - before
    expect(Math.abs(plan.total - peak) / peak).toBeLessThan(0.02)
    run.dispose()
    adapter.detach()
    model.dispose()
  })

  it.each([
    ['falcon-7b', ['query_key_value']],
    ['falcon3', ['q_proj', 'v_proj']],
    ['qwen2', ['q_proj', 'v_proj']],
    ['qwen3', ['q_proj', 'v_proj']],
    ['mistral', ['q_proj', 'v_proj']],
    ['gemma3', ['q_proj', 'v_proj']],
  ] as const)('%s is adapted where PEFT adapts it, unless it is told otherwise', async (name, targets) => {
    const { model } = await tinyModel(device, name)
    const ends = () => [
      ...new Set([...adapter.namedTrainableParameters().keys()].map((key) => /(\w+)\.lora_[AB]/.exec(key)?.[1])),
    ]
    let adapter = attachLora(model, { r: 2 }, { device })
    expect(ends()).toEqual(targets)
    adapter.detach()
    const other = name === 'falcon-7b' ? 'dense' : 'o_proj'
    adapter = attachLora(model, { r: 2, targetModules: [other] }, { device })
    expect(ends()).toEqual([other])
    adapter.detach()
    adapter = attachLora(model, { r: 2, targetModules: 'all-linear' }, { device })
    expect(ends()).not.toContain('lm_head')
    adapter.detach()
    model.dispose()
  })

  it('SmolLM3 has no default targets, as in PEFT', async () => {
    const { model } = await tinyModel(device, 'smollm3')
    expect(() => attachLora(model, { r: 2 }, { device })).toThrow(
      /^attachLora: targetModules must be given, for PEFT has no default here; this model has .*q_proj/,
    )
    model.dispose()
  })

  it('stores a head of its own as it stores embeddings, never in 4 bits', async () => {
    const { model } = await tinyModel(device, 'falcon3', { quantize: { type: 'nf4' }, dtype: 'f16' })
    const formats = new Map(
      [...model.namedWeights()].map(([name, weight]) => [name, 'dtype' in weight ? weight.dtype : '4 bits']),
    )
    expect(formats.get('lm_head.weight')).toBe('f16')
    expect(formats.get('model.embed_tokens.weight')).toBe('f16')
    expect(formats.get('model.layers.0.mlp.gate_proj.weight')).toBe('4 bits')
    expect(formats.get('model.norm.weight')).toBe('f32')
    expect([...formats.keys()].sort()).toEqual(
      modelWeights(model.config)
        .map(({ name }) => name)
        .sort(),
    )
    model.dispose()
  })

  it('decodes with a cache what it says without', async () => {
    for (const name of steadyNames) {
      const { model } = await tinyModel(device, name)
      const [prompt, ids] = [[4, 9, 22, 6], await tokensOf(model, [[4, 9, 22, 6]])]
      const whole = [...prompt, ...(ids[0] ?? [])]
      const logits = await logitsOf(model, { inputIds: Int32Array.from(whole), shape: [1, whole.length] })
      const best = whole.map((_, i) => {
        const row = logits.subarray(i * model.vocabSize, (i + 1) * model.vocabSize)
        return row.indexOf(Math.max(...row))
      })
      expect(best.slice(prompt.length - 1, -1), name).toEqual(ids[0])
      model.dispose()
    }
  })
})

/** Twelve greedy tokens of each row. */
async function tokensOf(model: CausalLm, prompts: readonly (readonly number[])[]): Promise<number[][]> {
  const rows: number[][] = prompts.map(() => [])
  for await (const tokens of generateTokens(model, prompts, { maxNewTokens: 12 })) {
    tokens.forEach((token, row) => rows[row]?.push(token ?? -1))
  }
  return rows
}
