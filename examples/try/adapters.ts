import type { Source, StepReport } from 'peft-medaware'
import { type AnyConfig, startWorker } from 'peft-medaware/worker'
import type { Pair } from './train.ts'

/** A method's config, and a rate at which it learns: those that only scale want a higher one. */
export interface Contender {
  readonly config: AnyConfig
  readonly learningRate: number
}

/** The methods on offer, by the names that readers see. */
export const contenders = {
  'LoRA, r = 4': { config: { peftType: 'LORA', r: 4, loraAlpha: 8 }, learningRate: 1e-2 },
  'LoRA, r = 16': { config: { peftType: 'LORA', r: 16, loraAlpha: 32 }, learningRate: 1e-2 },
  'DoRA, r = 4': { config: { peftType: 'LORA', r: 4, loraAlpha: 8, useDora: true }, learningRate: 1e-2 },
  '(IA)³': { config: { peftType: 'IA3' }, learningRate: 3e-2 },
  VeRA: { config: { peftType: 'VERA' }, learningRate: 3e-2 },
} satisfies Readonly<Record<string, Contender>>

export type ContenderName = keyof typeof contenders

export interface CompareSettings {
  readonly names: readonly ContenderName[]
  readonly steps: number
  /** Questions of a step. */
  readonly batchSize: number
  readonly seed: number
}

/** What is told as it goes. */
export interface CompareTold {
  readonly onDevice: (reason: string) => void
  readonly onBegin: (name: ContenderName, trainable: number) => void
  readonly onStep: (name: ContenderName, report: StepReport) => void
  /** Mean loss over all questions after the last step; before the first one it is the same for all methods. */
  readonly onEnd: (name: ContenderName | 'base', loss: number) => void
  readonly signal: AbortSignal
}

/** Trains one method after the other on the same base, questions and seed: each sees the same batches in one order. */
export async function compareAdapters(
  base: Source,
  pairs: readonly Pair[],
  { names, steps, batchSize, seed }: CompareSettings,
  { onDevice, onBegin, onStep, onEnd, signal }: CompareTold,
): Promise<void> {
  const worker = await startWorker()
  try {
    onDevice(worker.device.reason)
    const model = await worker.loadModel(base, { quantize: { type: 'nf4', doubleQuant: true } })
    const rows = pairs.map(({ question, answer }) => ({
      prompt: `Question: ${question}\nAnswer:`,
      completion: ` ${answer}`,
    }))
    const { examples } = await model.prepareExamples(rows, { maxLength: 96 })
    const lossNow = async () => (await model.evaluateLoss(examples, { signal })).loss
    onEnd('base', await lossNow())
    for (const name of names) {
      const { config, learningRate } = contenders[name]
      const adapter = await model.attachAdapter(config)
      onBegin(name, (await model.countParameters()).trainable)
      const run = await model.trainingRun(examples, { maxSteps: steps, learningRate, batchSize, seed })
      for await (const report of run.train({ signal })) onStep(name, report)
      onEnd(name, await lossNow())
      await run.dispose()
      await adapter.detach()
    }
  } finally {
    worker.terminate()
  }
}
