import type { StepReport } from 'peft-medaware'
import { count, duration } from '../../medquad/words.ts'
import { drawCurve, type Point } from './chart.ts'
import { find } from '../find.ts'

/** The bar, the figures and the two curves of a run. */
export class ProgressView {
  readonly #bar = find('progress', HTMLProgressElement)
  readonly #losses: Point[] = []
  readonly #speeds: Point[] = []
  #steps: number
  #isDue = false

  constructor(steps = 100) {
    this.#steps = steps
    this.clear(steps)
    addEventListener('resize', () => this.#drawSoon())
  }

  /** Empties everything for a run of so many steps. */
  clear(steps: number): void {
    this.#steps = steps
    this.#losses.length = 0
    this.#speeds.length = 0
    this.#bar.value = 0
    for (const name of ['step', 'loss', 'speed', 'left']) figure(name, '–')
    this.#draw()
  }

  /** Adds a step. Curves are drawn once a frame, however fast steps come. */
  add({ step, steps, loss, tokensPerSecond, secondsLeft }: StepReport): void {
    this.#losses.push({ step, value: loss })
    this.#speeds.push({ step, value: tokensPerSecond })
    this.#bar.value = step / steps
    figure('step', `${count(step)} of ${count(steps)}`)
    figure('loss', loss.toFixed(3))
    figure('speed', count(Math.round(tokensPerSecond)))
    figure('left', duration(secondsLeft))
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
    const loss = { title: 'Loss (nats a token)', height: 200, digits: 2, isNoisy: true, fromZero: false }
    const speed = { title: 'Tokens a second', height: 130, digits: 0, isNoisy: false, fromZero: true }
    drawCurve(find('loss-chart', SVGSVGElement), { ...loss, points: this.#losses }, this.#steps)
    drawCurve(find('speed-chart', SVGSVGElement), { ...speed, points: this.#speeds }, this.#steps)
  }
}

function figure(name: string, value: string): void {
  find(`figure-${name}`, HTMLElement).textContent = value
}
