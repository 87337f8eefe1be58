import type { Source } from 'peft-medaware'
import { startWorker } from 'peft-medaware/worker'

/** A question and the answer to learn. */
export interface Pair {
  readonly question: string
  readonly answer: string
}

export interface TrainSettings {
  readonly steps: number
  /** r of LoRA. */
  readonly rank: number
  readonly learningRate: number
  /** Questions of a step. */
  readonly batchSize: number
  /** What the model is asked before and after. */
  readonly question: string
}

/** What is told as it goes. */
export interface TrainTold {
  readonly onDevice: (reason: string) => void
  readonly onStep: (step: number, loss: number) => void
  readonly onAnswer: (when: 'before' | 'after', answer: string) => void
  readonly signal: AbortSignal
}

/** Trains LoRA over a base in 4 bits, in a worker, and asks the model before and after. */
export async function train(
  base: Source,
  pairs: readonly Pair[],
  { steps, rank, learningRate, batchSize, question }: TrainSettings,
  { onDevice, onStep, onAnswer, signal }: TrainTold,
): Promise<void> {
  const worker = await startWorker()
  try {
    onDevice(worker.device.reason)
    const model = await worker.loadModel(base, { quantize: { type: 'nf4', doubleQuant: true } })
    const ask = () => model.completeText(promptOf(question), { maxNewTokens: 48, repetitionPenalty: 1.15, signal })
    onAnswer('before', await ask())

    await model.attachLora({ r: rank, loraAlpha: 2 * rank, targetModules: 'all-linear' })
    const rows = pairs.map((pair) => ({ prompt: promptOf(pair.question), completion: ` ${pair.answer}` }))
    const { examples } = await model.prepareExamples(rows, { maxLength: 96 })
    const run = await model.trainingRun(examples, { maxSteps: steps, learningRate, batchSize, seed: 1 })
    for await (const { step, loss } of run.train({ signal })) onStep(step, loss)

    onAnswer('after', await ask())
  } finally {
    worker.terminate()
  }
}

const promptOf = (question: string) => `Question: ${question}\nAnswer:`
