import { describe, expect, it } from 'vitest'
import { collate, collatePacked, type Example, labelCount } from '../../src/models/example.ts'

describe('labelCount', () => {
  it('leaves out masked tokens and the first', () => {
    const inputIds = Int32Array.of(5, 6, 7, 8)
    expect(labelCount({ inputIds, labels: Int32Array.of(5, -100, 7, 8) })).toBe(2)
    expect(labelCount({ inputIds, labels: Int32Array.of(5, -100, -100, -100) })).toBe(0)
    expect(labelCount({ inputIds, labels: Int32Array.of(-100, 0, -100, 0) })).toBe(2)
    expect(() => labelCount({ inputIds, labels: Int32Array.of(-100, 0, -1, 0) })).toThrow(
      'labelCount: the example: labels[2] must be -100 or a whole number from 0, got -1',
    )
    expect(() => labelCount({ inputIds } as unknown as Example)).toThrow('labelCount: the example has no labels; ')
  })
})

describe('collate', () => {
  it('refuses what are no examples, by the row', () => {
    const good = { inputIds: Int32Array.of(1, 2), labels: Int32Array.of(1, 2) }
    const refused = (given: unknown) => expect(() => collate(given as Example[]))
    refused([]).toThrow('collate: there is no example')
    refused({}).toThrow('collate: examples must be a list of { inputIds, labels }, got {}')
    refused([good, 'text']).toThrow(
      'collate: example 1 must be { inputIds, labels }, got "text"; promptCompletionExample',
    )
    refused([good, { ...good, labels: Int32Array.of(1, 2, 3) }]).toThrow('collate: example 1 has 2 ids and 3 labels')
    refused([{ ...good, inputIds: [1, 2 ** 31] }]).toThrow(
      'collate: example 0: inputIds[1] must be a whole number from 0',
    )
  })

  it('takes more rows than a call takes arguments', () => {
    const row = { inputIds: Int32Array.of(1, 2), labels: Int32Array.of(1, 2) }
    expect(collate(Array<Example>(200_000).fill(row)).batch.shape).toEqual([200_000, 2])
  })

  it('pads on the right with ids that have no label', () => {
    const long = { inputIds: Int32Array.of(97, 98, 99, 2), labels: Int32Array.of(-100, -100, 99, 2) }
    const short = { inputIds: Int32Array.of(97, 2), labels: Int32Array.of(-100, 2) }
    expect(collate([short, long])).toEqual({
      batch: { inputIds: Int32Array.of(97, 2, 0, 0, 97, 98, 99, 2), shape: [2, 4] },
      labels: Int32Array.of(-100, 2, -100, -100, -100, -100, 99, 2),
    })
  })

  it('tells where packed documents begin, which nothing predicts', () => {
    const inputIds = Int32Array.of(5, 6, 7, 8, 9)
    const packed = { inputIds, labels: inputIds, seqLengths: [2, 0, 3] }
    const alone = { inputIds: Int32Array.of(4, 3), labels: Int32Array.of(-100, 3) }
    expect(collate([alone, packed])).toEqual({
      batch: {
        inputIds: Int32Array.of(4, 3, 0, 0, 0, 5, 6, 7, 8, 9),
        positionIds: Int32Array.of(0, 1, 2, 3, 4, 0, 1, 0, 1, 2),
        shape: [2, 5],
      },
      labels: Int32Array.of(-100, 3, -100, -100, -100, -100, 6, -100, 8, 9),
    })
    const { batch, labels } = collatePacked([packed, alone])
    expect(batch.positionIds).toEqual(Int32Array.of(0, 1, 0, 1, 2, 0, 1))
    expect(labels).toEqual(Int32Array.of(-100, 6, -100, 8, 9, -100, 3))
    expect(labelCount(packed)).toBe(3)
    const refused = (seqLengths: unknown) => expect(() => collate([{ ...packed, seqLengths } as Example]))
    refused([2, 2]).toThrow('collate: example 0: seqLengths add up to 4, and there are 5 tokens')
    refused([2.5, 2.5]).toThrow('collate: example 0: seqLengths must be a list of whole numbers from 0')
  })
})
