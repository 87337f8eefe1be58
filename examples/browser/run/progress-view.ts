import type { StepReport } from 'peft-medaware'
import { bytes, count, duration } from '../../medquad/words.ts'
import { find, say } from '../find.ts'
import type { Chart, Point } from './chart.ts'
import { ChartFigure } from './chart-figure.ts'
import { movingMean } from './moving-mean.ts'
import type { MemoryNow, RunRecord } from './training.ts'

const decimals = (digits: number): ((value: number) => string) => {
  // A formatter is dear to make.
  const format = new Intl.NumberFormat('en-US', { maximumFractionDigits: digits, minimumFractionDigits: digits })
  return (value) => format.format(value)
}
const [whole, hundredths] = [decimals(0), decimals(2)]
/** 4e-3, as rates are written. */
const rate = (value: number) => (value === 0 ? '0' : value.toExponential(1).replace('.0e', 'e'))

/** The bar, the figures, the curves and the memory of a run. */
export class ProgressView {
  readonly #bar = find('progress', HTMLProgressElement)
  readonly #figures = ['loss', 'speed', 'rate'].map((id) => new ChartFigure(id))
  #record: RunRecord | null = null
  #memory: MemoryNow | null = null
  #steps = 1
  #isDue = false
  #isDrawing = false

  constructor() {
    addEventListener('resize', () => this.#drawSoon())
  }

  /**
   * Shows a run, or none. It is drawn when the browser draws, however fast steps come.
   * @param memory What is held now; null where nothing runs. @param steps Of a run, where there is none yet.
   */
  show(record: RunRecord | null, memory: MemoryNow | null, steps: number): void {
    this.#record = record
    this.#memory = memory
    this.#steps = Math.max(1, record?.steps ?? steps)
    this.#drawSoon()
  }

  #drawSoon(): void {
    this.#isDue = true
    if (!this.#isDrawing) void this.#drawAll()
  }

  /** Draws a part a frame, so that no frame is a long one. */
  async #drawAll(): Promise<void> {
    this.#isDrawing = true
    while (this.#isDue) {
      this.#isDue = false
      await nextFrame()
      this.#drawFigures()
      this.#drawMemory()
      for (const [i, make] of [lossChart, speedChart, rateChart].entries()) {
        await nextFrame()
        this.#figures[i]?.draw(make(this.#record), this.#steps)
      }
    }
    this.#isDrawing = false
  }

  #drawFigures(): void {
    const record = this.#record
    const last = record?.training.at(-1)
    const measured = record?.evaluation.at(-1)?.metrics
    this.#bar.value = (record?.step ?? 0) / this.#steps
    figure('step', record && record.step > 0 ? `${count(record.step)} of ${count(this.#steps)}` : null)
    figure('loss', last && last.loss.toFixed(3))
    figure('held-out', measured?.['evalLoss']?.toFixed(3))
    figure('bits', measured?.['evalBitsPerByte']?.toFixed(3))
    figure('speed', last && count(Math.round(last.tokensPerSecond)))
    figure('left', last && duration(last.secondsLeft))
  }

  #drawMemory(): void {
    const [memory, begun] = [this.#memory, this.#record?.begun]
    const gauge = find('memory', HTMLMeterElement)
    gauge.hidden = memory === null || begun === undefined
    if (memory === null || begun === undefined) {
      say('memory-words', 'Shown while it trains.')
      return
    }
    const most = Math.max(begun.planned, memory.peak)
    gauge.max = most
    gauge.high = most
    gauge.value = memory.live
    const words = `${bytes(memory.live)} held now, ${bytes(memory.peak)} at its peak; planned were at most ${bytes(begun.planned)}.`
    say('memory-words', words)
    gauge.textContent = words
  }
}

function figure(name: string, value: string | null | undefined): void {
  say(`figure-${name}`, value ?? '–')
}

const nextFrame = () => new Promise<number>((resolve) => requestAnimationFrame(resolve))

function courseOf(record: RunRecord | null, of: (report: StepReport) => number): Point[] {
  return (record?.training ?? []).map((report) => ({ step: report.step, value: of(report) }))
}

function lossChart(record: RunRecord | null): Chart {
  const losses = courseOf(record, ({ loss }) => loss)
  const means = movingMean(losses.map(({ value }) => value))
  const measured = (record?.evaluation ?? []).map(({ step, metrics }) => ({ step, value: metrics['evalLoss'] ?? NaN }))
  return {
    ...{ title: 'Loss (nats a token)', height: 200, format: hundredths, fromZero: false },
    series: [
      { name: 'training', kind: 'dots', points: losses },
      { name: 'moving-mean', kind: 'line', points: losses.map(({ step }, i) => ({ step, value: means[i] ?? NaN })) },
      { name: 'held-out', kind: 'marks', points: measured },
    ],
  }
}

function speedChart(record: RunRecord | null): Chart {
  const points = courseOf(record, ({ tokensPerSecond }) => tokensPerSecond)
  return {
    ...{ title: 'Tokens a second', height: 120, format: whole, fromZero: true },
    series: [{ name: 'tokens-a-second', kind: 'line', points }],
  }
}

function rateChart(record: RunRecord | null): Chart {
  const points = courseOf(record, ({ learningRate }) => learningRate)
  return {
    ...{ title: 'Learning rate', height: 120, format: rate, fromZero: true },
    series: [{ name: 'learning-rate', kind: 'line', points }],
  }
}
