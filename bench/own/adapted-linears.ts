// Forward and backward of a Falcon-RW-1B layer's four linears, bare and with an adapter on each, timed in a process of
// its own: the engine (cpu or webgpu), the base's storage (f32 or nf4), and the clock.
import { Tape } from '../../src/autograd/tape.ts'
import { openCpuDevice } from '../../src/device/cpu/cpu-device.ts'
import { quantizeFourBit } from '../../src/formats/four-bit/quantize-four-bit.ts'
import { Linear } from '../../src/nn/linear.ts'
import { AdaptedLinear } from '../../src/peft/layers/adapted-linear.ts'
import { DoraLinear } from '../../src/peft/lora/dora-linear.ts'
import { LoraLinear } from '../../src/peft/lora/lora-linear.ts'
import { copyOf, fromArray, type Tensor } from '../../src/tensor/tensor.ts'
import { falconLinears, methods, type Variant } from '../adapters.ts'
import { openAdapter } from '../open-webgpu.ts'
import { normals } from '../product.ts'
import { serve } from '../serve.ts'
import { clock } from '../stats.ts'

const [engine = '', storage = '', by = ''] = process.argv.slice(2)
const device = engine === 'cpu' ? await openCpuDevice({ build: 'fastest' }) : await openAdapter()
const { sizes, tokens, rank, scaling } = falconLinears

const tensorOf = (place: number) => (rows: number, columns: number, scale: number) =>
  device.memory.rooted(() => {
    return fromArray(
      device,
      normals(rows * columns, place).map((value) => scale * value),
      [rows, columns],
      'operand',
    )
  })

/** What all variants compute on. */
const bases = sizes.map(([inner, outer], place) => {
  const tensor = tensorOf(place)
  const bias = device.memory.rooted(() => fromArray(device, normals(outer), [outer], 'bias'))
  const base = new Linear(
    device.memory.rooted(() => stored(tensor(outer, inner, 0.02))),
    bias,
  )
  return { base, tensor, x: tensor(tokens, inner, 1), dY: tensor(tokens, outer, 1) }
})

/** What is stored of a weight, which is freed where it is stored otherwise. */
function stored(weight: Tensor) {
  if (storage === 'f32') return weight
  const packed = quantizeFourBit(weight)
  weight.dispose()
  return packed
}

/** The layers of a variant, and what trains of them. */
function layersOf(method: Variant) {
  return bases.map(({ base, tensor, x, dY }) => {
    const { inFeatures, outFeatures } = base
    const { layer, trained } = adapted(method, base, {
      'lora_A.weight': tensor(rank, inFeatures, 0.02),
      'lora_B.weight': tensor(outFeatures, rank, 0.02),
    })
    const updates = device.memory.rooted(() => trained.map((factor) => [factor, copyOf(factor, 'update')] as const))
    return { layer, trained, updates, x, dY }
  })
}

function adapted(method: Variant, base: Linear, factors: { 'lora_A.weight': Tensor; 'lora_B.weight': Tensor }) {
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
function call(layers: ReturnType<typeof layersOf>): void {
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

const works = new Map<string, () => Promise<void>>()
for (const method of methods) {
  const layers = layersOf(method)
  const once = async () => {
    call(layers)
    await device.settle()
  }
  await device.prepare(() => call(layers))
  await once()
  works.set(method, once)
}
await serve({ versions: engine === 'cpu' ? {} : { adapter: device.description } }, async (calls, variant) => {
  const work = works.get(variant)
  if (work === undefined) throw new RangeError(`no variant ${variant}`)
  return { milliseconds: await clock(work, calls, by === 'processor' ? by : 'wall') }
})
