import { afterAll, describe, expect, it } from 'vitest'
import type { Device } from '../../../src/device/device.ts'
import type { FalconForCausalLM } from '../../../src/models/falcon/falcon.ts'
import { budgetAt, keptOf } from '../../../src/peft/adalora/budget.ts'
import type { Adapter } from '../../../src/peft/adapter.ts'
import { attachAdapter } from '../../../src/peft/attach.ts'
import { adapterFiles, loadAdapter } from '../../../src/peft/files/adapter-files.ts'
import { bytesSource, openSafetensors } from '../../../src/safetensors/index.ts'
import { checkpointFileNames, checkpointFiles, restoreCheckpoint } from '../../../src/train/checkpoint.ts'
import type { LabelledBatch } from '../../../src/train/labelled-batch.ts'
import { TrainingRun } from '../../../src/train/training-run.ts'
import type { TrainingOptions } from '../../../src/train/training-options.ts'
import { testEngines } from '../../device/devices.ts'
import { openFixture, readFixture } from '../../fixtures/open-fixture.ts'
import { maxDifference, maxMagnitude, tinyFalcon } from '../tiny-falcon.ts'

/** What make_adalora_training.py writes. */
const golden = await openFixture('adalora-training/training.safetensors')
const savedConfig = new TextDecoder().decode(await readFixture('adalora-training/saved/adapter_config.json'))
const savedWeights = await readFixture('adalora-training/saved/adapter_model.safetensors')
const saved = await openSafetensors(bytesSource(savedWeights))

const batches: LabelledBatch[] = []
for (const name of ['ids.0', 'ids.1', 'ids.2']) {
  const inputIds = (await golden.read(name)) as Int32Array
  batches.push({ inputIds, labels: inputIds, shape: [2, 12] })
}
const twenty = () => Array.from({ length: 20 }, (_, step) => batches[step % 3] as LabelledBatch)

/** A schedule, and what PEFT makes of it. */
interface Table {
  readonly first: number
  readonly last: number
  readonly tinit: number
  readonly tfinal: number
  readonly deltaT: number
  readonly total_step: number
  readonly budgets: readonly (number | null)[]
}

const config = {
  peftType: 'ADALORA',
  ...{ initR: 5, targetR: 2, loraAlpha: 8, tinit: 4, tfinal: 5, deltaT: 3, orthRegWeight: 0.1 },
  targetModules: ['query_key_value', 'dense_4h_to_h'],
} as const
const options = { maxSteps: 20, learningRate: 5e-3, schedule: 'constant', maxGradNorm: 0.02 } as const

/** The tiny Falcon-RW with AdaLoRA as it starts in PEFT's training, and a run. */
async function tinyTraining(device: Device, given: TrainingOptions = {}, more: object = {}) {
  const model = await tinyFalcon(device)
  const adapter = attachAdapter(model, { ...config, ...more })
  for (const [key, tensor] of adapter.namedTrainableParameters()) tensor.write(await golden.readF32(`start.${key}`))
  return { model, adapter, run: new TrainingRun(model, twenty, { ...options, ...given }) }
}

const lowered = (adapter: Adapter) => (adapter.savedConfig as { rankPattern?: object }).rankPattern ?? null
const filesOf = async (adapter: Adapter) => {
  const files = await adapterFiles(adapter)
  const text = new TextDecoder().decode(files.get('adapter_config.json'))
  return { config: text, weights: files.get('adapter_model.safetensors') ?? new Uint8Array() }
}
async function logitsOf(model: FalconForCausalLM) {
  const logits = model.forward(batches[0] as LabelledBatch)
  const values = await logits.read()
  logits.dispose()
  return values
}

/** What PEFT chose behind a step, as it saves it. */
async function chosenAt(step: number) {
  const names = golden.names.filter((name) => name.startsWith(`kept.${step}.`))
  const patterns = names.map(async (name) => {
    const kept = (await golden.read(name)) as Uint8Array
    return [name.replace(`kept.${step}.base_model.model.`, ''), Array.from(kept, (value) => value === 1)] as const
  })
  return Object.fromEntries(await Promise.all(patterns))
}

describe('the budget', () => {
  it('falls as in PEFT at every step, in whole numbers', async () => {
    const text = new TextDecoder().decode(await readFixture('adalora-training/budgets.json'))
    const tables = JSON.parse(text) as readonly Table[]
    for (const { first, last, budgets, total_step: totalStep, ...schedule } of tables) {
      expect(budgets.map((_, i) => budgetAt(i + 1, { ...schedule, totalStep }, first, last))).toEqual(budgets)
    }
    expect(tables).toHaveLength(4)
  })

  it('leaves the triplets of the highest scores, and of equal ones none', () => {
    const scores = [Float32Array.of(5, 1, 3), Float32Array.of(2, 4)]
    expect(keptOf(scores, 3)).toEqual([
      [true, false, true],
      [false, true],
    ])
    expect(keptOf(scores, 0)).toEqual([
      [false, false, false],
      [false, false],
    ])
    expect(keptOf([Float32Array.of(1, 1, 1, 2)], 2)).toEqual([[false, false, false, true]])
  })
})

