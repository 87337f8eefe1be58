import { afterAll, describe, expect, it, vi } from 'vitest'
import { openCpuDevice } from '../../src/device/cpu/cpu-device.ts'
import type { TrainingOptions } from '../../src/train/training-options.ts'
import type { StepReport } from '../../src/train/step-report.ts'
import { TrainingRun } from '../../src/train/training-run.ts'
import { openTestCpu } from '../device/cpu-under-test.ts'
import { limitAllocations } from '../device/limit-allocations.ts'
import { testEngines } from '../device/devices.ts'
import { maxDifference, maxMagnitude, tinyFalcon } from '../peft/tiny-falcon.ts'
import { randomExamples, tinyRun, trainedNumbers } from './tiny-run.ts'

const devices = await testEngines()
afterAll(() => devices.forEach((device) => device.dispose()))
const examples = randomExamples(8)

async function all(run: TrainingRun): Promise<StepReport[]> {
  const reports: StepReport[] = []
  for await (const report of run) reports.push(report)
  return reports
}

describe.each(devices)('TrainingRun on $description', (device) => {
  const { memory } = device

  it('accumulates the gradients of a large batch', async () => {
    const gradients: Float32Array[][] = []
    const reports: StepReport[] = []
    const shapes = [
      [16, 1],
      [4, 4],
      [1, 16],
      [5, 4],
    ] as const
    for (const [batchSize, gradientAccumulationSteps] of shapes) {
      const model = await tinyFalcon(device)
      model.setRequiresGrad(true)
      const run = new TrainingRun(model, randomExamples(16), {
        batchSize,
        gradientAccumulationSteps,
        maxSteps: 1,
        maxGradNorm: 0,
      })
      reports.push(...(await all(run)))
      // After one step the first moment is a tenth of the gradient.
      gradients.push(
        await Promise.all(
          [...run.optimizer.state()].flatMap(({ name, tensor }) => (name === 'm' ? [tensor.read()] : [])),
        ),
      )
      run.dispose()
      model.dispose()
    }
    const [whole = [], ...accumulated] = gradients
    expect(whole).toHaveLength(27)
    for (const parts of accumulated) {
      whole.forEach((gradient, i) => {
        expect(maxDifference(parts[i] ?? [], gradient)).toBeLessThan(1e-5 * Math.max(1, maxMagnitude(gradient)))
      })
    }
    const [first] = reports
    for (const report of reports) {
      expect(report.loss).toBeCloseTo(first?.loss ?? NaN, 5)
      expect(report.gradNorm).toBeCloseTo(first?.gradNorm ?? NaN, 4)
      expect(report).toMatchObject({ tokens: first?.tokens, labelTokens: first?.labelTokens })
    }
  })

  it('learns two examples by heart, leaves no byte behind a step, and reports', async () => {
    const before = memory.liveBytes
    const few = examples.slice(0, 2)
    const { run, model, dispose } = await tinyRun(device, few, {
      batchSize: 2,
      maxSteps: 20,
      learningRate: 0.02,
      schedule: 'cosine',
      warmup: 0.1,
    })
    const frozen = [...model.namedWeights()].find(([name]) => name.endsWith('word_embeddings.weight'))?.[1]
    const table = frozen && 'dtype' in frozen ? frozen : undefined
    const values = await table?.read()
    const [live, reports]: [Set<number>, StepReport[]] = [new Set(), []]
    for await (const report of run) {
      live.add(memory.liveBytes)
      reports.push(report)
      expect(model.training).toBe(true)
    }
    expect(live.size).toBe(1)
    expect(model.training).toBe(false)
    expect(await table?.read()).toEqual(values)
    const losses = reports.map(({ loss }) => loss)
    expect(Math.min(...losses.slice(-3))).toBeLessThan(0.6 * (losses[0] ?? NaN))
    expect(reports.map(({ step }) => step)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))
    const tokens = few.reduce((sum, { inputIds }) => sum + inputIds.length, 0)
    expect(reports[4]).toMatchObject({ steps: 20, epoch: 4, tokens, labelTokens: tokens - 4 })
    expect(reports.slice(0, 3).map(({ learningRate }) => learningRate)).toEqual([0, 0.01, 0.02])
    const last = reports.at(-1)
    expect(last?.secondsLeft).toBe(0)
    expect(last?.tokensPerSecond).toBeGreaterThan(0)
    dispose()
    expect(memory.liveBytes).toBe(before)
  })

  it('gives the same bits for the same seed, and others for another', async () => {
    const outcome = async (seed: number) => {
      const options = { batchSize: 2, gradientAccumulationSteps: 2, maxSteps: 3, learningRate: 0.01, seed }
      const { run, model, dispose } = await tinyRun(device, examples, options)
      const reports = await all(run)
      const numbers = await trainedNumbers(model)
      dispose()
      return { numbers, losses: reports.map(({ loss, gradNorm }) => [loss, gradNorm]) }
    }
    const first = await outcome(1)
    expect(await outcome(1)).toEqual(first)
    expect(await outcome(2)).not.toEqual(first)
  })

  it('takes the same steps with gradient checkpointing, and leaves the model as it was', async () => {
    const outcome = async (gradientCheckpointing: boolean) => {
      const options = { batchSize: 2, gradientAccumulationSteps: 2, maxSteps: 3, learningRate: 0.01 }
      const { run, model, dispose } = await tinyRun(device, examples, { ...options, gradientCheckpointing })
      const reports: StepReport[] = []
      for await (const report of run) {
        reports.push(report)
        expect(model.gradientCheckpointing).toBe(gradientCheckpointing)
      }
      expect(model.gradientCheckpointing).toBe(false)
      const numbers = await trainedNumbers(model)
      dispose()
      return { numbers, losses: reports.map(({ loss, gradNorm }) => [loss, gradNorm]) }
    }
    expect(await outcome(true)).toEqual(await outcome(false))
  })

  it('stops at a loss that is no number and at gradients that are all zero, and leaves no byte', async () => {
    const stopped = async (fill: number): Promise<unknown> => {
      const { run, model, dispose } = await tinyRun(device, examples, { batchSize: 2 })
      for (const [name, weight] of model.namedWeights()) {
        if (name.includes('ln_f') && 'dtype' in weight) weight.write(new Float32Array(32).fill(fill))
      }
      const before = memory.liveBytes
      const error = await all(run).catch((cause: unknown) => cause)
      expect(memory.liveBytes).toBe(before)
      expect(model.training).toBe(false)
      dispose()
      return error
    }
    expect(await stopped(NaN)).toMatchObject({
      code: 'numeric',
      message:
        'TrainingRun: the loss is NaN at step 1: the weight transformer.ln_f.weight is not finite; lower the learning rate or look for bad rows',
    })
    expect(await stopped(0)).toMatchObject({
      code: 'numeric',
      message: 'TrainingRun: every gradient is zero at step 1; nothing would be learned',
    })
  })
})

