import { describe, expect, it } from 'vitest'
import { batchExamples } from '../../src/data/batch-examples.ts'
import { prepareExamples, streamExamples } from '../../src/data/prepare-examples.ts'
import { collate, type Example } from '../../src/models/example.ts'
import { tokenizers } from './trl-cases.ts'

const examples = Array.from({ length: 50 }, (_, i): Example => {
  const inputIds = Int32Array.from({ length: 2 + (i % 3) }, () => i)
  return { inputIds, labels: inputIds }
})

async function firstsOf(pass: AsyncIterable<{ inputIds: Int32Array; shape: readonly [number, number] }>) {
  const firsts: number[] = []
  for await (const { inputIds, shape } of pass) {
    for (let row = 0; row < shape[0]; row++) firsts.push(inputIds[row * shape[1]] ?? -1)
  }
  return firsts
}

describe('batchExamples', () => {
  it('keeps the order, and the rest', async () => {
    const sizes: number[] = []
    for await (const { shape } of batchExamples(examples, { batchSize: 16 })(0)) sizes.push(shape[0])
    expect(sizes).toEqual([16, 16, 16, 2])
    expect(await firstsOf(batchExamples(examples)(0))).toEqual(Array.from(examples.keys()))
  })

  it('shuffles by a buffer, in each epoch in another way, and loses none', async () => {
    const open = batchExamples(examples, { bufferSize: 10 })
    const [first, again, second] = [await firstsOf(open(0)), await firstsOf(open(0)), await firstsOf(open(1))]
    expect(again).toEqual(first)
    expect(second).not.toEqual(first)
    for (const order of [first, second]) {
      expect(order.toSorted((a, b) => a - b)).toEqual(Array.from(examples.keys()))
      expect(order).not.toEqual(Array.from(examples.keys()))
    }
    // What is drawn has come by then.
    expect(first.every((example, place) => example < place + 10)).toBe(true)
  })

  it('takes a stream of packed examples', async () => {
    const rows = Array.from({ length: 20 }, () => ({ text: 'symptoms of diabetes' }))
    const options = { packing: true, maxLength: 16 }
    const stream = streamExamples(tokenizers.bytes, rows, options)
    const { value: batch } = await batchExamples(stream, { batchSize: 100 })(0).next()
    const all = collate((await prepareExamples(tokenizers.bytes, rows, options)).examples)
    expect(batch).toEqual({ ...all.batch, labels: all.labels })
    expect(all.batch.positionIds).toBeDefined()
  })

  it('refuses what are no examples', () => {
    expect(() => batchExamples(3 as unknown as [])).toThrow(
      'batchExamples: the examples must be examples to go through',
    )
    expect(() => batchExamples(examples, { batchSize: 0 })).toThrow('batchSize must be a whole number from 1, got 0')
  })
})
