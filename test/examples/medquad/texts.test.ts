import { existsSync, readdirSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { sampleFolder } from '../../../examples/medquad/data/load-medquad.ts'
import type { MedquadPair } from '../../../examples/medquad/data/medquad-pair.ts'
import { type Answered, describeTexts, textsTable } from '../../../examples/medquad/texts/describe-texts.ts'
import { nameLists } from '../../../examples/medquad/texts/name-lists.ts'
import type { ProgramOptions } from '../../programs/run-program.ts'
import { tempFolder } from './medquad-files.ts'
import { start } from './run-script.ts'

const pair = (collection: string, focus: string, cui: string[] = [], semanticTypes: string[] = []): MedquadPair => ({
  ...{ id: focus, qid: '', qtype: '', question: '', answer: '', source: '', url: '' },
  ...{ collection, focus, cui, semanticTypes, semanticGroups: [] },
})

describe('names that MedQuAD has', () => {
  it('are drugs without their forms, and diseases by what they are', () => {
    const lists = nameLists([
      pair('11_MPlusDrugs_QA', 'Insulin Lispro Injection'),
      pair('11_MPlusDrugs_QA', 'Acetaminophen and Codeine'),
      pair('11_MPlusDrugs_QA', 'Measles Vaccine'),
      pair('2_GARD_QA', 'Gout', ['C1'], ['T047']),
      pair('5_NIDDK_QA', 'Gouty arthritis', ['C1'], ['T047']),
      pair('5_NIDDK_QA', 'Genetic disorders', ['C2'], ['T047']),
      pair('7_SeniorHealth_QA', 'Exercise', ['C3'], ['T056']),
    ])
    expect(lists).toEqual({
      drugs: ['Insulin Lispro', 'Acetaminophen', 'Codeine'],
      diseases: [['Gout', 'Gouty arthritis']],
    })
  })
})

describe('what a model wrote', () => {
  const answered: Answered[] = [
    {
      question: 'What is gout?',
      disease: 'gout',
      reference: 'A swelling of joints.',
      answers: ['A swelling.', 'A swelling'],
    },
    { question: 'What is croup?', disease: 'croup', reference: 'A cough.', answers: ['Arthritis.', 'A cough.'] },
  ]
  const { rows, signature } = describeTexts(answered, { drugs: [], diseases: [] }, { resamples: 50 })

  it('has figures of all seeds, over diseases', () => {
    expect(rows['words']).toEqual({ value: 1.75, low: 1.5, high: 2 })
    expect(rows['flags: disease']?.value).toBe(0.25)
    expect(rows['answers with a flag']).toEqual({ value: 0.25, low: 0, high: 0.5 })
    expect(rows['self-agreement']).toEqual({ value: 0.75, low: 0.5, high: 1 })
    expect(signature).toContain('tok:13a')
  })

  it('is a table with a column for each model', () => {
    const table = textsTable([
      ['base', rows],
      ['tuned', rows],
    ])
    expect(table.split('\n').slice(0, 2)).toEqual(['| figure | base | tuned |', '| --- | --- | --- |'])
    expect(table).toContain('| words | 1.8 (1.5 to 2.0) | 1.8 (1.5 to 2.0) |')
  })

  it('has no agreement of one seed', () => {
    const once = answered.map((each) => ({ ...each, answers: each.answers.slice(0, 1) }))
    expect(describeTexts(once, { drugs: [], diseases: [] }, { resamples: 5 }).rows).not.toHaveProperty('self-agreement')
  })
})

describe('npm run medquad:texts', () => {
  it('goes on after Ctrl-C to the answers of a run that was not ended', { timeout: 120_000 }, async () => {
    const folder = await tempFolder()
    const settings = ['--base', '--data', sampleFolder, '--questions', '12', '--seeds', '2', '--tokens', '16']
    const run = (name: string, options?: ProgramOptions) => {
      const out = ['--device', 'cpu', '--threads', '1', '--out', join(folder, name)]
      return start('texts/texts', [...settings, ...out], options)
    }
    const parts = join(folder, 'ended.json.parts')
    const answered = () =>
      existsSync(parts) ? readdirSync(parts).filter((name) => /^answers-\w+\.json$/.test(name)) : []
    const whole = await run('whole.json')
    expect(whole).toMatchObject({ code: 0 })
    expect(whole.stderr).not.toContain('MaxListenersExceededWarning')
    let timer: ReturnType<typeof setInterval> | undefined
    const ended = await run('ended.json', {
      started: (interrupt) => {
        timer = setInterval(() => {
          if (answered().length === 0) return
          clearInterval(timer)
          interrupt()
        }, 2)
      },
    })
    clearInterval(timer)
    expect(ended).toMatchObject({ code: 130 })
    expect(ended.stdout).toContain('answers so far are kept; the same command goes on')
    // What is kept is not asked again: it would have the answer that stands there now.
    const [first = ''] = answered()
    const kept = JSON.parse(await readFile(join(parts, first), 'utf8')) as string[]
    await writeFile(join(parts, first), JSON.stringify(kept.map((answer) => `${answer} kept`)))
    expect(await run('ended.json')).toMatchObject({ code: 0 })
    expect(existsSync(parts)).toBe(false)
    const read = (name: string) => readFile(join(folder, name), 'utf8')
    expect(await read('ended.json')).toContain(' kept"')
    expect((await read('ended.json')).replaceAll(' kept"', '"')).toBe(await read('whole.json'))
  })
})