describe('TrainingRun', async () => {
  const device = await openTestCpu()
  afterAll(() => device.dispose())
  const model = (await tinyFalcon(device)).setRequiresGrad(true)

  it('counts its steps by epochs, batches and accumulation, unless told', () => {
    const steps = (options: TrainingOptions, count = 7) => {
      const run = new TrainingRun(model, randomExamples(count), options)
      run.dispose()
      return [run.stepsPerEpoch, run.steps]
    }
    expect(steps({})).toEqual([1, 3])
    expect(steps({ batchSize: 2 })).toEqual([4, 12])
    expect(steps({ batchSize: 2, gradientAccumulationSteps: 3 })).toEqual([2, 6])
    expect(steps({ batchSize: 2, epochs: 0.5 })).toEqual([4, 2])
    expect(steps({ batchSize: 2, epochs: 9, maxSteps: 5 })).toEqual([4, 5])
  })

  it('fills in the defaults of TRL', () => {
    const run = new TrainingRun(model, examples)
    expect(run.options).toEqual({
      maxSteps: null,
      epochs: 3,
      batchSize: 8,
      gradientAccumulationSteps: 1,
      learningRate: 2e-5,
      schedule: 'linear',
      warmup: 0,
      optimizer: { type: 'adamw', betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0 },
      maxGradNorm: 1,
      loraplusLrRatio: null,
      loraplusLrEmbedding: 1e-6,
      seed: 42,
      dataSeed: null,
      loggingSteps: 1,
      groupByLength: false,
      disableDropout: false,
      gradientCheckpointing: false,
      neftuneNoiseAlpha: null,
      labelSmoothingFactor: 0,
    })
    run.dispose()
  })

  it('orders the examples by dataSeed, and draws dropout by seed', async () => {
    const lossesOf = async (seeds: TrainingOptions) => {
      const { run, dispose } = await tinyRun(device, examples, { batchSize: 4, maxSteps: 2, ...seeds })
      const reports = await all(run)
      dispose()
      return { losses: reports.map(({ loss }) => loss), tokens: reports.map(({ tokens }) => tokens) }
    }
    const [both, same] = [await lossesOf({ seed: 7 }), await lossesOf({ seed: 7, dataSeed: 7 })]
    expect(same).toEqual(both)
    const order = await lossesOf({ seed: 7, dataSeed: 8 })
    expect(order.tokens).not.toEqual(both.tokens)
    const dropout = await lossesOf({ seed: 8, dataSeed: 7 })
    expect(dropout.tokens).toEqual(both.tokens)
    expect(dropout.losses).not.toEqual(both.losses)
  })

  it('can be left at a step and gone on with', async () => {
    const { run, model: adapted, dispose } = await tinyRun(device, examples, { batchSize: 4, maxSteps: 5 })
    for await (const { step } of run) if (step === 2) break
    expect([run.step, adapted.training]).toEqual([2, false])
    expect((await all(run)).map(({ step, epoch }) => [step, epoch])).toEqual([
      [3, 1],
      [4, 1],
      [5, 2],
    ])
    expect(await all(run)).toEqual([])
    dispose()
  })

  it('leaves gradient checkpointing on where the model has it', async () => {
    const { run, model: adapted, dispose } = await tinyRun(device, examples, { maxSteps: 1 })
    adapted.gradientCheckpointing = true
    const during: boolean[] = []
    for await (const { step } of run) if (step === 1) during.push(adapted.gradientCheckpointing)
    expect([...during, adapted.gradientCheckpointing]).toEqual([true, true])
    dispose()
  })

  it.each([
    [1, 4, false],
    [1, 4, true],
    [1, 2, false],
    [3, 2, true],
  ])(
    'grows the memory of %i threads in the first pass only, in batches of %i, checkpointing %s',
    async (threads, batchSize, gradientCheckpointing) => {
      const grow = vi.spyOn(WebAssembly.Memory.prototype, 'grow')
      const own = await openCpuDevice({ threads })
      const long = [700, 400, 700, 550].map((tokens) => {
        const inputIds = Int32Array.from({ length: tokens }, (_, i) => 3 + (i % 61))
        return { inputIds, labels: inputIds }
      })
      const { run } = await tinyRun(own, long, { batchSize, epochs: 4, gradientCheckpointing })
      const grown: number[] = []
      for await (const { step } of run) grown[step - 1] = grow.mock.calls.length
      expect(grown).toHaveLength(16 / batchSize)
      expect(grown[0]).toBeGreaterThan(0)
      expect(new Set(grown.slice(run.stepsPerEpoch - 1)).size).toBe(1)
      own.dispose()
      grow.mockRestore()
    },
  )

  it('decays matrices only', async () => {
    const moved = async (weightDecay: number) => {
      const full = (await tinyFalcon(device)).setRequiresGrad(true)
      const run = new TrainingRun(full, examples, { maxSteps: 1, learningRate: 0.01, weightDecay })
      await all(run)
      const numbers = await trainedNumbers(full)
      run.dispose()
      full.dispose()
      return numbers
    }
    const [without, decayed] = [await moved(0), await moved(0.5)]
    model.trainableParameters().forEach(({ shape }, i) => {
      if (shape.length < 2) expect(decayed[i]).toEqual(without[i])
      else expect(decayed[i]).not.toEqual(without[i])
    })
  })

  it.each([
    [{ batchSize: 0 }, 'TrainingRun: batchSize must be a whole number from 1, got 0'],
    [{ batchSize: 1.5 }, 'TrainingRun: batchSize must be a whole number from 1, got 1.5'],
    [{ batchSize: '8' }, 'TrainingRun: batchSize must be a whole number from 1, got "8"'],
    [{ gradientAccumulationSteps: -1 }, 'TrainingRun: gradientAccumulationSteps must be a whole number from 1, got -1'],
    [{ loggingSteps: 0 }, 'TrainingRun: loggingSteps must be a whole number from 1, got 0'],
    [{ maxSteps: 0 }, 'TrainingRun: maxSteps must be a whole number from 1 or null, got 0'],
    [{ epochs: 0 }, 'TrainingRun: epochs must be a number above 0 and at most 1e+37, got 0'],
    [{ epochs: 1e30 }, 'TrainingRun: epochs 1e+30 are too many to count'],
    [{ learningRate: NaN }, 'TrainingRun: learningRate must be a number above 0 and at most 1e+37, got NaN'],
    [{ learningRate: Infinity }, 'TrainingRun: learningRate must be a number above 0 and at most 1e+37, got Infinity'],
    [{ learningRate: 1e308 }, 'TrainingRun: learningRate must be a number above 0 and at most 1e+37, got 1e+308'],
    [{ learningRate: '2e-4' }, 'TrainingRun: learningRate must be a number above 0 and at most 1e+37, got "2e-4"'],
    [{ learningRate: null }, 'TrainingRun: learningRate must be a number above 0 and at most 1e+37, got null'],
    [{ eps: 0 }, 'TrainingRun: eps must be a number from 1e-37 and at most 1e+37, got 0'],
    [
      { warmup: -1 },
      'TrainingRun: warmup must be a share of all steps from 0 and below 1, or a whole number of steps, got -1',
    ],
    [
      { warmup: 1.5 },
      'TrainingRun: warmup must be a share of all steps from 0 and below 1, or a whole number of steps, got 1.5',
    ],
    [{ weightDecay: -0.1 }, 'TrainingRun: weightDecay must be a number from 0 and at most 1e+37, got -0.1'],
    [{ maxGradNorm: -1 }, 'TrainingRun: maxGradNorm must be a number from 0 and at most 1e+37, got -1'],
    [{ betas: [1, 0.9] }, 'TrainingRun: betas must be two numbers from 0 and below 1, got [1, 0.9]'],
    [{ betas: [0.9] }, 'TrainingRun: betas must be two numbers from 0 and below 1, got [0.9]'],
    [
      { betas: [0.9, 0.999999999] },
      'TrainingRun: betas must be two numbers from 0 and below 1, got [0.9, 0.999999999]',
    ],
    [
      { schedule: 3 },
      "TrainingRun: schedule must be a name such as 'cosine', { type: 'cosine', … } or a function of the step, got 3",
    ],
    [{ schedule: 'cosin' }, `TrainingRun: schedule: there is no schedule "cosin"; did you mean 'cosine'?`],
    [{ schedule: { type: 'cosine', numCycles: 0 } }, 'TrainingRun: schedule.numCycles must be a number above 0, got 0'],
    [{ seed: 1.5 }, 'TrainingRun: seed must be a whole number, got 1.5'],
    [{ groupByLength: 'false' }, 'TrainingRun: groupByLength must be true or false, got "false"'],
    [{ onWarning: 'console.warn' }, 'TrainingRun: onWarning must be a function, got "console.warn"'],
    [{ lr: 1e-4 }, 'TrainingRun: there is no option "lr"; did you mean learningRate?'],
    [{ learning_rate: 1e-4 }, 'TrainingRun: there is no option "learning_rate"; did you mean learningRate?'],
    [{ num_train_epochs: 1 }, 'TrainingRun: there is no option "num_train_epochs"; did you mean numTrainEpochs?'],
    [{ max_steps: 1 }, 'TrainingRun: there is no option "max_steps"; did you mean maxSteps?'],
    [{ warmup_steps: 3 }, 'TrainingRun: there is no option "warmup_steps"; did you mean warmupSteps?'],
    [{ lrScheduler: 'cosine' }, 'TrainingRun: there is no option "lrScheduler"; did you mean schedule?'],
    [{ adam_epsilon: 1e-8 }, 'TrainingRun: there is no option "adam_epsilon"; did you mean adamEpsilon?'],
    [3, 'TrainingRun: options must be an object such as { maxSteps: … }, got 3'],
  ])('refuses %j', (options, message) => {
    const before = device.memory.liveBytes
    expect(() => new TrainingRun(model, examples, options as TrainingOptions)).toThrow(
      expect.objectContaining({ code: 'config', message }),
    )
    expect(device.memory.liveBytes).toBe(before)
  })

  it('takes undefined for the default, and lets nobody write to what it goes by', () => {
    const given = { seed: undefined, learningRate: undefined, betas: [0.8, 0.9] } as unknown as TrainingOptions
    const run = new TrainingRun(model, examples, given)
    expect(run.options).toMatchObject({
      ...{ seed: 42, learningRate: 2e-5 },
      optimizer: { type: 'adamw', betas: [0.8, 0.9], eps: 1e-8, weightDecay: 0 },
    })
    const { options } = run as unknown as { options: Record<string, unknown> & { optimizer: { betas: number[] } } }
    expect(() => (options['learningRate'] = 1)).toThrow(TypeError)
    expect(() => (options.optimizer.betas[0] = 0.5)).toThrow(TypeError)
    expect(() => ((run as unknown as { steps: number }).steps = 5)).toThrow(TypeError)
    expect(() => (run.examples as unknown as unknown[]).pop()).toThrow(TypeError)
    expect(() => (run.optimizer.steps = -1)).toThrow('AdamW: steps must be a whole number from 0, got -1')
    run.dispose()
    const again = new TrainingRun(model, examples, run.options)
    expect(again.options).toEqual(run.options)
    again.dispose()
  })

  const [ids, labels] = [Int32Array.of(3, 4, 5), Int32Array.of(-100, 4, 5)]
  const make = 'promptCompletionExample makes one of { prompt, completion }'
  const range = "a whole number from 0 to 63, below the model's vocabSize"
  const other = "; is this the model's tokenizer?"
  it.each([
    ['text', 'examples must be a list of { inputIds, labels }, got "text"'],
    [null, 'examples must be a list of { inputIds, labels }, got null'],
    [['text'], `example 0 must be { inputIds, labels }, got "text"; ${make}`],
    [
      [{ prompt: 'a', completion: 'b' }],
      `example 0 must be { inputIds, labels }, got { prompt: "a", completion: "b" }; ${make}`,
    ],
    [
      [{ inputIds: ids, labels }, null],
      'example 1 must be { inputIds, labels }, got null; promptCompletionExample gives null for a text without anything to ' +
        'learn; leave those out',
    ],
    [[undefined], `example 0 must be { inputIds, labels }, got undefined; ${make}`],
    [
      [{ inputIds: ids }],
      'example 0 has no labels; give one a token: its id where it is to be predicted, -100 where not',
    ],
    [[{ inputIds: 'abc', labels }], 'example 0: inputIds must be an Int32Array, got "abc"'],
    [[{ inputIds: [3, NaN, 5], labels }], `example 0: inputIds[1] must be ${range}, got NaN`],
    [[{ inputIds: [3, 4.5, 5], labels }], `example 0: inputIds[1] must be ${range}, got 4.5`],
    [[{ inputIds: [3, '4', 5], labels }], `example 0: inputIds[1] must be ${range}, got "4"`],
    [[{ inputIds: Int32Array.of(3, -4, 5), labels }], `example 0: inputIds[1] must be ${range}, got -4`],
    [[{ inputIds: Int32Array.of(3, 64, 5), labels }], `example 0: inputIds[1] must be ${range}, got 64${other}`],
    [
      [{ inputIds: ids, labels: Int32Array.of(-100, 4, 64) }],
      `example 0: labels[2] must be -100 or ${range}, got 64${other}`,
    ],
    [[{ inputIds: ids, labels: Int32Array.of(-1, 4, 5) }], `example 0: labels[0] must be -100 or ${range}, got -1`],
    [[{ inputIds: ids, labels, bytes: NaN }], 'example 0: bytes must be a number from 0, got NaN'],
    [[{ inputIds: ids, labels: Int32Array.of(4, 5) }], 'example 0 has 3 ids and 2 labels', 'shape'],
  ])('refuses the examples %j', (wrong, message, code = 'config') => {
    const before = device.memory.liveBytes
    const given = wrong as unknown as typeof examples
    expect(() => new TrainingRun(model, given)).toThrow(
      expect.objectContaining({ code, message: `TrainingRun: ${message}` }),
    )
    expect(device.memory.liveBytes).toBe(before)
  })

  it('takes ids and labels in plain lists as it does in arrays', () => {
    const plain = [{ inputIds: [3, 4, 5], labels: [-100, 4, 5], bytes: 2 }] as unknown as typeof examples
    const run = new TrainingRun(model, plain)
    expect(run.examples).toEqual([{ inputIds: ids, labels, bytes: 2 }])
    run.dispose()
  })

  it('trains a model by one run at a time, in one loop', async () => {
    const { run, model: adapted, dispose } = await tinyRun(device, examples, { batchSize: 4, maxSteps: 3 })
    const other = new TrainingRun(adapted, examples, { maxSteps: 2 })
    const refusal = (who: string) =>
      `TrainingRun: ${who}; go through that loop to its end, leave it, or dispose of its run first`
    for await (const { step } of run) {
      await expect(all(other)).rejects.toThrow(refusal('another run is training this model'))
      await expect(all(run)).rejects.toMatchObject({
        code: 'config',
        message: refusal('this run is being iterated already'),
      })
      if (step === 2) break
    }
    expect(run.step).toBe(2)
    expect(await all(other)).toHaveLength(2)
    expect(await all(run)).toHaveLength(1)
    other.dispose()
    const third = new TrainingRun(adapted, examples, { maxSteps: 2 })
    // A loop that was neither ended nor left.
    await third[Symbol.asyncIterator]().next()
    const fourth = new TrainingRun(adapted, examples, { maxSteps: 1 })
    await expect(all(fourth)).rejects.toThrow(refusal('another run is training this model'))
    third.dispose()
    expect(await all(fourth)).toHaveLength(1)
    fourth.dispose()
    dispose()
  })

  it('says so when it, or its model, was disposed of', async () => {
    const { run, model: adapted, dispose } = await tinyRun(device, examples, { batchSize: 4, maxSteps: 3 })
    const loop = run[Symbol.asyncIterator]()
    await loop.next()
    run.dispose()
    const gone = { code: 'device', message: 'AdamW: the optimizer was disposed of; make a new one' }
    await expect(loop.next()).rejects.toMatchObject(gone)
    await expect(all(run)).rejects.toMatchObject(gone)
    dispose()
    expect(() => new TrainingRun(adapted, examples)).toThrow(expect.objectContaining({ code: 'config' }))
    const full = (await tinyFalcon(device)).setRequiresGrad(true)
    full.dispose()
    expect(() => new TrainingRun(full, examples)).toThrow(
      expect.objectContaining({
        code: 'device',
        message: 'AdamW: a parameter was disposed of; load the model again',
      }),
    )
  })

  it('leaves no byte behind where memory ends in its making or in its loop', async () => {
    const { model: adapted, dispose, run: first } = await tinyRun(device, examples, { maxSteps: 1 })
    first.dispose()
    const before = device.memory.liveBytes
    let room = 0
    for (; ; room++) {
      const limit = limitAllocations(device, room)
      try {
        const run = new TrainingRun(adapted, examples, { batchSize: 4, maxSteps: 1 })
        try {
          await all(run)
          break
        } finally {
          run.dispose()
        }
      } catch (error) {
        expect(error).toMatchObject({ code: 'memory' })
        expect([room, device.memory.liveBytes]).toEqual([room, before])
      } finally {
        limit.lift()
      }
    }
    expect(room).toBeGreaterThan(10)
    dispose()
  })

  it('refuses nothing to train on and nothing to train', () => {
    const refusal = (message: string): unknown => expect.objectContaining({ code: 'config', message })
    expect(() => new TrainingRun(model, [])).toThrow(refusal('TrainingRun: there is no example to train on'))
    const masked = { inputIds: Int32Array.of(1, 2, 3), labels: Int32Array.of(1, -100, -100) }
    expect(() => new TrainingRun(model, [...examples, masked])).toThrow(
      refusal('TrainingRun: example 8 has no label to learn from; drop examples whose prompt fills the whole length'),
    )
    model.setRequiresGrad(false)
    expect(() => new TrainingRun(model, examples)).toThrow(
      refusal('TrainingRun: the model has no trainable parameter; attach an adapter first'),
    )
    model.setRequiresGrad(true)
  })
})
