import { check } from '../../core/errors.ts'
import type { CausalLm } from '../../models/causal-lm.ts'
import { KeyValueCaches } from '../../models/caches/key-value-caches.ts'
import { leftPadded } from '../../models/caches/left-padded.ts'
import { inference } from '../../models/inference.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { type LogLikelihood, Predictions } from './predictions.ts'
import type { Request } from './request.ts'

/**
 * How likely each continuation is behind its context. Contexts are read side by side and once, whatever follows them:
 * continuations of one token are looked up in what they predict, longer ones are read behind the contexts' keys and
 * values. Sums are in double precision over the model's f32 logits.
 * @returns One list a request, in the order of its continuations.
 * @throws MedAwareError `memory`, and `numeric` where logits are not finite.
 */
export async function logLikelihoods(
  model: CausalLm,
  requests: readonly Request[],
): Promise<(readonly LogLikelihood[])[]> {
  const lengths = requests.map(({ context }) => context.length)
  const longest = Math.max(...lengths)
  const further = Math.max(...requests.flatMap(({ continuations }) => continuations.map(({ length }) => length - 1)))
  const caches = further === 0 ? null : new KeyValueCaches(model, requests.length, longest + further)
  try {
    const contexts = requests.map(({ context }) => context)
    const batch = leftPadded(model, contexts, { lengths })
    const first = await predictions(model, () => model.lastLogits(batch, caches?.perLayer))
    caches?.advance(longest)
    const sums = requests.map(({ continuations }, row) => continuations.map(([token = 0]) => first.of(row, token)))
    const most = caches === null ? 0 : Math.max(...sums.map(({ length }) => length))
    for (let choice = 0; choice < most; choice++) {
      const texts = requests.map(({ continuations }) => continuations[choice] ?? [])
      const width = Math.max(...texts.map(({ length }) => length)) - 1
      if (width < 1 || caches === null) continue
      // The caches are not advanced: the next choice stands in the same place behind its context.
      const rows = texts.map((ids) => Array.from({ length: width }, (_, i) => ids[i] ?? 0))
      const behind = leftPadded(model, rows, { lengths, past: longest })
      const next = await predictions(model, () => model.forward(behind, caches.perLayer))
      for (const [row, ids] of texts.entries()) {
        const sum = sums[row]?.[choice]
        if (sum === undefined) continue
        const rest = ids.slice(1).map((token, i) => next.of(row * width + i, token))
        ;(sums[row] ?? [])[choice] = rest.reduce(together, sum)
      }
    }
    return sums
  } finally {
    caches?.dispose()
  }
}

function together(one: LogLikelihood, other: LogLikelihood): LogLikelihood {
  return {
    logLikelihood: one.logLikelihood + other.logLikelihood,
    isGreedy: one.isGreedy && other.isGreedy,
  }
}

/** Runs a model and reads its logits f32 [..., vocab]. */
async function predictions(model: CausalLm, run: () => Tensor): Promise<Predictions> {
  const { device } = model
  await device.prepare(() => device.memory.scoped(() => void inference(model, run)))
  // Outside all scopes: one the caller has open may close before the numbers have come back.
  const logits = device.memory.rooted(() => inference(model, run))
  try {
    const values = await logits.read()
    await device.settle()
    check(values instanceof Float32Array, 'numeric', () => 'evaluate: the logits are no f32')
    return new Predictions(values, model.vocabSize)
  } finally {
    logits.dispose()
  }
}
