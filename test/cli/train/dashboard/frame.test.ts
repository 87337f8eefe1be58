import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RunRecord } from '../../../../src/cli/train/dashboard/run-record.ts'
import { openCpuDevice } from '../../../../src/device/cpu/cpu-device.ts'
import type { Device } from '../../../../src/device/device.ts'
import { Trainer } from '../../../../src/trainer/trainer.ts'
import type { TrainerOptions } from '../../../../src/trainer/trainer-options.ts'
import { adaptedFalcon, randomExamples } from '../../../train/tiny-run.ts'
import { ascii, drawing } from './shown.ts'

const held = () => ({ bytes: 5e8, peak: 6e8 })
const wide = '模型 🩺 \u001b]0;owned\u0007\u001b[2J\u202eend'
let device: Device
let folder: string
/** A training at its end, as far as its record knows; and one that has not begun. */
let ended: RunRecord
const begun = () => new RunRecord({ command: 'train', model: wide, out: 'out/run' }, held)

/** A training of the tiny Falcon that a record has heard of. */
async function recorded(options: TrainerOptions, record = begun()): Promise<RunRecord> {
  const { model, dispose } = await adaptedFalcon(device)
  const trainer = new Trainer(model, randomExamples(12), {
    ...{ maxSteps: 40, batchSize: 3, learningRate: 0.01, seed: 7, callbacks: [record.callback] },
    ...options,
  })
  record.opened(device, 'as asked')
  await trainer.train()
  trainer.dispose()
  dispose()
  return record
}

beforeAll(async () => {
  device = await openCpuDevice()
  folder = await mkdtemp(join(tmpdir(), 'dashboard-'))
  const evalDataset = randomExamples(17).slice(12)
  ended = await recorded({ evalDataset, evalSteps: 8, saveSteps: 20, outputDir: join(folder, 'run') })
})
afterAll(async () => {
  device.dispose()
  await rm(folder, { recursive: true })
})

describe('a frame', () => {
  it.each([
    [40, 12],
    [60, 16],
    [80, 24],
    [120, 40],
    [200, 60],
  ])('of %i by %i cells has what fits, and nothing that is cut in two', async (columns, rows) => {
    const { draw } = drawing(columns, rows)
    const lines = await draw(ended)
    const text = lines.join('\n')
    expect(lines[0]).toContain('peft-medaware train')
    expect(text).toContain('100 %')
    expect(text).toContain(`loss  ⠤⣀ training ${ended.report?.loss.toFixed(4)}`)
    expect(text).toMatch(/^ *\d+\.\d+ ┤/m)
    expect(text).toMatch(/└1 ─.* step 40$/m)
    expect(text).toContain('q stop and')
    // The curve has dots of braille, and marks where it was measured.
    expect(text).toMatch(/[\u2801-\u28ff]/)
    expect(text).toContain('◆')
    if (rows < 24) return
    for (const part of ['model', 'gradient', 'checkpoint-40', '★ best', 'perplexity']) expect(text).toContain(part)
    if (rows < 40) return
    for (const part of ['LoRA r=4', '12 rows, 5 held out; 40 steps of 3', 'CPU engine', 'out/run']) {
      expect(text).toContain(part)
    }
  })

  it('tells the same without colours, and in ASCII where there is no more', async () => {
    const colored = drawing(100, 40)
    const plain = drawing(100, 40, false)
    const now = Date.now()
    expect(await plain.draw(ended, { now })).toEqual(await colored.draw(ended, { now }))
    plain.screen.forget()
    plain.screen.draw([[{ text: 'x', style: 'strong' }]])
    expect(plain.terminal.written.join('')).not.toContain('\u001b[1m')
    expect(plain.terminal.written.join('')).toContain('\u001b[1;1Hx\u001b[K')
    const bare = await drawing(100, 40, false, { glyphs: ascii }).draw(ended)
    expect(bare.join('\n')).toMatch(/^ \d\.\d+ \+.*\*/m)
    expect(bare.join('')).toMatch(/^[ -~]*$/)
    expect(bare.join('\n')).toContain('* best')
  })

  it('lets nothing that a name or a warning holds reach the terminal', async () => {
    const record = begun()
    record.warn(`row 3: ${wide}`)
    const { draw, terminal } = drawing(80, 24)
    const lines = await draw(record)
    expect(lines).toContain(' model     模型 🩺 end')
    expect(lines).toContain(' warning   row 3: 模型 🩺 end')
    expect(terminal.isAlternate).toBe(true)
  })

  it('follows a window that changes, and leaves nothing of before', async () => {
    const now = Date.now()
    const { draw, terminal } = drawing(120, 40)
    await draw(ended, { now })
    for (const [columns, rows] of [
      [50, 14],
      [90, 30],
    ] as const) {
      terminal.resize(columns, rows)
      const fresh = await drawing(columns, rows).draw(ended, { now })
      expect(await draw(ended, { now })).toEqual(fresh)
    }
  })

  it('shows how far loading is before there is a step', async () => {
    const record = begun()
    record.load({
      phase: 'download',
      file: 'model.safetensors',
      done: 3e8,
      total: 4e8,
      bytesPerSecond: 1,
      secondsLeft: 1,
    })
    const lines = await drawing(100, 24).draw(record)
    expect(lines.join('\n')).toMatch(/downloading model.safetensors █+░+ {2}75 % {2}300\.00 MB of 400\.00 MB/)
    expect(lines.join('\n')).toContain(' q stop  ? help')
  })

  it('tells what keys do, and no key that does nothing here', async () => {
    const help = (await drawing(80, 24).draw(ended, { isHelp: true })).join('\n')
    expect(help).toMatch(/ s +saves a checkpoint after this step\n e +measures on the held-out rows/)
    const bare = await recorded({ maxSteps: 2 })
    const shown = (await drawing(80, 24).draw(bare)).join('\n')
    expect(shown).toContain(' p pause  q stop  ? help')
    expect((await drawing(80, 24).draw(bare, { hasKeys: false })).join('\n')).toContain(' Ctrl-C stops')
  })
})

