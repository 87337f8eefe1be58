import { expect, it } from 'vitest'
import { type Candidates, programName, twinOf } from '../../../src/device/webgpu/programs/candidates.ts'
import { Choices } from '../../../src/device/webgpu/programs/choices.ts'

/** The twin of matmul with tiles of so many rows; the smallest wants two rows. */
const sized = (SIDE: number) => ({ ...twinOf('matmul'), constants: { SIDE, DEPTH: 4 } })
const [large, small, twin] = [sized(16), sized(4), twinOf('matmul')]
const candidates: Candidates = (kernel, params) => {
  if (kernel !== 'matmul') return [twinOf(kernel)]
  return params['m'] === 1 ? [large, twin] : [large, small, twin]
}
const call = { m: 8, n: 64, k: 64, transA: 0, transB: 1, hasBias: 0, accumulate: 0, alpha: 1 }

it('takes the best guess where nothing else is known, and keeps it', () => {
  const choices = new Choices(candidates, {})
  expect(choices.choose('matmul', call)).toBe(large)
  choices.settle(choices.classOf('matmul', call), small)
  expect(choices.choose('matmul', { ...call, m: 7 })).toBe(large)
  expect(Object.values(choices.toJSON())).toEqual(['matmul SIDE=16 DEPTH=4'])
})

it('takes what was settled for the class, and says so', () => {
  const choices = new Choices(candidates, {})
  const one = choices.classOf('matmul', call)
  expect(one.name).toMatch(/^matmul m=8 n=64 k=64 transA=0 transB=1 of [0-9a-f]{8}$/)
  expect(choices.isSettled(one)).toBe(false)
  choices.settle(one, small)
  expect(choices.isSettled(one)).toBe(true)
  expect(choices.choose('matmul', call)).toBe(small)
  expect(choices.toJSON()).toEqual({ [one.name]: 'matmul SIDE=4 DEPTH=4' })
})

it('gives calls with other candidates a class of their own', () => {
  const choices = new Choices(candidates, {})
  const [one, two] = [1, 2].map((m) => choices.classOf('matmul', { ...call, m }).name.split(' of ')[1])
  expect(one).not.toBe(two)
})

it('goes by seeds, and passes over those that are of no use', () => {
  const { name } = new Choices(candidates, {}).classOf('matmul', call)
  const seeded = new Choices(candidates, { [name]: programName(small) })
  expect(seeded.isSettled(seeded.classOf('matmul', call))).toBe(true)
  expect(seeded.choose('matmul', call)).toBe(small)
  const strange = new Choices(candidates, { [name]: 'matmulOfTomorrow SIDE=4', 'gelu count=4 of 00000000': 'gelu' })
  expect(strange.isSettled(strange.classOf('matmul', call))).toBe(false)
  expect(strange.choose('matmul', call)).toBe(large)
})

it('never chooses what is struck, not by seed either, and keeps the twin', () => {
  const { name } = new Choices(candidates, {}).classOf('matmul', call)
  const choices = new Choices(candidates, { [name]: programName(large) }, [programName(large)])
  choices.strike(programName(twin))
  expect(choices.classOf('matmul', call)).toEqual({ name, candidates: [small, twin] })
  choices.strike(programName(small))
  expect(choices.choose('matmul', call)).toBe(twin)
  expect(choices.struck).toEqual([large, twin, small].map(programName))
})

it('has nothing to say of kernels with one program', () => {
  const choices = new Choices(candidates, {})
  expect(choices.choose('gelu', { count: 4 }).text).toBe('gelu')
  expect(choices.toJSON()).toEqual({})
})