describe.each(await testEngines())('AdaLoRA on $description', (device) => {
  afterAll(() => device.dispose())

  it("takes twenty steps as PEFT and torch's AdamW: losses, choices, importance and the end", async () => {
    const before = device.memory.liveBytes
    const { model, adapter, run } = await tinyTraining(device)
    const named = [...adapter.namedTrainableParameters()]
    const [losses, norms] = [(await golden.read('losses')) as Float64Array, await golden.read('grad_norms')]
    for await (const { step, loss, gradNorm } of run) {
      expect(Math.abs(loss - (losses[step - 1] ?? NaN)), `loss ${step}`).toBeLessThan(1e-4)
      expect(gradNorm / Number(norms[step - 1]), `norm ${step}`).toBeCloseTo(1, 3)
      if (step < 6) expect(lowered(adapter)).toBe(null)
      if ([6, 9, 12, 15].includes(step)) expect(lowered(adapter)).toEqual(await chosenAt(step))
      for (const [key, tensor] of named) {
        if (!golden.has(`E.${step}.${key}`)) continue
        const [values, wanted] = [await tensor.read(), await golden.readF32(`E.${step}.${key}`)]
        expect(values.map((value) => +(value !== 0))).toEqual(wanted.map((value) => +(value !== 0)))
        expect(maxDifference(values, wanted), `${key} at ${step}`).toBeLessThan(1e-4)
      }
      if (step !== 14) continue
      for (const [name, prefix] of [
        ['exp_avg_ipt', 'average'],
        ['exp_avg_unc', 'uncertainty'],
      ] as const) {
        const state = run.state().filter((each) => each.name === name)
        for (const [key, tensor] of named) {
          const wanted = await golden.readF32(`${prefix}.${key}`)
          const given = (await state.find(({ parameter }) => parameter === tensor)?.tensor.read()) ?? []
          expect(maxDifference(given, wanted), `${name} of ${key}`).toBeLessThan(1e-3 * maxMagnitude(wanted))
        }
      }
    }
    for (const [key, tensor] of named) {
      expect(maxDifference(await tensor.read(), await golden.readF32(`end.${key}`)), key).toBeLessThan(1e-3)
    }
    // The file has the ranks that are left, as PEFT's has, and loads into the same function.
    const files = await filesOf(adapter)
    const [ours, theirs] = [JSON.parse(files.config) as object, JSON.parse(savedConfig) as { target_modules: string[] }]
    expect({ ...ours, target_modules: null, peft_version: '' }).toEqual({
      ...theirs,
      ...{ target_modules: null, peft_version: '' },
    })
    const file = await openSafetensors(bytesSource(files.weights))
    expect(file.names.map((name) => [name, file.info(name).shape])).toEqual(
      saved.names.map((name) => [name, saved.info(name).shape]),
    )
    const trained = await logitsOf(model)
    run.dispose()
    adapter.detach()
    const loaded = await loadAdapter(model, files.config, file)
    expect(maxDifference(await logitsOf(model), trained)).toBeLessThan(1e-5)
    loaded.detach()
    model.dispose()
    expect(device.memory.liveBytes).toBe(before)
  })

  it('goes on in the midst of its schedule bit for bit', async () => {
    const [first, second] = [await tinyTraining(device), await tinyTraining(device)]
    for (const tensor of second.adapter.namedTrainableParameters().values())
      tensor.write(new Float32Array(tensor.count))
    for await (const { step } of first.run) {
      if (step !== 10) continue
      const files = await checkpointFiles(first.run)
      const reader = await openSafetensors(bytesSource(files.get(checkpointFileNames.tensors) as Uint8Array))
      await restoreCheckpoint(second.run, files.get(checkpointFileNames.state) as string, reader)
      expect(lowered(second.adapter)).toEqual(await chosenAt(9))
    }
    let steps = 0
    for await (const { step } of second.run) steps += +(step > 10)
    expect(steps).toBe(10)
    expect(await filesOf(second.adapter)).toEqual(await filesOf(first.adapter))
    for (const [name, tensor] of first.adapter.namedTrainableParameters()) {
      expect(await second.adapter.namedTrainableParameters().get(name)?.read(), name).toEqual(await tensor.read())
    }
    for (const { run, model } of [first, second]) {
      run.dispose()
      model.dispose()
    }
  })

  it('loads what PEFT saved of lower ranks, one of them 0: logits, merged logits and bytes are its', async () => {
    const reference = await openFixture('adalora-training/saved.safetensors')
    const model = await tinyFalcon(device)
    const adapter = await loadAdapter(model, savedConfig, saved, { trainable: true })
    expect(maxDifference(await logitsOf(model), await reference.readF32('logits'))).toBeLessThan(1e-4)
    const files = await filesOf(adapter)
    expect(files.weights).toEqual(new Uint8Array(savedWeights))
    const bare = (text: string) => text.replace(/"peft_version": "[^"]*"/, '')
    expect(bare(files.config)).toBe(bare(savedConfig))
    // Trained further, it keeps its ranks.
    const run = new TrainingRun(model, twenty, { maxSteps: 2, learningRate: 1e-3 })
    expect(run.state().map(({ name }) => name)).not.toContain('rank_pattern')
    let steps = 0
    for await (const { step } of run) steps += +(step > 0)
    expect([steps, lowered(adapter)]).toEqual([2, (JSON.parse(savedConfig) as { rank_pattern: object }).rank_pattern])
    run.dispose()
    adapter.detach()
    const again = await loadAdapter(model, savedConfig, saved)
    for (const [path, layer] of again.layers) {
      const [delta, weight] = [await layer.deltaWeight().read(), await layer.base.weights['weight']?.tensors[0]?.read()]
      const merged = await layer.mergedWeight('weight').read()
      expect(
        maxDifference(
          delta.map((value, i) => value + (weight?.[i] ?? NaN)),
          merged,
        ),
        path,
      ).toBeLessThan(1e-6)
    }
    again.merge()
    expect(maxDifference(await logitsOf(model), await reference.readF32('merged_logits'))).toBeLessThan(1e-4)
    model.dispose()
  })

  it.each(['f16', 'int8', 'nf4'] as const)('adds to a base in %s what it adds to its weights', async (format) => {
    const base = await tinyFalcon(device, format)
    const adapter = attachAdapter(base, { ...config, initLoraWeights: false, loraAlpha: 0.01 })
    const adapted = await logitsOf(base)
    adapter.merge()
    expect(maxDifference(await logitsOf(base), adapted)).toBeLessThan(1e-3)
    base.dispose()
  })

  it('adds its penalty to a step once, whatever its micro-batches, and to no loss of the user', async () => {
    const lossOf = async (given: TrainingOptions, more: object) => {
      const { model, run } = await tinyTraining(device, { ...given, maxSteps: 1 }, { tinit: 0, tfinal: 0, ...more })
      let loss = NaN
      for await (const report of run) ({ loss } = report)
      run.dispose()
      model.dispose()
      return loss
    }
    const penalty = async (given: TrainingOptions) =>
      (await lossOf(given, { orthRegWeight: 1 })) - (await lossOf(given, { orthRegWeight: 0 }))
    // A and B are near 0 at first: the norm is that of the identity.
    expect(await penalty({})).toBeCloseTo(Math.sqrt(5), 1)
    expect(await penalty({ gradientAccumulationSteps: 3 })).toBeCloseTo(Math.sqrt(5), 1)
    expect(await penalty({ loss: (model, batch) => model.loss(batch, batch.labels) })).toBe(0)
  })

  it("takes the run's steps where it has no others, and says where they do not fit", async () => {
    const model = await tinyFalcon(device)
    const adapter = attachAdapter(model, config)
    await expect(adapterFiles(adapter)).rejects.toThrow('PEFT loads none without totalStep')
    expect(() => new TrainingRun(model, twenty, { ...options, maxSteps: 9 })).toThrow(
      'tinit 4 and tfinal 5 leave none of 9 steps',
    )
    const run = new TrainingRun(model, twenty, options)
    expect(JSON.parse((await filesOf(adapter)).config)).toMatchObject({ total_step: 20, rank_pattern: null, deltaT: 3 })
    run.dispose()
    adapter.detach()
    attachAdapter(model, { ...config, totalStep: 100 })
    const told: string[] = []
    new TrainingRun(model, twenty, { ...options, onWarning: (message, code) => told.push(code, message) }).dispose()
    expect(told).toEqual(['adapter-schedule', expect.stringContaining('fall until step 95, and the run ends at 20')])
    model.dispose()
  })

  it.each<[object, string]>([
    [{ targetModules: undefined }, 'targetModules must be given, for PEFT has no choice for "falcon"'],
    [{ targetR: 5 }, 'targetR 5 must be below initR 5'],
    [{ totalStep: 9 }, 'tinit 4 and tfinal 5 leave none of 9 steps'],
    [{ totalStep: 0 }, 'totalStep must be'],
    [{ beta1: 1 }, 'beta1 must be a number above 0 and below 1'],
    [{ r: 4 }, 'AdaLoRA takes initR and targetR instead'],
    [{ useDora: true }, 'useDora'],
    [{ deltaT: 0 }, 'deltaT must be a whole number from 1'],
    [{ rankPattern: { 'transformer.h.9.lora_E': [true] } }, '"transformer.h.9", which is not adapted'],
  ])('refuses %o', async (more, words) => {
    const model = await tinyFalcon(device)
    expect(() => attachAdapter(model, { ...config, ...more })).toThrow(words)
    model.dispose()
  })
})
