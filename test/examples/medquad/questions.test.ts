import { describe, expect, it } from 'vitest'
import { pickQuestions } from '../../../examples/medquad/questions.ts'
import { pairWith } from './medquad-files.ts'

const answer = 'It is a disease of which much is known, and more is not. '.repeat(4)
const pair = (id: string, qtype: string, focus: string, cui: string[] = []) => {
  return pairWith({ id, qtype, focus, cui, question: `What of ${id}?`, answer })
}

describe('pickQuestions', () => {
  const pairs = [
    pair('1', 'information', 'Gout'),
    pair('2', 'inheritance', 'GOUT '),
    pair('3', 'inheritance', 'Croup', ['C1']),
    pair('4', 'treatment', 'Laryngotracheitis', ['C1']),
    pair('5', 'treatment', 'Mumps'),
    pair('6', 'treatment', 'Rickets'),
  ]
  const idsOf = (number: number) => pickQuestions(pairs, number).map(({ id }) => id)

  it('asks of another disease each time, however its name is spelt, and whatever names it has', () => {
    expect(idsOf(3)).toEqual(['1', '3', '5'])
    expect(idsOf(4)).toEqual(['1', '3', '5', '6'])
  })

  it('asks of one disease again where there are no more', () => {
    expect(idsOf(6)).toEqual(['1', '3', '5', '6', '2', '4'])
    expect(idsOf(9)).toHaveLength(6)
  })
})
