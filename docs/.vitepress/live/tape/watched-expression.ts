import { fromArray, type Device, type Tensor } from 'peft-medaware'
import { noGrad, record, valueAndGrad } from 'peft-medaware/autograd'
import { add, mul, tanh } from 'peft-medaware/ops'

/** The numbers of the expression (tanh(w · x + b) - y)²: w and b are trained. */
export interface Leaves {
  readonly w: number
  readonly b: number
  readonly x: number
  readonly y: number
}

/** One op that the tape noted. */
export interface Noted {
  /** What it gives, as others call it. */
  readonly out: string
  readonly formula: string
  readonly value: number
  /** Of the loss by what it gives. */
  readonly gradient: number
}

/** What one pass forward and one back gave. */
export interface Recorded {
  /** In the order in which they ran. */
  readonly noted: readonly Noted[]
  /** Names in the order in which the walk back came to them. */
  readonly order: readonly string[]
  readonly loss: number
  /** Of the parameters. */
  readonly gradients: { readonly w: number; readonly b: number }
  /** The same by central differences of the loss. */
  readonly differences: { readonly w: number; readonly b: number }
}

/** Half a step of a central difference: in f32 a smaller one would show rounding, a larger one the curve's bend. */
const h = 2 ** -8

/**
 * Records the expression on a tape and walks back over it. Each op's output goes through `watch`, an op of our own that
 * hands its input on and keeps the gradient that comes back.
 */
export async function recordExpression(device: Device, leaves: Leaves): Promise<Recorded> {
  const scope = device.memory.open()
  try {
    const tensors = tensorsOf(device, leaves)
    const { w, b } = tensors
    w.requiresGrad = b.requiresGrad = true
    const values = new Map<string, Tensor>()
    const gradients = new Map<string, Tensor>()
    const { loss, grads } = valueAndGrad({ trainableParameters: () => [w, b] }, (_batch: null, keep) =>
      expression(tensors, (name, out) => {
        values.set(name, keep(noGrad(() => mul(out, 1))))
        return watch(out, (dOut) => gradients.set(name, keep(mul(dOut, 1))))
      }),
    )(null)
    const noted = await Promise.all(
      formulas.map(async ([out, formula]) => ({
        ...{ out, formula, value: await read(values.get(out)), gradient: await read(gradients.get(out)) },
      })),
    )
    return {
      noted,
      order: [...gradients.keys()],
      loss: await loss.item(),
      gradients: { w: await read(grads.get(w)), b: await read(grads.get(b)) },
      differences: { w: await differenceBy(device, leaves, 'w'), b: await differenceBy(device, leaves, 'b') },
    }
  } finally {
    scope.close()
  }
}

/** The ops by the names of what they give. */
export const formulas = [
  ['product', 'w · x'],
  ['sum', 'product + b'],
  ['guess', 'tanh(sum)'],
  ['error', 'guess - y'],
  ['loss', 'error · error'],
] as const

type Tensors = Readonly<Record<keyof Leaves, Tensor>>

function tensorsOf(device: Device, leaves: Leaves): Tensors {
  const scalar = (value: number) => fromArray(device, Float32Array.of(value), [1])
  return { w: scalar(leaves.w), b: scalar(leaves.b), x: scalar(leaves.x), y: scalar(-leaves.y) }
}

/** @param see Is shown what each op gives, and says what is gone on with. */
function expression({ w, b, x, y }: Tensors, see: (name: string, out: Tensor) => Tensor = (_name, out) => out): Tensor {
  const product = see('product', mul(w, x))
  const sum = see('sum', add(product, b))
  const guess = see('guess', tanh(sum))
  const error = see('error', add(guess, y))
  return see('loss', mul(error, error))
}

/** Hands x on, and its gradient back, which `see` is shown on the way. */
function watch(x: Tensor, see: (dOut: Tensor) => void): Tensor {
  const out = noGrad(() => mul(x, 1))
  return record(out, [x], (dOut) => {
    see(dOut)
    return [dOut]
  })
}

/** (loss at +h - loss at -h) / 2h, by the same ops without a tape. */
async function differenceBy(device: Device, leaves: Leaves, name: 'w' | 'b'): Promise<number> {
  const lossAt = (by: number) => expression(tensorsOf(device, { ...leaves, [name]: leaves[name] + by })).item()
  return ((await lossAt(h)) - (await lossAt(-h))) / (2 * h)
}

const read = async (tensor: Tensor | undefined): Promise<number> => (tensor === undefined ? 0 : tensor.item())
