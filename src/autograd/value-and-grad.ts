import { check } from '../core/errors.ts'
import { callback, readArgument, withMethods } from '../core/options.ts'
import { showShape } from '../core/shape.ts'
import { show } from '../core/show.ts'
import { zerosBeside } from '../tensor/packed.ts'
import { empty, Tensor } from '../tensor/tensor.ts'
import { Tape } from './tape.ts'

/** Anything that can say which of its tensors are trained. */
export interface Trainable {
  trainableParameters(): readonly Tensor[]
}

/** A loss and the gradient of every trainable tensor that it depends on. */
export interface ValueAndGrad {
  /** f32 [1]. */
  readonly loss: Tensor
  /**
   * f32, each of its parameter's shape. Those of parameters that share a buffer share one too, at the same places, and
   * to dispose of one frees all of them.
   */
  readonly grads: ReadonlyMap<Tensor, Tensor>
}

/**
 * Turns a loss function into one that also gives gradients: `valueAndGrad(model, lossOf)(batch)`. All that the
 * computation allocates is freed but the loss, the gradients and what it is told to keep, which belong to the scope
 * open around the call.
 * @param lossOf Its second argument keeps a tensor, such as a metric on the way to the loss (JAX's has_aux).
 * @throws MedAwareError `shape` if the loss is not a scalar, `config` if it depends on nothing trainable, or is no
 * tensor.
 */
export function valueAndGrad<Batch>(
  model: Trainable,
  lossOf: (batch: Batch, keep: (value: Tensor) => Tensor) => Tensor,
): (batch: Batch) => ValueAndGrad {
  readArgument(
    'valueAndGrad',
    'model',
    model,
    withMethods<Trainable>('a module, such as a model', ['trainableParameters']),
  )
  readArgument('valueAndGrad', 'lossOf', lossOf, callback<typeof lossOf>())
  return (batch) => {
    const parameters = new Set(model.trainableParameters())
    check(
      parameters.size > 0,
      'config',
      () => 'valueAndGrad: the model has no trainable parameter; attach an adapter first',
    )
    const tape = new Tape()
    const [first] = parameters
    const memory = (first as Tensor).device.memory
    const scope = memory.open()
    const kept = new Set<Tensor>()
    const keep = (value: Tensor): Tensor => {
      kept.add(value)
      return value
    }
    try {
      const loss = Tape.during(tape, () => lossOf(batch, keep))
      check(loss instanceof Tensor, 'config', () => `valueAndGrad: lossOf must return a tensor, got ${show(loss)}`)
      check(loss.count === 1, 'shape', () => `valueAndGrad: the loss must be a scalar, not ${showShape(loss.shape)}`)
      check(loss.requiresGrad, 'config', () => 'valueAndGrad: the loss depends on no trainable parameter')
      const one = empty(loss.device, [1], 'dLoss')
      one.device.run('fill', { out: one }, { count: 1, value: 1 })
      const buffers = new Set([loss, ...kept].map(({ buffer }) => buffer))
      const grads = Tape.during(null, () => tape.backward(loss, one, parameters, buffers, zerosBeside(parameters)))
      for (const value of [loss, ...kept, ...grads.values()]) scope.keep(value)
      return { loss, grads }
    } finally {
      scope.close()
    }
  }
}
