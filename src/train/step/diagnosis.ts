import type { ValueAndGrad } from '../../autograd/value-and-grad.ts'
import type { CausalLm } from '../../models/causal-lm.ts'
import type { Module } from '../../nn/module.ts'
import { shareCount, sumSquares } from '../../optim/clipping.ts'
import { empty, Tensor } from '../../tensor/tensor.ts'

/** A module's output, as numbers that are finite where all of it is. */
interface Output {
  readonly path: string
  readonly sums: Tensor
}

/**
 * Which tensor of a step that was not finite is the first such one: of the weights, else of the modules' outputs in
 * forward order, else of the gradients in backward order. @param passes Its forward and backward passes, gone through
 * again. @returns Words that complete "the loss is NaN at step 3: …".
 */
export async function firstNotFinite(model: CausalLm, passes: readonly (() => ValueAndGrad)[]): Promise<string> {
  const weight = await weightNotFinite(model)
  if (weight !== null) return `the weight ${weight} is not finite`
  for (const pass of passes) {
    const found = await passNotFinite(model, pass)
    if (found !== null) return found
  }
  return 'every weight, output and gradient is finite by itself'
}

async function weightNotFinite(model: CausalLm): Promise<string | null> {
  for (const [path, weight] of model.namedWeights()) {
    // Codes of quantised weights are finite always, their scales may not be.
    const numbers = weight.tensors.filter(({ dtype }) => dtype !== 'i32' && dtype !== 'u8')
    for (const tensor of numbers) if (!(await isFinite(tensor))) return path
  }
  return null
}

async function passNotFinite(model: CausalLm, pass: () => ValueAndGrad): Promise<string | null> {
  const outputs: Output[] = []
  const { memory } = model.device
  const { loss, grads } = withOutputs(model, outputs, () => {
    return memory.rooted(() =>
      memory.scoped((scope) => {
        const result = pass()
        for (const value of [result.loss, ...result.grads.values()]) scope.keep(value)
        return result
      }),
    )
  })
  try {
    for (const { path, sums } of outputs) {
      if (!(await isFinite(sums))) return `${path || 'the model'} is the first module whose output is not finite`
    }
    if (!(await isFinite(loss))) return 'the output of every module is finite, the loss of them is not'
    for (const [path, weight] of [...model.namedWeights()].reverse()) {
      const grad = weight instanceof Tensor ? grads.get(weight) : undefined
      if (grad !== undefined && !(await isFinite(grad)))
        return `the gradient of ${path} is the first that is not finite`
    }
    return null
  } finally {
    for (const value of [loss, ...grads.values(), ...outputs.map(({ sums }) => sums)]) value.dispose()
  }
}

/** Goes through `work` while every module's `forward` notes what it gives, in the order in which they end. */
function withOutputs<T>(model: CausalLm, outputs: Output[], work: () => T): T {
  const watched: Module[] = []
  for (const [path, module] of model.namedModules()) {
    const forward: unknown = Reflect.get(module, 'forward')
    if (typeof forward !== 'function') continue
    watched.push(module)
    const value = (...inputs: unknown[]): unknown => {
      const output: unknown = Reflect.apply(forward, module, inputs)
      if (output instanceof Tensor && output.dtype === 'f32') outputs.push({ path, sums: sumsOf(output) })
      return output
    }
    Object.defineProperty(module, 'forward', { value, configurable: true })
  }
  try {
    return work()
  } finally {
    for (const module of watched) Reflect.deleteProperty(module, 'forward')
  }
}

/** f32: zeros where all of a tensor is finite, for 0 times what is not is NaN. */
function sumsOf(x: Tensor): Tensor {
  const { device, count } = x
  return device.memory.rooted(() => {
    const sums = empty(device, [shareCount([x])], 'sums of an output')
    const zeros = empty(device, x.shape, 'zeros of an output')
    device.run('scale', { x, factor: null, out: zeros }, { count, hasFactor: 0, alpha: 0 })
    sumSquares([zeros], sums, 0)
    zeros.dispose()
    return sums
  })
}

async function isFinite(tensor: Tensor): Promise<boolean> {
  return (await tensor.read()).every(Number.isFinite)
}
