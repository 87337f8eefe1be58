import { valueAndGrad } from '../../src/autograd/value-and-grad.ts'
import type { PretrainedLm } from '../../src/models/causal-lm.ts'
import { AdamW } from '../../src/optim/adamw.ts'
import { schedule } from '../../src/optim/schedules/schedules.ts'
import { attachLora } from '../../src/peft/attach.ts'
import type { TensorReader } from '../../src/safetensors/reader.ts'
import { within, withinShare, worst, type Check } from './check.ts'
import { adaptedNames, batchOf } from './model-checks.ts'

/** What a run of ten optimiser steps is to reproduce. */
export interface TenSteps {
  readonly reference: TensorReader
  /** Names of the token ids of step s, and of its labels if they are not the ids. */
  readonly inputs: (step: number) => { readonly ids: string; readonly labels?: string }
  readonly weightDecay: number
  readonly warmup: number
  readonly schedule: 'cosine' | 'constant'
  readonly maxGradNorm: number
}

const RATE = 5e-3

/**
 * Ten AdamW steps on LoRA (r=4, alpha=8, the architecture's own targets) from the reference's start: losses, norms,
 * rates, the end.
 */
export async function* tenStepChecks(model: PretrainedLm, run: TenSteps): AsyncGenerator<Check> {
  const { reference } = run
  const adapter = attachLora(
    model,
    { r: 4, loraAlpha: 8, targetModules: adaptedNames(reference) },
    { device: model.device },
  )
  const named = [...adapter.namedTrainableParameters()]
  for (const [name, tensor] of named) tensor.write(await reference.readF32(`start.${name}`))
  const optimizer = new AdamW(model.trainableParameters(), { weightDecay: run.weightDecay })
  const rate = schedule(run.schedule, 10, run.warmup)
  const [losses, norms, rates]: [number[], number[], number[]] = [[], [], []]
  for (let step = 0; step < 10; step++) {
    const { ids, labels } = run.inputs(step)
    const batch = await batchOf(reference, ids)
    const wanted = labels === undefined ? batch.inputIds : Int32Array.from((await reference.read(labels)) as Int32Array)
    const scope = model.device.memory.open()
    const { loss, grads } = valueAndGrad(model, () => model.loss(batch, wanted))(null)
    if (step === 0 && reference.names.some((name) => name.startsWith('grad0.'))) {
      const checks: Check[] = []
      for (const [name, tensor] of named) {
        checks.push(
          withinShare(name, (await grads.get(tensor)?.read()) ?? [], await reference.readF32(`grad0.${name}`), 1e-3),
        )
      }
      yield worst('first gradients', checks)
    }
    rates.push(RATE * rate(step))
    const clip = optimizer.step(grads, RATE * rate(step), run.maxGradNorm)
    losses.push(await loss.item())
    norms.push((await clip.read())[1] ?? NaN)
    scope.close()
  }
  yield within('losses of ten steps', losses, (await reference.read('losses')) as Float64Array, 1e-3)
  if (reference.has('grad_norms'))
    yield withinShare('gradient norms', norms, (await reference.read('grad_norms')) as Float64Array, 1e-3)
  if (reference.has('learning_rates'))
    yield within('learning rates', rates, (await reference.read('learning_rates')) as Float64Array, 1e-9)
  const ends: Check[] = []
  for (const [name, tensor] of named)
    ends.push(within(name, await tensor.read(), await reference.readF32(`end.${name}`), 1e-3))
  yield worst('parameters after ten steps', ends)
  optimizer.dispose()
  adapter.detach()
}
