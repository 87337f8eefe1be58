import { afterAll, describe, expect, it } from 'vitest'
import { Random } from '../../../src/core/random.ts'
import { valueAndGrad } from '../../../src/autograd/value-and-grad.ts'
import { quantizeFourBit } from '../../../src/formats/four-bit/quantize-four-bit.ts'
import { quantizeInt8 } from '../../../src/formats/int8/quantize-int8.ts'
import { Linear } from '../../../src/nn/linear.ts'
import type { Weight } from '../../../src/nn/module.ts'
import { dequantize } from '../../../src/ops/dequantize.ts'
import { dropout } from '../../../src/ops/dropout.ts'
import { mul } from '../../../src/ops/mul.ts'
import { sum } from '../../../src/ops/array/sum.ts'
import { attachLora } from '../../../src/peft/attach.ts'
import { withAdapterNames } from '../../../src/peft/several/several-adapters.ts'
import { AdaptedLinear, type LinearAdapter } from '../../../src/peft/layers/adapted-linear.ts'
import { DoraLinear } from '../../../src/peft/lora/dora-linear.ts'
import { LoraLinear } from '../../../src/peft/lora/lora-linear.ts'
import { halfFromArray } from '../../../src/tensor/half.ts'
import { fromArray, type Tensor, zeros } from '../../../src/tensor/tensor.ts'
import { testEngines } from '../../device/devices.ts'
import { at, doubles, sumOf } from '../../device/kernel-case.ts'
import { maxDifference, maxMagnitude, tinyBatch, tinyFalcon } from '../tiny-falcon.ts'

const [inner, outer, rank, tokens, scaling] = [64, 24, 4, 5, 1.5]

