import { check } from '../core/errors.ts'
import { number, readArgument, withMethods } from '../core/options.ts'
import { sameShape, showShape } from '../core/shape.ts'
import { show } from '../core/show.ts'
import { isFull } from '../tensor/matrix.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { f32 } from './optimizer-options.ts'

const parametersRule = withMethods<Tensor>('a parameter in f32, such as model.trainableParameters() gives', [
  'read',
  'write',
])

/** Gradients by parameter. */
export const gradsRule = withMethods<ReadonlyMap<Tensor, Tensor>>('a Map of gradients by parameter', ['get', 'has'])

/** A learning rate, or a norm. */
export const rateRule = number({ from: 0, to: f32.largest })

/**
 * Parameters that can be trained together: f32, each once, all on one device. @throws MedAwareError `config`, `device`.
 */
export function checkParameters(who: string, given: Iterable<Tensor>): readonly [Tensor, ...Tensor[]] {
  const isList = typeof given === 'object' && given !== null && Symbol.iterator in given
  check(
    isList,
    'config',
    () => `${who}: parameters must be a list of tensors, such as model.trainableParameters(), got ${show(given)}`,
  )
  const [first, ...rest] = [...given].map((each, i) => readArgument(who, `parameter ${i}`, each, parametersRule))
  check(first !== undefined, 'config', () => `${who}: there is no parameter to train; attach an adapter first`)
  const all: readonly [Tensor, ...Tensor[]] = [first, ...rest]
  all.forEach((each, i) => {
    check(isFull(each), 'config', () => `${who}: parameter ${i} is in ${each.dtype}, and only f32 can be trained`)
    check(each.device === first.device, 'config', () => `${who}: parameter ${i} is on another device than the first`)
  })
  check(new Set(all).size === all.length, 'config', () => `${who}: a parameter is given twice`)
  checkLive(who, all, 'a parameter was disposed of; load the model again')
  return all
}

/**
 * The gradient of a parameter. @throws MedAwareError `config` where there is none, `shape` where it has another shape.
 */
export function gradientOf(who: string, parameter: Tensor, grads: ReadonlyMap<Tensor, Tensor>): Tensor {
  const grad = grads.get(parameter)
  check(
    grad !== undefined,
    'config',
    () =>
      `${who}: the parameter of shape ${showShape(parameter.shape)} has no gradient; freeze it or use it in the loss`,
  )
  check(sameShape(grad.shape, parameter.shape), 'shape', () => {
    return `${who}: the gradient of the parameter of shape ${showShape(parameter.shape)} is ${showShape(grad.shape)}`
  })
  return grad
}

/** @throws MedAwareError `device` with the message, where one of the tensors was disposed of. */
export function checkLive(who: string, tensors: readonly Tensor[], message: string): void {
  check(
    tensors.every(({ device, buffer }) => device.memory.isLive(buffer)),
    'device',
    () => `${who}: ${message}`,
  )
}
