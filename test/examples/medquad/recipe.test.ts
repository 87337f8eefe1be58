import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openDevice } from '../../../src/device/open-device.ts'
import { openAdapter } from '../../../src/io/adapter-folder.ts'
import { loadModel } from '../../../src/io/load/load-model.ts'
import { askedCpu } from '../../device/cpu-under-test.ts'
import type { Summary } from '../../../examples/medquad/summary.ts'
import { type Ended, root } from '../../programs/run-program.ts'
import { start } from './run-script.ts'
import { sampleSize } from './sample-size.ts'

const work = mkdtempSync(join(tmpdir(), 'medquad-recipe-'))
const quick = [
  '--data',
  'examples/medquad/sample',
  '--device',
  'cpu',
  '--batch',
  '2',
  '--accumulate',
  '2',
  '--max-length',
  '64',
]
const small = [...quick, '--steps', '6', '--eval', '4']

/** What a run that has ended leaves. */
const results = [
  ...['README.md', 'adapter_config.json', 'adapter_model.safetensors', 'answers.json', 'held-out.json'],
  ...['log.jsonl', 'report.html', 'run.json', 'summary.json'],
]
const adapterOf = (name: string): Buffer => read(`${name}/adapter_model.safetensors`)
const read = (path: string): Buffer => readFileSync(join(work, path))

afterAll(() => rmSync(work, { recursive: true, force: true }))