describe.each(await testEngines())('DoRA on $description', (device) => {
  afterAll(() => device.dispose())
  const random = Random.of(11)
  const normals = (count: number, scale = 1) => Float32Array.from({ length: count }, () => scale * random.normal())
  const values = {
    w: normals(outer * inner, 0.1),
    bias: normals(outer),
    a: normals(rank * inner, 0.2),
    b: normals(outer * rank, 0.2),
    m: normals(outer).map((x) => 0.5 + Math.abs(x)),
    x: normals(tokens * inner),
    seen: normals(tokens * outer),
  }
  const tensor = (numbers: Float32Array<ArrayBuffer>, ...shape: number[]) => fromArray(device, numbers, shape)
  const stored: Readonly<Record<string, () => Weight>> = {
    f32: () => tensor(values.w, outer, inner),
    f16: () => halfFromArray(device, values.w, [outer, inner], 'w', 'f16'),
    bf16: () => halfFromArray(device, values.w, [outer, inner], 'w', 'bf16'),
    int8: () => quantizeInt8(tensor(values.w, outer, inner)),
    nf4: () => quantizeFourBit(tensor(values.w, outer, inner)),
  }
  const dora = (p = 0) =>
    new DoraLinear(
      {
        'lora_A.weight': tensor(values.a, rank, inner),
        'lora_B.weight': tensor(values.b, outer, rank),
        lora_magnitude_vector: tensor(values.m, outer),
      },
      scaling,
      p,
    )
  const on = (weight: Weight, part: LinearAdapter = dora()) =>
    new AdaptedLinear(new Linear(weight, tensor(values.bias, outer))).add('default', part)

  /** W + scaling · B A and the lengths of its rows, in doubles. */
  const updated = (w: ArrayLike<number>) => {
    const full = doubles(outer * inner, (e) => {
      const [i, j] = [Math.floor(e / inner), e % inner]
      return at(w, e) + scaling * sumOf(rank, (k) => at(values.b, i * rank + k) * at(values.a, k * inner + j))
    })
    return { full, norms: doubles(outer, (i) => Math.sqrt(sumOf(inner, (j) => at(full, i * inner + j) ** 2))) }
  }
  const times = (x: ArrayLike<number>, w: ArrayLike<number>) =>
    doubles(tokens * outer, (e) => {
      const [t, i] = [Math.floor(e / outer), e % outer]
      return sumOf(inner, (j) => at(x, t * inner + j) * at(w, i * inner + j))
    })
  const close = (given: ArrayLike<number>, wanted: ArrayLike<number>) =>
    expect(maxDifference(given, wanted) / maxMagnitude(wanted)).toBeLessThan(2e-5)

  it.each(Object.keys(stored))(
    'over %s it is the formula, and so are its gradients and its merged weight',
    async (format) => {
      const weight = stored[format]!()
      const layer = on(weight)
      const x = tensor(values.x, tokens, inner)
      const w = await dequantize(weight).read()
      const { full, norms } = updated(w)
      const through = times(values.x, full)
      const factor = doubles(outer, (i) => at(values.m, i) / at(norms, i))
      const wanted = through.map((y, e) => y * at(factor, e % outer) + at(values.bias, e % outer))
      close(await layer.forward(x).read(), wanted)
      const merged = layer.merged()
      close(
        await (merged.weights.weight as Tensor).read(),
        full.map((value, e) => value * at(factor, Math.floor(e / inner))),
      )
      close(await merged.forward(x).read(), wanted)
      expect(await merged.weights.bias!.read()).toEqual(values.bias)

      const { 'lora_A.weight': a, 'lora_B.weight': b, lora_magnitude_vector: m } = dora().factors
      const part = new DoraLinear({ 'lora_A.weight': a, 'lora_B.weight': b, lora_magnitude_vector: m }, scaling, 0)
      const trained = on(weight, part)
      trained.base.setRequiresGrad(false)
      for (const one of [x, a, b, m]) one.requiresGrad = true
      const seen = tensor(values.seen, tokens, outer)
      const { grads } = valueAndGrad(trained, () => sum(mul(trained.forward(x), seen)))(null)
      close(
        await grads.get(m)!.read(),
        doubles(
          outer,
          (i) => sumOf(tokens, (t) => at(values.seen, t * outer + i) * at(through, t * outer + i)) / at(norms, i),
        ),
      )
      const low = doubles(tokens * rank, (e) => {
        const [t, k] = [Math.floor(e / rank), e % rank]
        return sumOf(inner, (j) => at(values.x, t * inner + j) * at(values.a, k * inner + j))
      })
      close(
        await grads.get(b)!.read(),
        doubles(outer * rank, (e) => {
          const [i, k] = [Math.floor(e / rank), e % rank]
          const dots = sumOf(tokens, (t) => at(values.seen, t * outer + i) * at(low, t * rank + k))
          return scaling * at(factor, i) * dots
        }),
      )
    },
  )

  it('while dropout is on, only what goes through the update and the rescaled base is dropped, as in PEFT', async () => {
    const part = dora(0.25)
    const layer = on(stored['nf4']!(), part).train(true)
    const drop = part.modules['lora_dropout'] as unknown as { seed: number }
    drop.seed = 77
    const x = tensor(values.x, tokens, inner)
    const dropped = await dropout(x, 0.25, 77).read()
    const w = await dequantize(layer.base.weights.weight).read()
    const { full, norms } = updated(w)
    const [base, baseOfDropped, fullOfDropped] = [times(values.x, w), times(dropped, w), times(dropped, full)]
    const wanted = base.map((y, e) => {
      const factor = at(values.m, e % outer) / at(norms, e % outer)
      return y + at(values.bias, e % outer) - at(baseOfDropped, e) + factor * at(fullOfDropped, e)
    })
    close(await layer.forward(x).read(), wanted)
    expect(maxDifference(await layer.train(false).forward(x).read(), wanted)).toBeGreaterThan(0.01)
  })

  it('starts where it changes nothing, and leaves a row of zeros alone', async () => {
    const w = values.w.slice()
    w.fill(0, 0, inner)
    const layer = new Linear(tensor(w, outer, inner), tensor(values.bias, outer))
    const factors = {
      'lora_A.weight': tensor(values.a, rank, inner),
      'lora_B.weight': zeros(device, [outer, rank]),
      lora_magnitude_vector: zeros(device, [outer]),
    }
    const part = new DoraLinear(factors, scaling, 0)
    part.startMagnitude(layer)
    const adapted = new AdaptedLinear(layer).add('default', part)
    const x = tensor(values.x, tokens, inner)
    close(await adapted.forward(x).read(), await layer.forward(x).read())
    expect((await factors.lora_magnitude_vector.read())[0]).toBe(0)
  })

  it('with another adapter active before it, rescales what both make; merged too', async () => {
    const other = new LoraLinear(
      {
        'lora_A.weight': tensor(normals(rank * inner, 0.2), rank, inner),
        'lora_B.weight': tensor(normals(outer * rank, 0.2), outer, rank),
        'lora_B.bias': tensor(normals(outer), outer),
      },
      0.5,
      0,
    )
    const layer = on(stored['f32']!(), other).add('dora', dora())
    layer.activate(['default', 'dora'])
    const x = tensor(values.x, tokens, inner)
    close(await layer.merged().forward(x).read(), await layer.forward(x).read())
  })

  it('keeps its norms until a factor is written, and frees them with the adapter', async () => {
    const model = await tinyFalcon(device)
    const before = device.memory.liveBytes
    const adapter = attachLora(model, { r: 2, useDora: true })
    const { batch } = await tinyBatch()
    const forward = async () => {
      const scope = device.memory.open()
      try {
        return await model.forward(batch).read()
      } finally {
        scope.close()
      }
    }
    const first = await forward()
    const held = device.memory.liveBytes
    expect(await forward()).toEqual(first)
    expect(device.memory.liveBytes).toBe(held)
    const [, b] = adapter.namedTrainableParameters().values()
    b!.write(normals(b!.count))
    const changed = await forward()
    expect(maxDifference(changed, first)).toBeGreaterThan(0.01)
    for (const layer of adapter.layers.values()) layer.adapter('default').free()
    expect(await forward()).toEqual(changed)
    adapter.detach()
    expect(device.memory.liveBytes).toBe(before)
    model.dispose()
  })

  it('is refused for rows of a batch, and a bias of B for a merge into a layer without one', async () => {
    const model = await tinyFalcon(device)
    attachLora(model, { r: 2, useDora: true })
    const { batch } = await tinyBatch()
    expect(() => withAdapterNames(model, ['default', '__base__'], () => model.forward(batch))).toThrow(
      'adapter names: not with DoRA, as in PEFT; set the adapter active instead',
    )
    model.dispose()
    const biased = new LoraLinear(
      {
        'lora_A.weight': tensor(values.a, rank, inner),
        'lora_B.weight': tensor(values.b, outer, rank),
        'lora_B.bias': tensor(values.bias, outer),
      },
      scaling,
      0,
    )
    const bare = new AdaptedLinear(new Linear(stored['f32']!(), null)).add('default', biased)
    expect(() => bare.merged()).toThrow('merge: an adapter with loraBias cannot be merged into a layer without a bias')
  })
})
