import { expect, it } from 'vitest'
import { openCpuDevice } from '../../../src/device/cpu/cpu-device.ts'
import { duration } from '../../../src/trainer/progress/duration.ts'
import { ProgressLine } from '../../../src/trainer/progress/progress-line.ts'
import { sparkline } from '../../../src/trainer/progress/training-line.ts'
import { Trainer } from '../../../src/trainer/trainer.ts'
import { adaptedFalcon, randomExamples } from '../../train/tiny-run.ts'

function line(stream: { isTTY?: boolean; columns?: number }) {
  const clock = { now: 0 }
  const written: string[] = []
  const progress = new ProgressLine({ ...stream, write: (text) => written.push(text) }, { now: () => clock.now })
  const at = (milliseconds: number, done: number, file = 'model.safetensors') => {
    clock.now = milliseconds
    progress.save({ tensor: 't', file, done: 1, total: 4, bytesDone: done, bytesTotal: 4e9 })
  }
  return { progress, written, at }
}

it('says nothing of what takes less than two seconds', () => {
  const { written, at } = line({ isTTY: true })
  at(0, 0)
  at(1999, 3e9)
  expect(written).toEqual([])
})

it('rewrites one line on a terminal, no longer than it, and takes it away', () => {
  const { progress, written, at } = line({ isTTY: true, columns: 40 })
  at(1000, 0)
  at(5000, 1e9)
  at(5050, 2e9)
  at(5100, 2e9, 'model-00002-of-00002.safetensors')
  progress.clear()
  expect(written).toEqual([
    '\rwriting model.safetensors  1.00 GB of 4\u001b[K',
    '\rwriting model-00002-of-00002.safetensors\u001b[K'.slice(0, 40) + '\u001b[K',
    '\r\u001b[K',
  ])
})

it('writes a line every ten seconds into a file, with rate and time left', () => {
  const { written, at } = line({})
  for (const second of [0, 2, 4, 11, 12, 13]) at(1000 * second, second * 1e8)
  expect(written).toEqual([
    'writing model.safetensors  200.00 MB of 4.00 GB  100.00 MB/s  0:38 left\n',
    'writing model.safetensors  1.20 GB of 4.00 GB  100.00 MB/s  0:28 left\n',
  ])
})

it('starts anew with what comes next', () => {
  const { progress, written, at } = line({})
  progress.load({ phase: 'load', tensor: 't', done: 1, total: 4, bytesDone: 1e6 })
  at(1500, 0)
  at(3000, 1e9)
  expect(written).toEqual([])
  at(3500, 2e9)
  expect(written).toHaveLength(1)
})

it('shows each step of a training, leaves a line for each evaluation, and goes when it ends', async () => {
  const device = await openCpuDevice()
  const { model, dispose } = await adaptedFalcon(device)
  const written: string[] = []
  const stream = { isTTY: true, columns: 200, write: (text: string) => written.push(text) }
  let now = 0
  const progress = new ProgressLine(stream, { memoryBytes: () => 5e6, now: () => (now += 3000) })
  const trainer = new Trainer(model, randomExamples(8), {
    ...{ maxSteps: 3, batchSize: 4, evalDataset: randomExamples(2), evalSteps: 3, callbacks: [progress.training] },
  })
  await trainer.train()
  const losses = trainer.state.training.map(({ loss }) => loss)
  const lines = written.filter((text) => text.startsWith('\rstep'))
  // The first step is over in less than two seconds.
  expect(lines).toHaveLength(2)
  const rest = / {2}lr 0\.0000\d+ {2}[\d,]+ tokens\/s {2}5\.00 MB {2}\d:\d\d left/
  for (const [i, text] of lines.entries()) {
    const seen = losses.slice(0, 2 + i)
    expect(text).toContain(`step ${2 + i}/3  loss ${seen.at(-1)?.toFixed(4)} ${sparkline(seen, 16)}`)
    expect(text).toMatch(rest)
  }
  expect(written.slice(-2)).toEqual([
    '\r\u001b[K',
    expect.stringMatching(/^evaluation after step 3: loss \d\.\d{4}, perplexity .*\n$/),
  ])
  trainer.dispose()
  dispose()
  device.dispose()
})

it('draws losses as bars, each the mean of as many as fit all into its width', () => {
  expect(sparkline([3, 1, 2], 16)).toBe('█▁▅')
  expect(sparkline([2, 2], 16)).toBe('▁▁')
  expect(sparkline([4, 2, 1, 1, 2, 0], 3)).toBe('█▁▁')
})

it('refuses what is no stream, and senseless options', () => {
  expect(() => new ProgressLine(3 as never)).toThrow('ProgressLine: the stream must be a stream with a method write')
  expect(() => new ProgressLine({ write: () => true }, { memoryBytes: 3 as never })).toThrow(
    'ProgressLine: memoryBytes must be a function',
  )
})

it('tells durations as a clock does', () => {
  expect([0, 65.4, 7207].map(duration)).toEqual(['0:00', '1:05', '2:00:07'])
})
