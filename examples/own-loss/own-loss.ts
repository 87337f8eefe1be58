/**
 * A loss of one's own, in the verbs of `peft-medaware/ops`: Direct Preference Optimization (arXiv 2305.18290) with
 * QLoRA. Of two answers to a question the model learns to prefer one; how it judged them before its adapter says how
 * far it may go.
 *
 *   npx tsx examples/own-loss/own-loss.ts [MODEL]
 */
import { attachLora, fromArray, loadModel, openDevice, promptCompletionExample, TrainingRun } from 'peft-medaware'
import type { CausalLm, Tensor } from 'peft-medaware'
import { noGrad } from 'peft-medaware/autograd'
import { collate } from 'peft-medaware/models'
import { add, gather, logSoftmax, mean, mul, reshape, slice, sum } from 'peft-medaware/ops'
import { preferences } from './preferences.ts'

/** How strongly the model is held to what it was (TRL's default). */
const beta = 0.1

/** Answers side by side, each chosen one before the one rejected, and their scores under the base alone. */
interface PreferenceBatch extends ReturnType<typeof batchOf> {
  readonly baseScores: Float32Array
}

const batchOf = (examples: Parameters<typeof collate>[0]) => {
  const { batch, labels } = collate(examples)
  return { ...batch, labels }
}

/** Log probability of each row's answer: f32 [rows]. */
function scoresOf(model: CausalLm, { inputIds, labels, shape }: ReturnType<typeof batchOf>): Tensor {
  const [rows, tokens] = shape
  // The logits of a token are about the next one; prompts and padding have the label -100, for which `gather` gives 0.
  const next = labels.filter((_, i) => i % tokens > 0)
  const logProbs = logSoftmax(slice(model.forward({ inputIds, shape }), 1, 0, tokens - 1))
  const picked = gather(logProbs, fromArray(model.device, next, [rows, tokens - 1, 1]))
  return sum(reshape(picked, [rows, -1]), { axis: 1 })
}

/** By how much each answer has become likelier than under the base, times beta: f32 [pairs, 2]. */
function rewardsOf(model: CausalLm, batch: PreferenceBatch): Tensor {
  const base = fromArray(model.device, batch.baseScores, [batch.baseScores.length])
  return reshape(mul(add(scoresOf(model, batch), mul(base, -1)), beta), [-1, 2])
}

/** -log σ(reward of the chosen - reward of the rejected): the first of two log-softmax terms. */
function preferenceLoss(model: CausalLm, batch: PreferenceBatch): Tensor {
  return mul(mean(slice(logSoftmax(rewardsOf(model, batch)), 1, 0, 1)), -1)
}

const source = process.argv[2] ?? 'examples/medquad/base'
const { device } = await openDevice({ device: 'cpu' })
const { model, tokenizer } = await loadModel(source, { device, quantize: { type: 'nf4' } })
if (tokenizer === null) throw new Error(`${source} has no tokenizer`)

const examples = preferences.flatMap(({ question, chosen, rejected }) =>
  [chosen, rejected].flatMap((answer) => {
    const pair = { prompt: `Question: ${question}\nAnswer:`, completion: ` ${answer}` }
    return promptCompletionExample(tokenizer, pair) ?? []
  }),
)
const plain = batchOf(examples)
const batch: PreferenceBatch = { ...plain, baseScores: await noGrad(() => scoresOf(model, plain)).read() }

attachLora(model, { r: 16, loraAlpha: 32, targetModules: 'all-linear' }, { device })
const run = new TrainingRun(model, () => [batch], {
  ...{ maxSteps: 12, learningRate: 1e-3, schedule: 'constant', loss: preferenceLoss },
})
for await (const { step, loss } of run) if (step % 4 === 1) console.log(`step ${step}: loss ${loss.toFixed(3)}`)

const rewards = await noGrad(() => rewardsOf(model, batch)).read()
preferences.forEach(({ question }, i) => {
  const margin = (rewards[2 * i] ?? 0) - (rewards[2 * i + 1] ?? 0)
  console.log(`${question} margin ${margin.toFixed(1)}`)
})
device.dispose()
