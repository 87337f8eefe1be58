// Forward and backward of a Falcon-RW-1B layer's four linears with an adapter on each, timed in a process of its own:
// the engine (cpu or webgpu), the base's storage (f32 or nf4), the adapter (bare, lora or dora), and the clock.
import { Tape } from '../../src/autograd/tape.ts'
import { openCpuDevice } from '../../src/device/cpu/cpu-device.ts'
import { quantizeFourBit } from '../../src/formats/four-bit/quantize-four-bit.ts'
import { Linear } from '../../src/nn/linear.ts'
import { AdaptedLinear } from '../../src/peft/layers/adapted-linear.ts'
import { DoraLinear } from '../../src/peft/lora/dora-linear.ts'
import { LoraLinear } from '../../src/peft/lora/lora-linear.ts'
import { copyOf, fromArray, type Tensor } from '../../src/tensor/tensor.ts'
import { falconLinears } from '../adapters.ts'
import { openAdapter } from '../open-webgpu.ts'
import { normals } from '../product.ts'
import { serve } from '../serve.ts'
import { clock } from '../stats.ts'

const [engine = '', storage = '', method = '', by = ''] = process.argv.slice(2)
const device = engine === 'cpu' ? await openCpuDevice() : await openAdapter()
const { sizes, tokens, rank, scaling } = falconLinears

const layers = sizes.map(([inner, outer], place) => {
  const tensor = (rows: number, columns: number, scale: number) =>
    device.memory.rooted(() => {
      return fromArray(
        device,
        normals(rows * columns, place).map((value) => scale * value),
        [rows, columns],
        'operand',
      )
    })
  const bias = device.memory.rooted(() => fromArray(device, normals(outer), [outer], 'bias'))
  const base = new Linear(
    device.memory.rooted(() => stored(tensor(outer, inner, 0.02))),
    bias,
  )
  const factors = { 'lora_A.weight': tensor(rank, inner, 0.02), 'lora_B.weight': tensor(outer, rank, 0.02) }
  const { layer, trained } = adapted(base, factors)
  const updates = device.memory.rooted(() => trained.map((factor) => [factor, copyOf(factor, 'update')] as const))
  return { layer, trained, updates, x: tensor(tokens, inner, 1), dY: tensor(tokens, outer, 1) }
})

/** What is stored of a weight, which is freed where it is stored otherwise. */
function stored(weight: Tensor) {
  if (storage === 'f32') return weight
  const packed = quantizeFourBit(weight)
  weight.dispose()
  return packed
}

function adapted(base: Linear, factors: { 'lora_A.weight': Tensor; 'lora_B.weight': Tensor }) {
  if (method === 'bare') return { layer: base, trained: [] }
  const layer = new AdaptedLinear(base)
  if (method === 'lora') {
    return { layer: layer.add('default', new LoraLinear(factors, scaling, 0)), trained: Object.values(factors) }
  }
  const lora_magnitude_vector = device.memory.rooted(() => {
    return fromArray(device, new Float32Array(base.outFeatures), [base.outFeatures], 'magnitude')
  })
  const all = { ...factors, lora_magnitude_vector }
  const dora = new DoraLinear(all, scaling, 0)
  dora.startMagnitude(base)
  return { layer: layer.add('default', dora), trained: Object.values(all) }
}

/** y of each linear, and the gradients of x and of what is trained from one of y. */
function call(): void {
  for (const { layer, x, dY, trained, updates } of layers) {
    // Written as by an optimizer, so that nothing is kept of what was made of them.
    for (const [factor, update] of updates) device.copy(update, factor)
    const wanted = new Set([x, ...trained])
    for (const tensor of wanted) tensor.requiresGrad = true
    const tape = new Tape()
    device.memory.scoped(() => {
      const y = Tape.during(tape, () => layer.forward(x))
      tape.backward(y, dY, wanted, new Set())
    })
  }
}

const once = async () => {
  call()
  await device.settle()
}
await device.prepare(call)
await once()
await serve({ versions: engine === 'cpu' ? {} : { adapter: device.description } }, async (calls) => ({
  milliseconds: await clock(once, calls, by === 'processor' ? by : 'wall'),
}))