describe('a screen', () => {
  it('writes once a frame, and of a frame only what has changed', async () => {
    const { screen, terminal } = drawing(80, 24)
    screen.draw([[{ text: 'one' }], [{ text: 'two' }]])
    await terminal.lines()
    screen.draw([[{ text: 'one' }], [{ text: 'three' }]])
    expect(terminal.written).toEqual(['\u001b[?2026h\u001b[2;1Hthree\u001b[K\u001b[?2026l'])
    expect((await terminal.lines()).slice(0, 3)).toEqual(['one', 'three', ''])
    screen.draw([[{ text: 'one' }], [{ text: 'three' }]])
    expect(terminal.written).toEqual([])
    screen.draw([])
    expect((await terminal.lines()).join('')).toBe('')
  })

  it('gives the terminal back as it was, and leaves lines there', async () => {
    const { screen, terminal } = drawing(80, 24)
    screen.draw([[{ text: 'live' }]])
    screen.close()
    screen.close()
    screen.leave([[{ text: 'the end' }]])
    expect((await terminal.lines())[0]).toBe('the end')
    expect(terminal.isAlternate).toBe(false)
  })
})

describe('what is asked for', () => {
  it('is done after the step, each once', async () => {
    const record = begun()
    const outputDir = join(folder, 'asked')
    const pressing = {
      name: 'pressing',
      onStepEnd: ({ step }: { step: number }) => {
        if (step === 3) record.ask('save')
        if (step === 5) record.ask('measure')
        if (step !== 7) return
        record.ask('pause')
        const goOn = setInterval(() => {
          if (!record.isPaused) return
          clearInterval(goOn)
          record.ask('save')
          record.ask('pause')
        }, 5)
      },
    }
    const options = { outputDir, evalDataset: randomExamples(3), evalSteps: 100, maxSteps: 12, saveSteps: 100 }
    await recorded({ ...options, callbacks: [pressing, record.callback] }, record)
    expect(record.saved.map(({ step }) => step)).toEqual([3, 12])
    expect(record.evaluations.map(({ step }) => step)).toEqual([5, 12])
    expect(record.asked.size).toBe(0)
    expect(record.isPaused).toBe(false)
  })
})
