import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { Dropout, seedDropout } from '../../src/nn/dropout.ts'
import { LayerNorm } from '../../src/nn/layer-norm.ts'
import { Linear } from '../../src/nn/linear.ts'
import { Module, ModuleList } from '../../src/nn/module.ts'
import { quantizeFourBit } from '../../src/formats/four-bit/quantize-four-bit.ts'
import { halfFromArray } from '../../src/tensor/half.ts'
import { Tensor, zeros } from '../../src/tensor/tensor.ts'
import { openTestCpu } from '../device/cpu-under-test.ts'

const device = await openTestCpu()
afterAll(() => device.dispose())

class Block extends Module<{ norm: LayerNorm; drop: Dropout; up: Linear }> {}
class Net extends Module<{ layers: ModuleList<Block>; head: Linear }> {}

const vector = (size: number) => zeros(device, [size], 'vector')
const matrix = (rows: number, columns: number) => zeros(device, [rows, columns], 'matrix')

let net: Net
beforeEach(() => {
  const block = () =>
    new Block(
      {
        norm: new LayerNorm(vector(64), vector(64), 1e-5),
        drop: new Dropout(0.5),
        up: new Linear(matrix(32, 64), vector(32)),
      },
      {},
    )
  const head = new Linear(quantizeFourBit(matrix(32, 64)), null)
  net = new Net({ layers: new ModuleList([block(), block()]), head }, {})
})

const paths = () => [...net.namedModules()].map(([path]) => path)

describe('names', () => {
  it('are paths through the tree, parents first', () => {
    expect(paths()).toEqual([
      '',
      'layers',
      ...[0, 1].flatMap((i) => ['', '.norm', '.drop', '.up'].map((name) => `layers.${i}${name}`)),
      'head',
    ])
    expect([...net.namedModules('model')].map(([path]) => path)[3]).toBe('model.layers.0.norm')
    expect([...net.namedWeights()].map(([path]) => path)).toEqual([
      ...[0, 1].flatMap((i) =>
        ['norm.weight', 'norm.bias', 'up.weight', 'up.bias'].map((name) => `layers.${i}.${name}`),
      ),
      'head.weight',
    ])
    expect([...new ModuleList([new Dropout(0)]).namedWeights()]).toEqual([])
  })

  it('stay in order past ten modules in a list', () => {
    const list = new ModuleList(Array.from({ length: 12 }, (_, i) => new Dropout(i / 100)))
    expect([...list].map(({ p }) => p * 100)).toEqual(
      Array.from({ length: 12 }, (_, i): unknown => expect.closeTo(i, 5)),
    )
  })
})

describe('replace', () => {
  it('puts a module where another was', () => {
    const other = new Linear(matrix(8, 64), null)
    net.replace('layers.1.up', other)
    expect([...net.namedModules()].find(([path]) => path === 'layers.1.up')?.[1]).toBe(other)
    expect([other.inFeatures, other.outFeatures]).toEqual([64, 8])
    expect(net.modules.layers.modules['1']?.modules.up).toBe(other)
  })

  it.each([
    ['layers.2.up', 'replace: no module "layers.2.up"; where "2" should be there are 0, 1'],
    ['layers.1.down', 'replace: no module "layers.1.down"; where "down" should be there are norm, drop, up'],
    ['head.weight', 'replace: no module "head.weight"; where "weight" should be there are none'],
    ['', 'replace: no module ""; where "" should be there are layers, head'],
    ['layers.constructor', 'replace: no module "layers.constructor"; where "constructor" should be there are 0, 1'],
  ])('refuses "%s"', (path, message) => {
    const before = paths()
    expect(() => net.replace(path, new Dropout(0))).toThrow(expect.objectContaining({ code: 'not-found', message }))
    expect(paths()).toEqual(before)
  })
})

describe('trainableParameters', () => {
  it('lists what wants a gradient, in the order of the tree; weights in 4 bits and f16 never do', () => {
    const half = halfFromArray(device, new Float32Array(32 * 64), [32, 64], 'half')
    net.modules.layers.modules['1']?.replace('up', new Linear(half, null))
    expect(net.trainableParameters()).toEqual([])
    net.setRequiresGrad(true)
    const named = [...net.namedWeights()]
      .map(([, weight]) => weight)
      .filter((weight) => weight !== half && weight instanceof Tensor)
    expect(net.trainableParameters().length).toBe(6)
    expect(net.trainableParameters().every((tensor, i) => tensor === named[i])).toBe(true)
    net.modules.layers.setRequiresGrad(false)
    expect(net.trainableParameters()).toEqual([])
  })
})

describe('train', () => {
  it('reaches the whole tree, and back', () => {
    const flags = () => new Set([...net.namedModules()].map(([, module]) => module.training))
    expect(flags()).toEqual(new Set([false]))
    expect(net.train()).toBe(net)
    expect(flags()).toEqual(new Set([true]))
    expect(flags.call(net.train(false))).toEqual(new Set([false]))
  })

  it('makes dropout draw, each module its own, the same for the same seed', async () => {
    const x = zeros(device, [64], 'x').write(new Float32Array(64).fill(1))
    const [first, second] = [...net.modules.layers].map((block) => block.modules.drop)
    if (!first || !second) throw new Error('two blocks')
    expect(first.forward(x)).toBe(x)
    net.train()
    seedDropout(net, 7, 1)
    const drawn = await first.forward(x).read()
    expect(drawn).toContain(0)
    expect(await second.forward(x).read()).not.toEqual(drawn)
    seedDropout(net, 7, 2)
    expect(await first.forward(x).read()).not.toEqual(drawn)
    seedDropout(net, 7, 1)
    expect(await first.forward(x).read()).toEqual(drawn)
  })
})

it('dispose frees every parameter', () => {
  const before = device.memory.liveBytes
  const bytes = [...net.namedWeights()].reduce((sum, [, weight]) => sum + weight.byteLength, 0)
  net.dispose()
  expect(before - device.memory.liveBytes).toBe(bytes)
})
