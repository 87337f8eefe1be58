import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MedAwareError } from '../../../src/core/errors.ts'
import { openCpuDevice } from '../../../src/device/cpu/cpu-device.ts'
import type { Device } from '../../../src/device/device.ts'
import { completeText } from '../../../src/generate/generate-text.ts'
import { runStore, type RunStore } from '../../../src/io/runs/run-store.ts'
import { Trainer } from '../../../src/trainer/trainer.ts'
import type { TrainerCallback } from '../../../src/trainer/trainer-callback.ts'
import type { TrainerOptions } from '../../../src/trainer/trainer-options.ts'
import { adaptedFalcon, randomExamples, trainedNumbers } from '../../train/tiny-run.ts'
import { letterTokenizer as tokenizer } from '../letter-tokenizer.ts'

const prompts = ['ab<b>c', 'xyz']
const samples = { prompts, tokenizer, generation: { maxNewTokens: 6 } }
const base: TrainerOptions = {
  ...{ maxSteps: 8, batchSize: 3, learningRate: 0.05, seed: 7, loggingSteps: 1, reportTo: 'html', samples },
  ...{ evalDataset: randomExamples(14).slice(12), evalSteps: 4, saveSteps: 3 },
}
let device: Device
let folder: string

beforeAll(async () => {
  device = await openCpuDevice()
  folder = await mkdtemp(join(tmpdir(), 'report-'))
})
afterAll(async () => {
  device.dispose()
  await rm(folder, { recursive: true })
})

/** Trains; gives the numbers, and what the model answers before and after. */
async function trained(options: TrainerOptions) {
  const { model, dispose } = await adaptedFalcon(device)
  const answer = async () => {
    const answers: string[] = []
    for (const prompt of prompts) answers.push(await completeText(model, tokenizer, prompt, { maxNewTokens: 6 }))
    return answers
  }
  const before = await answer()
  const trainer = new Trainer(model, randomExamples(12), { ...base, ...options })
  try {
    const result = await trainer.train()
    return { result, before, after: await answer(), numbers: await trainedNumbers(model), history: trainer.state }
  } finally {
    trainer.dispose()
    dispose()
  }
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

/** Answers in a page, in their order. */
function answersIn(page: string, when: 'Before' | 'After' | 'Reference'): string[] {
  return [...page.matchAll(new RegExp(`<dt>${when}</dt>\\s*<dd>([^]*?)</dd>`, 'g'))].map(([, text = '']) => text)
}

describe('report.html', () => {
  test('has the curves, the answers, every number and the run, and asks for nothing', async () => {
    const outputDir = join(folder, 'whole')
    const { before, after, history, numbers } = await trained({ outputDir })
    const page = await readFile(join(outputDir, 'report.html'), 'utf8')
    expect(page).toContain('Step 8 of 8')
    expect([...page.matchAll(/<svg[^>]*role="img" aria-label="([^":]+):/g)].map(([, title]) => title)).toEqual([
      ...['Loss', 'Learning rate', 'Gradient norm', 'Throughput'],
    ])
    expect(answersIn(page, 'Before')).toEqual(before.map(escaped))
    expect(answersIn(page, 'After')).toEqual(after.map(escaped))
    expect(before).not.toEqual(after)
    expect(page).toContain('<blockquote>ab&lt;b&gt;c</blockquote>')
    expect(page).not.toContain('<b>c')
    expect(page).not.toMatch(/<script|https?:|src=|url\(|undefined|NaN/)
    for (const { loss } of history.training) expect(page).toContain(`<td>${Number(loss.toPrecision(4))}</td>`)
    expect(page).toMatch(/<th scope="row">learningRate<\/th>\s*<td>0\.05<\/td>/)
    // Asking changes nothing of what is learned.
    const { samples: _, reportTo: __, ...plain } = base
    const { model, dispose } = await adaptedFalcon(device)
    const trainer = new Trainer(model, randomExamples(12), plain)
    await trainer.train()
    expect(await trainedNumbers(model)).toEqual(numbers)
    trainer.dispose()
    dispose()
  })

  test('a run that goes on knows what was answered before its first step', async () => {
    const outputDir = join(folder, 'resumed')
    const killed: TrainerCallback = {
      name: 'killed',
      onStepEnd: ({ step }) => {
        if (step === 5) throw new Error('killed')
      },
    }
    await expect(trained({ outputDir, callbacks: [killed] })).rejects.toThrow('killed')
    const stopped = await readFile(join(outputDir, 'report.html'), 'utf8')
    expect(stopped).toContain('of 8, by')
    expect(answersIn(stopped, 'After')).toEqual([])
    const { before, after } = await trained({ outputDir, resumeFromCheckpoint: true })
    const page = await readFile(join(outputDir, 'report.html'), 'utf8')
    expect(answersIn(page, 'Before')).toEqual(before.map(escaped))
    expect(answersIn(page, 'After')).toEqual(after.map(escaped))
  })

  test('one that cannot be written is told once', async () => {
    const disk = runStore('test', join(folder, 'full'))
    const full: RunStore = {
      ...disk,
      write: async (name, files) => {
        if (files.has('report.html')) throw new MedAwareError('disk', 'no room')
        await disk.write(name, files)
      },
    }
    const warnings: string[] = []
    const told: TrainerCallback = { name: 'told', onWarning: (message) => void warnings.push(message) }
    await trained({ outputDir: full, callbacks: [told] })
    expect(warnings).toEqual(['Trainer: report.html cannot be written, the training goes on: no room'])
  })

  test('the result has the answers without a report too, also of a training that was done before', async () => {
    const outputDir = join(folder, 'stopped')
    const options = { outputDir, reportTo: 'none', learningRate: 0.5, evalSteps: 1, earlyStoppingPatience: 1 } as const
    const first = await trained(options)
    expect(first.result.isStopped).toBe(true)
    expect(first.result.samples).toEqual(
      prompts.map((prompt, i) => ({ prompt, before: first.before[i], after: first.after[i], reference: null })),
    )
    const again = await trained({ ...options, resumeFromCheckpoint: true })
    expect(again.result.samples).toEqual(first.result.samples)
    expect((await trained({ samples: null, reportTo: 'none' })).result.samples).toEqual([])
  })

  test('shows the right answers beside, and what is to be known of them', async () => {
    const outputDir = join(folder, 'right')
    const references = ['a<i>', 'b']
    const { result } = await trained({ outputDir, samples: { ...samples, references, note: 'No <advice>.' } })
    expect(result.samples.map(({ reference }) => reference)).toEqual(references)
    const page = await readFile(join(outputDir, 'report.html'), 'utf8')
    expect(answersIn(page, 'Reference')).toEqual(references.map(escaped))
    expect(page).toContain('<h2>Samples</h2><p class="lead">No &lt;advice&gt;.</p>')
    await expect(trained({ outputDir, samples: { ...samples, references: ['a'] } })).rejects.toThrow(
      'Trainer: samples: there are 2 prompts and 1 references; give one for each',
    )
  })

  test('samples need a prompt', async () => {
    const outputDir = join(folder, 'none')
    const none = { prompts: [], tokenizer }
    await expect(trained({ outputDir, samples: none })).rejects.toThrow(
      'Trainer: samples.prompts must be a list of at least 1 of a text',
    )
  })
})
