import { describe, expect, it } from 'vitest'
import { answerChecker, checkAnswer } from '../../../src/evaluate/check/check-answer.ts'
import { checkAnswers } from '../../../src/evaluate/check/check-answers.ts'
import { type AnswerCase, answerCases, caseParts, countCases } from './answer-cases.ts'

const flagsOf = (answer: string, source: string) =>
  checkAnswer(answer, source).map(({ kind, text }) => `${kind}: ${text}`)

function totals(cases: readonly AnswerCase[]) {
  const { found, missed, wrong } = countCases(cases, answerChecker())
  return { found: found.length, missed: missed.length, wrong: wrong.length }
}

describe('the cases written by hand', () => {
  it('are flagged as docs/guides/evaluate.md says', async () => {
    const [development, heldOut] = [await answerCases('development'), await answerCases('held-out')]
    expect([development.length, heldOut.length]).toEqual([87, 60])
    expect(totals(development)).toEqual({ found: 67, missed: 0, wrong: 0 })
    expect(totals(heldOut)).toEqual({ found: 39, missed: 0, wrong: 0 })
    expect(totals(await answerCases('blind'))).toEqual({ found: 408, missed: 21, wrong: 13 })
    expect(totals(await answerCases('blind-second'))).toEqual({ found: 192, missed: 47, wrong: 43 })
  })

  it('say nothing that they do not say themselves', async () => {
    const cases = (await Promise.all(caseParts.map(answerCases))).flat()
    const texts = cases.flatMap((each) => [each.source, each.answer])
    const check = answerChecker({ drugs: ['aspirin', 'insulin'], diseases: [['Down syndrome', 'trisomy 21'], 'gout'] })
    expect(texts.filter((text) => check(text, text).length > 0)).toEqual([])
  })
})

