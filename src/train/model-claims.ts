import { check } from '../core/errors.ts'
import type { CausalLm } from '../models/causal-lm.ts'

/** Who trains a model now: two at once would undo each other's steps, and dropout and gradients would mix. */
const owners = new WeakMap<CausalLm, object>()

/**
 * Keeps a model to one run.
 * @returns Lets it go; a second call does nothing.
 * @throws MedAwareError `config` while the model is another's, or this run's already.
 */
export function claimModel(model: CausalLm, run: object): () => void {
  const owner = owners.get(model)
  check(owner === undefined, 'config', () => {
    const who = owner === run ? 'this run is being iterated already' : 'another run is training this model'
    return `TrainingRun: ${who}; go through that loop to its end, leave it, or dispose of its run first`
  })
  owners.set(model, run)
  return () => releaseModel(model, run)
}

/** Lets a model go that is this run's. */
export function releaseModel(model: CausalLm, run: object): void {
  if (owners.get(model) === run) owners.delete(model)
}

/** Whether a run is in its loop. */
export function isIterated(model: CausalLm, run: object): boolean {
  return owners.get(model) === run
}
