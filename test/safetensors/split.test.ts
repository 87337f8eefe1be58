import { describe, expect, it } from 'vitest'
import { show } from '../../src/core/show.ts'
import { formatShardIndex, parseByteSize, splitIntoShards } from '../../src/safetensors/split.ts'
import type { TensorDescription } from '../../src/safetensors/writer.ts'

const named = (sizes: Readonly<Record<string, number>>): TensorDescription[] =>
  Object.entries(sizes).map(([name, bytes]) => ({ name, dtype: 'U8', shape: [bytes] }))

const namesOf = (shards: ReturnType<typeof splitIntoShards>) =>
  shards.map(({ tensors }) => tensors.map(({ name }) => name).join(''))

describe('splitIntoShards', () => {
  it("spreads tensors as huggingface_hub's example does", () => {
    // Its docstring: 6, 6, 2, 6, 2, 2 under a limit of 10 become 6 | 6+2 | 6+2+2.
    expect(namesOf(splitIntoShards(named({ a: 6, b: 6, c: 2, d: 6, e: 2, f: 2 }), 10))).toEqual(['a', 'bc', 'def'])
  })

  it('gives a tensor that is too large a file of its own, before the one that is being filled', () => {
    const shards = splitIntoShards(named({ a: 1, b: 11, c: 2, d: 8 }), 10)
    expect(namesOf(shards)).toEqual(['b', 'ac', 'd'])
    expect(shards.map(({ fileName }) => fileName)).toEqual([
      'model-00001-of-00003.safetensors',
      'model-00002-of-00003.safetensors',
      'model-00003-of-00003.safetensors',
    ])
  })

  it('leaves what fits in one file', () => {
    expect(splitIntoShards(named({ a: 4, b: 6 }), 10).map(({ fileName }) => fileName)).toEqual(['model.safetensors'])
    expect(splitIntoShards([], 10)).toEqual([{ fileName: 'model.safetensors', tensors: [] }])
  })
})

it('formatShardIndex writes what json.dumps(indent=2, sort_keys=True) does', () => {
  const shards = splitIntoShards(named({ b: 4, a: 3 }), 4)
  const index = formatShardIndex(shards, 7)
  expect(index).toBe(`{
  "metadata": {
    "total_parameters": 7,
    "total_size": 7
  },
  "weight_map": {
    "a": "model-00002-of-00002.safetensors",
    "b": "model-00001-of-00002.safetensors"
  }
}
`)
})

describe('parseByteSize', () => {
  it.each([
    ['5GB', 5e9],
    ['500 mb', 5e8],
    [' 1.5KB ', 1500],
    ['2TB', 2e12],
    [1234, 1234],
  ])('reads %s', (size, bytes) => expect(parseByteSize('size', size)).toBe(bytes))

  it.each(['5', '5GiB', 'GB', '-1GB', '0KB', NaN, 0, ''])('refuses %s', (size) => {
    expect(() => parseByteSize('save: maxShardSize', size)).toThrow(
      `save: maxShardSize must be bytes or a size in KB, MB, GB or TB such as '5GB', not ${show(size)}`,
    )
  })
})
