import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../../src/core/json.ts'
import { trainingArguments } from '../../../src/train/arguments/training-arguments.ts'
import { trainingOptions } from '../../../src/train/training-options.ts'
import { readFixture } from '../../fixtures/open-fixture.ts'

const defaults = async (name: string) => JSON.parse(new TextDecoder().decode(await readFixture(name))) as JsonObject
const sftConfig = await defaults('training-arguments.json')
const dpoConfig = await defaults('dpo-arguments.json')
const optionsOf = (given: JsonObject) => trainingOptions(trainingArguments(given).run).options

describe('trainingArguments', () => {
  it('knows each field of TRL’s SFTConfig, whose defaults leave nothing over', () => {
    expect(Object.keys(sftConfig).length).toBeGreaterThan(120)
    const { trainer, data, passedOver } = trainingArguments(sftConfig)
    expect([trainer, data, passedOver]).toEqual([{ evalStrategy: 'no' }, { maxLength: 1024 }, []])
    const ours = trainingOptions({}).options
    // TRL's logs and memory are other than ours on purpose.
    expect(optionsOf(sftConfig)).toEqual({ ...ours, loggingSteps: 10, gradientCheckpointing: true })
  })

  it('knows each field of TRL’s DPOConfig', () => {
    const { run, data, dpo, passedOver } = trainingArguments(dpoConfig)
    expect([data, dpo, passedOver]).toEqual([{ maxLength: 1024 }, { beta: 0.1 }, []])
    expect(run).toMatchObject({ learningRate: 1e-6, disableDropout: true })
    expect(() => trainingArguments({ loss_type: ['ipo'] })).toThrow(
      'trainingArguments: loss_type ["ipo"] cannot be followed: what is learned is the mean cross-entropy, or of pairs',
    )
  })

  it('reads QLoRA’s recipe from a file in snake_case', () => {
    const recipe = {
      ...{ per_device_train_batch_size: 1, gradient_accumulation_steps: 16, num_train_epochs: 1, max_steps: -1 },
      ...{ learning_rate: 2e-4, max_grad_norm: 0.3, lr_scheduler_type: 'constant', warmup_ratio: 0.03 },
      ...{ optim: 'adamw_torch', adam_beta2: 0.99, group_by_length: true, bf16: true, max_seq_length: 512 },
      ...{ eval_strategy: 'steps', eval_steps: 187, per_device_eval_batch_size: 1, metric_for_best_model: 'loss' },
    }
    const { trainer, data, passedOver } = trainingArguments(recipe)
    expect(optionsOf(recipe)).toMatchObject({
      ...{ batchSize: 1, gradientAccumulationSteps: 16, epochs: 1, maxSteps: null, learningRate: 2e-4 },
      ...{ maxGradNorm: 0.3, schedule: 'constant', warmup: 0, groupByLength: true },
      optimizer: { type: 'adamw', betas: [0.9, 0.99] },
    })
    expect(trainer).toEqual({
      ...{ evalStrategy: 'steps', evalSteps: 187, evalBatchSize: 1, metricForBestModel: 'evalLoss' },
    })
    expect(data).toEqual({ maxLength: 512 })
    expect(passedOver).toEqual([
      { name: 'bf16', why: 'trained weights and sums are f32, and loadModel says how the base is stored' },
      { name: 'warmupRatio', why: "transformers' constant has no warm-up" },
    ])
  })

  it('reads settings of a schedule, and says what the optimizer does not have', () => {
    const given = {
      ...{ lr_scheduler_type: 'cosine_with_min_lr', lr_scheduler_kwargs: '{"min_lr_rate": 0.1}', warmup_steps: 0.1 },
      ...{ optim: 'lion_32bit', adam_beta1: 0.8, adam_epsilon: 1e-8 },
    }
    expect(optionsOf(given)).toMatchObject({
      ...{ schedule: { type: 'cosine_with_min_lr', minLrRate: 0.1 }, warmup: 0.1 },
      optimizer: { type: 'lion', betas: [0.8, 0.999] },
    })
    expect(trainingArguments(given).passedOver).toEqual([{ name: 'adamEpsilon', why: '"lion_32bit" has no eps' }])
  })

  it.each<[JsonObject, string]>([
    [{ learning_rat: 1 }, 'trainingArguments: there is no argument "learning_rat"; did you mean learningRate?'],
    [{ constructor: 1 }, 'trainingArguments: there is no argument "constructor"'],
    [
      { learning_rate: '2e-5' },
      'trainingArguments: learningRate must be a number above 0 and at most 1e+37, got "2e-5"',
    ],
    [{ learning_rate: 1, learningRate: 2 }, '"learningRate" is given twice, also by another name of learningRate'],
    [{ deepspeed: 'ds.json' }, 'deepspeed "ds.json" cannot be followed: there is one process with one device'],
    [{ loss_type: 'dft' }, 'loss_type "dft" cannot be followed: what is learned is the mean cross-entropy'],
    [{ train_sampling_strategy: 'sequential' }, "train_sampling_strategy must be 'random' or 'group_by_length', got"],
    [{ optim: 'adafactor' }, 'trainingArguments: optim: there is no optimizer "adafactor"'],
    [[] as unknown as JsonObject, 'trainingArguments: arguments must be an object, got []'],
  ])('refuses %j', (given, message) => {
    expect(() => trainingArguments(given)).toThrow(
      expect.objectContaining({ code: 'config', message: expect.stringContaining(message) as string }),
    )
  })
})

describe('a run', () => {
  it('takes transformers’ names in camelCase', () => {
    const { options } = trainingOptions({
      ...{ numTrainEpochs: 2, perDeviceTrainBatchSize: 4, warmupRatio: 0.1, optim: 'adamw_torch', adamBeta1: 0.8 },
      ...{ adamEpsilon: 1e-6, lrSchedulerType: 'cosine_with_restarts', lrSchedulerKwargs: { numCycles: 2 } },
    })
    expect(options).toMatchObject({
      ...{ epochs: 2, batchSize: 4, warmup: 0.1, schedule: { type: 'cosine_with_restarts', numCycles: 2 } },
      optimizer: { type: 'adamw', betas: [0.8, 0.999], eps: 1e-6 },
    })
    expect(options).not.toHaveProperty('numTrainEpochs')
  })

  it.each([
    [{ epochs: 1, numTrainEpochs: 1 }, 'TrainingRun: epochs and numTrainEpochs are one option; give it once'],
    [{ warmupSteps: 3, warmupRatio: 0.1 }, 'TrainingRun: warmupSteps and warmupRatio are one option; give it once'],
    [{ betas: [0.9, 0.9] as const, adamBeta2: 0.9 }, 'TrainingRun: betas and adamBeta2 are one option; give it once'],
    [
      { lrSchedulerKwargs: {} },
      'TrainingRun: lrSchedulerKwargs are settings of a schedule; name it by lrSchedulerType',
    ],
    [{ warmupRatio: 3 }, 'TrainingRun: warmupRatio must be a number from 0 and below 1, got 3'],
  ])('refuses %j', (given, message) => {
    expect(() => trainingOptions(given)).toThrow(expect.objectContaining({ code: 'config', message }))
  })
})
