import { bytes, count, duration } from '../../medquad/words.ts'
import { find, say } from '../find.ts'
import type { Chart, Point } from './chart.ts'
import { ChartFigure } from './chart-figure.ts'
import { movingMean } from './moving-mean.ts'
import type { MemoryNow, RunRecord } from './training.ts'

const decimals = (digits: number) => (value: number) =>
  value.toLocaleString('en-US', { maximumFractionDigits: digits, minimumFractionDigits: digits })
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

  constructor() {
    addEventListener('resize', () => this.#drawSoon())
  }

  /**
   * Shows a run, or none. Curves are drawn once a frame, however fast steps come.
   * @param memory What is held now; null where nothing runs. @param steps Of a run, where there is none yet.
   */
  show(record: RunRecord | null, memory: MemoryNow | null, steps: number): void {
    this.#record = record
    this.#memory = memory
    this.#steps = Math.max(1, record?.steps ?? steps)
    this.#drawSoon()
  }

  #drawSoon(): void {
    if (this.#isDue) return
    this.#isDue = true
    requestAnimationFrame(() => {
      this.#isDue = false
      this.#draw()
    })
  }

  #draw(): void {
    const record = this.#record
    const { training = [], evaluation = [] } = record ?? {}
    const last = training.at(-1)
    const measured = evaluation.at(-1)?.metrics
    this.#bar.value = (record?.step ?? 0) / this.#steps
    figure('step', record && record.step > 0 ? `${count(record.step)} of ${count(this.#steps)}` : null)
    figure('loss', last && last.loss.toFixed(3))
    figure('held-out', measured?.['evalLoss']?.toFixed(3))
    figure('bits', measured?.['evalBitsPerByte']?.toFixed(3))
    figure('speed', last && count(Math.round(last.tokensPerSecond)))
    figure('left', last && duration(last.secondsLeft))
    const course = (of: (report: (typeof training)[number]) => number) =>
      training.map((report): Point => ({ step: report.step, value: of(report) }))
    const losses = course(({ loss }) => loss)
    const means = movingMean(losses.map(({ value }) => value))
    const charts: readonly Chart[] = [
      {
        ...{ title: 'Loss (nats a token)', height: 200, format: decimals(2), fromZero: false },
        series: [
          { name: 'training', kind: 'dots', points: losses },
          {
            name: 'moving-mean',
            kind: 'line',
            points: losses.map(({ step }, i) => ({ step, value: means[i] ?? NaN })),
          },
          {
            ...{ name: 'held-out', kind: 'marks' },
            points: evaluation.map(({ step, metrics }) => ({ step, value: metrics['evalLoss'] ?? NaN })),
          },
        ],
      },
      {
        ...{ title: 'Tokens a second', height: 120, format: decimals(0), fromZero: true },
        series: [{ name: 'tokens-a-second', kind: 'line', points: course(({ tokensPerSecond }) => tokensPerSecond) }],
      },
      {
        ...{ title: 'Learning rate', height: 120, format: rate, fromZero: true },
        series: [{ name: 'learning-rate', kind: 'line', points: course(({ learningRate }) => learningRate) }],
      },
    ]
    charts.forEach((chart, i) => this.#figures[i]?.draw(chart, this.#steps))
    this.#drawMemory()
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