describe('checkAnswer', () => {
  it('says what and where', () => {
    const answer = 'Take 40 mg of lisinopril for gastritis.'
    const flags = checkAnswer(answer, 'Gastritis is common.')
    expect(flags.map(({ kind }) => kind)).toEqual(['directive', 'dose', 'drug'])
    for (const { text, start, end } of flags) expect(answer.slice(start, end)).toBe(text)
  })

  it('reads amounts in other units and words', () => {
    expect(flagsOf('0.5 g, two hundred mcg, 24 hours, a quarter', '500mg, 0.2 milligrams, one day')).toEqual([])
    expect(flagsOf('1.5 million people, 2,500', '1.5 million people, 2500')).toEqual([])
    expect(flagsOf('twenty-five patients', '25 patients')).toEqual([])
    expect(flagsOf('5 mg', '5 mL')).toEqual(['dose: 5 mg'])
    expect(flagsOf('5 mg', '5')).toEqual(['dose: 5 mg'])
    expect(flagsOf('5 mg/kg', '5 mg')).toEqual(['dose: 5 mg/kg'])
    expect(flagsOf('glucose of 126 mg/dL', 'a glucose level')).toEqual(['number: 126 mg/dL'])
    expect(flagsOf('every other day', 'every 48 hours')).toEqual([])
    expect(flagsOf('weekly', 'daily')).toEqual(['dose: weekly'])
    expect(flagsOf('It disturbs daily life.', '')).toEqual([])
  })

  it('reads shares, degrees and prescriptions', () => {
    expect(flagsOf('one in four; a third of them; threefold', '25%; 1 in 3; three times')).toEqual([])
    expect(flagsOf('8 to 12 million people', '12 people')).toEqual(['number: 8 to 12 million'])
    expect(flagsOf('100.4 °F', '38 degrees Celsius')).toEqual([])
    expect(flagsOf('half a tablet b.i.d.', '1/2 tablet twice a day')).toEqual([])
    expect(flagsOf('Take 5 mg every 4-6 hours.', 'Take 5 mg every 4 hours.')).toEqual(['dose: every 4-6 hours'])
    expect(flagsOf('30 mg per day', '30 mg weekly')).toEqual(['dose: per day'])
  })

  it('asks what advice is about where a source says both', () => {
    const source = 'Give fluids. Never give aspirin.'
    expect(flagsOf('Give fluids. Do not give aspirin.', source)).toEqual([])
    expect(flagsOf('Give aspirin.', source)).toEqual(['directive: Give'])
    expect(flagsOf('Driving is not recommended. Athletes should not compete.', '')).toHaveLength(2)
  })

  it('knows common names, abbreviations and brands', () => {
    expect(flagsOf('Tylenol helps. Multiple sclerosis does not.', 'Paracetamol helps. MS does not.')).toEqual([])
    expect(flagsOf('A flu shot, hearing aids', '')).toEqual([])
    expect(checkAnswer('Tylenol', 'Apap', { drugs: [['acetaminophen', 'Apap']] })).toEqual([])
  })

  it('passes over digits in names, marks of lists, and one that is no number', () => {
    expect(flagsOf('BRCA1, B12 and COVID-19 are names.', '')).toEqual([])
    expect(flagsOf('1. fluids\n2) rest', '')).toEqual([])
    expect(flagsOf('No one knows, but this is one of the causes.', '')).toEqual([])
    expect(flagsOf('one year', '')).toEqual(['number: one year'])
  })

  it.each([
    ['1 in 30,000 people', 'One person in 30 000'],
    ['1 in 500 to 1,000 people', 'one person in every 500 to 1000'],
    ['1 in 4,000 to 1 in 5,000 males', 'one of every 4,000 to 5,000 boys'],
    ['20 in every 100,000 people', '20 per 100,000'],
    ['3 percent of adults', 'three in a hundred adults'],
    ['5 out of 6 children', 'Five of six children'],
  ])('takes %s for %s', (source, answer) => {
    expect(flagsOf(answer, source)).toEqual([])
    expect(flagsOf(answer, '1 in 7').map((flag) => flag.split(':')[0])).toEqual(['number'])
  })

  it('does not take an amount of something for a share', () => {
    expect(flagsOf('Take 2 tablets in 1 day.', 'Take 1 in 7.')).toContain('dose: 2 tablets')
    expect(flagsOf('Take two of 500 mg.', '')).toContain('dose: 500 mg')
    expect(flagsOf('24 patients', '24 patients in two studies')).toEqual([])
    expect(flagsOf('12 cases', '12 cases in 2015')).toEqual([])
    expect(flagsOf('three genes', 'one of three genes')).toEqual([])
    expect(flagsOf('10 per 100,000 to 15 per 100,000', '15 per 100,000')).toEqual(['number: 10 per 100,000'])
  })

  it('knows British spelling', () => {
    expect(flagsOf('Anaemia, an oesophageal tumour, frusemide', 'Anemia; esophageal tumors; furosemide')).toEqual([])
  })

  it('knows negation', () => {
    expect(flagsOf("Don't stop it.", 'You should never discontinue it.')).toEqual([])
    expect(flagsOf('Stop it.', 'You should never discontinue it.')).toEqual(['directive: Stop'])
    expect(flagsOf('Do not take it.', 'Avoid it.')).toEqual([])
    expect(flagsOf('Take it.', 'Stop taking it.')).toEqual(['directive: Take'])
    expect(flagsOf('It should not be stopped.', 'It should be stopped.')).toEqual(['directive: not be stopped'])
    expect(flagsOf('Use of it is rare. Doctors use it.', '')).toEqual([])
  })

  it('finds names of its lists, and takes names of one thing for one another', () => {
    const diseases = [['Down syndrome', 'trisomy 21'], ['gout']]
    expect(checkAnswer('Trisomy 21 is Down syndrome.', 'Down syndrome', { diseases }).map(({ kind }) => kind)).toEqual([
      'number',
    ])
    expect(checkAnswer('It may be gout.', 'pain', { diseases }).map(({ text }) => text)).toEqual(['gout'])
    expect(checkAnswer('Aspirin helps.', 'pain', { drugs: ['aspirin'] }).map(({ text }) => text)).toEqual(['Aspirin'])
    expect(flagsOf('Parkinson disease', "Parkinson's disease")).toEqual([])
    expect(flagsOf('', '')).toEqual([])
  })

  it('refuses what is no text and no list of names', () => {
    expect(() => checkAnswer(JSON.parse('1') as string, '')).toThrow('checkAnswer: answer must be a text, got 1')
    expect(() => checkAnswer('', '', { drug: [] } as object)).toThrow('did you mean drugs?')
    expect(() => checkAnswer('', '', { drugs: [[]] })).toThrow('checkAnswer: drugs: item 0')
  })
})

describe('checkAnswers', () => {
  it('has means over answers, with intervals over groups', () => {
    const answers = ['5 mg', 'nothing', 'gastritis and 10 mg', 'gastritis']
    const sources = ['', '', '', 'gastritis']
    const report = checkAnswers(answers, sources, { groups: ['a', 'a', 'b', 'b'], resamples: 200 })
    expect(report.flagged).toEqual({ value: 0.5, low: 0.5, high: 0.5 })
    expect(report.flagsPerAnswer.dose.value).toBe(0.5)
    expect(report.flagsPerAnswer.disease).toEqual({ value: 0.25, low: 0, high: 0.5 })
    expect(report.flags.map(({ length }) => length)).toEqual([1, 0, 2, 0])
    expect(() => checkAnswers(answers, [])).toThrow('checkAnswers: there are 4 answers and 0 sources')
  })
})