describe('npm run medquad', () => {
  let whole: Ended
  beforeAll(async () => {
    whole = await start('medquad', [...small, '--profile', '--out', join(work, 'whole')])
  })

  it('tells the story from the device to the saved adapter', () => {
    expect(whole.stderr).not.toContain('error')
    expect(whole.code).toBe(0)
    for (const text of [
      'CPU engine',
      `${sampleSize} pairs`,
      'by disease',
      'double-quantised NF4',
      'trainable parameters',
      'held-out loss',
      'no medical advice',
    ]) {
      expect(whole.stdout).toContain(text)
    }
    expect(whole.stdout).toMatch(/^ {2}matmulStored( +[\d.]+){4} %$/m)
    expect(whole.stdout.match(/^Q {2}/gm)).toHaveLength(3)
  })

  it('writes a summary with every figure', () => {
    const summary = JSON.parse(read('whole/summary.json').toString()) as Record<string, unknown>
    const number = expect.any(Number) as number
    expect(summary).toMatchObject({
      device: expect.stringContaining('CPU engine') as string,
      data: { pairs: sampleSize, answered: sampleSize, train: number, validation: number, test: number },
      model: { parameters: number, trainable: number, share: number, sharePacked: number, bitsPerWeight: number },
      steps: 6,
      stepsDone: 6,
      best: { step: number, validationLoss: number },
      loss: { before: number, after: number },
      bitsPerByte: { before: number, after: number },
      tokensPerSecond: number,
      peakMemoryBytes: number,
      seed: 42,
    })
  })

  it('writes one page that needs no network', () => {
    const page = read('whole/report.html').toString()
    expect(page).toContain('<svg')
    expect(page.match(/<blockquote>Question: /g)).toHaveLength(3)
    expect(page.match(/<dt>Reference<\/dt>/g)).toHaveLength(3)
    expect(page).toContain('no medical advice')
    expect(page).not.toMatch(/<script|<link|src=|url\(/)
  })

  it('writes a card with held-out figures beside the base and a constant answer, and no advice', () => {
    const card = read('whole/README.md').toString()
    const { loss } = JSON.parse(read('whole/summary.json').toString()) as Summary
    expect(card).toContain('> **No medical advice.**')
    expect(card).toContain('| Task | Measure | n | **With this adapter** | Base without adapter | Constant answer |')
    const [, , , after = '', before = ''] =
      /^\| language modelling .* loss, nats.*$/m.exec(card)?.[0].split(' | ') ?? []
    expect(after).toMatch(/^\*\*[\d.]+ \([\d.]+ to [\d.]+\)\*\*$/)
    expect([after.slice(2, 8), before.slice(0, 6)]).toEqual([loss.after.toFixed(4), loss.before.toFixed(4)])
    expect(card).toMatch(/^\| free answers .*\| rougeL, F-measure \| 3 \|( [*\d.]+ \([\d.]+ to [\d.]+\)[ *]*\|){3}/m)
    expect(card).toMatch(/^\| For training \| \d+ \|$/m)
  })

  it('writes an adapter that opens on its base', async () => {
    expect(readdirSync(join(work, 'whole')).sort()).toEqual(results)
    const { device } = await openDevice({ device: 'cpu', cpu: askedCpu ?? {} })
    const { model } = await loadModel(join(root, 'examples/medquad/base'), { device, quantize: {} })
    const adapter = await openAdapter(model, join(work, 'whole'), { device })
    expect(adapter.config).toMatchObject({
      r: 16,
      loraAlpha: 32,
      loraDropout: 0.05,
      targetModules: ['query_key_value'],
    })
    device.dispose()
  })

  it('saves on Ctrl-C and goes on to the same adapter, bit for bit', async () => {
    const args = [...small, '--out', join(work, 'parts')]
    const first = await start('medquad', args, {
      watch: (text, stop) => {
        if (/evaluation after step [1-4]:/.test(text)) stop()
      },
    })
    expect(first.code).toBe(130)
    expect(first.stdout).toMatch(/stopped {4}at step \d of 6, saved; go on with the same options and --resume/)
    const over = await start('medquad', args)
    expect(over.code).toBe(1)
    expect(over.stderr).toMatch(/\nerror: .*parts holds a run that has not ended, and would be lost; give /)

    // The trained adapter is there before anything is measured, and the checkpoint until everything is.
    const second = await start('medquad', [...args, '--resume'], {
      watch: (text, stop) => {
        if (/^best {7}/m.test(text)) stop('SIGTERM')
      },
    })
    expect(second.code).toBe(143)
    expect(second.stdout).toMatch(/resumed {4}at step \d of 6/)
    expect(second.stdout).toContain('stopped: the adapter is saved in')
    expect(adapterOf('parts').equals(adapterOf('whole'))).toBe(true)
    const third = await start('medquad', [...args, '--resume'])
    expect(third.code).toBe(0)
    expect(adapterOf('parts').equals(adapterOf('whole'))).toBe(true)
    expect(readdirSync(join(work, 'parts')).sort()).toEqual(results)
    const losses = ['parts', 'whole'].map(
      (name) => (JSON.parse(read(`${name}/summary.json`).toString()) as Summary).loss,
    )
    expect(losses[0]).toEqual(losses[1])
  })

  it('says what is wrong in one sentence', async () => {
    const [help, flag, name, build, model, resume, rate, early] = await Promise.all([
      start('medquad', ['--help']),
      start('medquad', ['--steps', 'many']),
      start('medquad', ['--max-lenght', '9']),
      start('medquad', ['--build', 'fast']),
      start('medquad', [...small, '--out', join(work, 'none'), '--model', join(work, 'nowhere')]),
      start('medquad', [...small, '--out', join(work, 'fresh'), '--resume']),
      start('medquad', [...small, '--out', join(work, 'wild'), '--lr', '1e30', '--steps', '60']),
      start('medquad', [...small, '--out', join(work, 'early'), '--lr', '0.5', '--patience', '1', '--steps', '60']),
    ])
    expect(help).toMatchObject({ code: 0, stdout: expect.stringContaining('--steps N') as string })
    expect(flag).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--steps must be a whole number from 1, got "many"') as string,
    })
    expect(name.code).toBe(2)
    expect(name.stderr).toContain('There is no option --max-lenght; did you mean --max-length?\n')
    expect(build.code).toBe(2)
    expect(build.stderr).toContain('--build must be fastest, simd, relaxed or wide, got "fast"\n')
    expect(model.code).toBe(1)
    expect(model.stderr).toMatch(/\nerror: .*nowhere\/config\.json/)
    expect(resume.code).toBe(1)
    expect(resume.stderr).toMatch(/\nerror: .*fresh holds no checkpoint to go on from; leave --resume out/)
    expect(early.code).toBe(0)
    expect(early.stdout).toMatch(/^stopped {4}at step \d+ of 60: the validation loss falls no more$/m)
    expect(early.stdout).toMatch(/^best {7}validation loss .*; that adapter is kept$/m)
    expect(rate.code).toBe(1)
    expect(rate.stderr).toMatch(
      /\nerror: TrainingRun: the (loss|gradient norm) is .* at step \d: .* is the first .*; lower the learning rate/,
    )
  })

  it('answers in the terminal', async () => {
    const { code, stdout } = await start(
      'chat',
      ['--adapter', join(work, 'whole'), '--device', 'cpu', '--tokens', '12'],
      { input: 'What is asthma?\n' },
    )
    expect(code).toBe(0)
    expect(stdout).toContain('nothing it says is medical advice')
    expect(stdout.split('> ')[1]?.trim().length).toBeGreaterThan(10)
  })
})
