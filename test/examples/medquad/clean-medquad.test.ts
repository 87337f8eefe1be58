import { describe, expect, it } from 'vitest'
import { cleanMedquad, cleanQuestion, cleanText, selectPaper } from '../../../examples/medquad/data/clean-medquad.ts'
import { pairWith } from './medquad-files.ts'

describe('cleanText', () => {
  it.each([
    ['a\u00a0b\u2009c\u3000d\te', 'a b c d e'],
    ['Key Points\n        - one.    - two.     ', 'Key Points\n- one. - two.'],
    ['a \r\n\r\n \n\t\n b\rc', 'a\n\nb\nc'],
    ['  \n ', ''],
    ['“38 °C” — naïve', '“38 °C” — naïve'],
  ])('%j becomes %j', (text, clean) => {
    expect(cleanText(text)).toBe(clean)
    expect(cleanText(clean)).toBe(clean)
  })
})

describe('cleanQuestion', () => {
  it.each([
    ['What is (are) Gout ?', 'What is (are) Gout?'],
    ['Who is at risk for Gout? ?', 'Who is at risk for Gout?'],
    ['Why ? Really ?', 'Why? Really?'],
    ['how vaccines  prevent\n disease', 'how vaccines prevent disease'],
  ])('%j becomes %j', (text, clean) => {
    expect(cleanQuestion(text)).toBe(clean)
  })
})

describe('cleanMedquad', () => {
  const pairs = [
    pairWith({ id: 'a', question: 'Why ?', answer: 'Because  of it.', focus: ' Blue  fever ' }),
    pairWith({ id: 'b', question: 'Why ?', answer: ' \n' }),
    pairWith({ id: 'c', question: 'Why?', answer: 'Because of it. ' }),
    pairWith({ id: 'd', question: 'Why?', answer: 'Another reason.' }),
  ]

  it('leaves out what has no answer and what came before, and cleans the rest', () => {
    expect(cleanMedquad(pairs)).toEqual([
      pairWith({ id: 'a', question: 'Why?', answer: 'Because of it.', focus: 'Blue fever' }),
      pairWith({ id: 'd', question: 'Why?', answer: 'Another reason.' }),
    ])
    expect(pairs[0]?.question).toBe('Why ?')
  })

  it('keeps duplicates where asked to', () => {
    expect(cleanMedquad(pairs, { keepDuplicates: true }).map((pair) => pair.id)).toEqual(['a', 'c', 'd'])
  })
})

describe('selectPaper', () => {
  it('drops the unanswered and the four files the paper did not see', () => {
    const ids = ['6_NINDS_QA/0000007#1', '6_NINDS_QA/0000244#4', '6_NINDS_QA/0000008#1', '1_CancerGov_QA/0000007#1']
    const pairs = [...ids.map((id) => pairWith({ id })), pairWith({ id: '1_CancerGov_QA/0000008#1', answer: ' ' })]
    expect(selectPaper(pairs).map((pair) => pair.id)).toEqual(ids.slice(2))
  })
})
