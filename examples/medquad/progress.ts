import type { StepReport } from 'peft-medaware'

/** One line that rewrites itself on a terminal, and is printed now and then into a file or pipe. */
export class ProgressLine {
  #lastPlain = 0
  #open = false

  /** Shows `text` in place of what the line showed before. */
  show(text: string): void {
    if (process.stderr.isTTY) {
      process.stderr.write(`\r${text.slice(0, (process.stderr.columns ?? 80) - 1)}\u001b[K`)
      this.#open = true
    } else if (Date.now() - this.#lastPlain > 10_000) {
      this.#lastPlain = Date.now()
      console.error(text)
    }
  }

  /** Ends the line, leaving `text` if given. */
  done(text?: string): void {
    if (this.#open) process.stderr.write(text === undefined ? '\r\u001b[K' : `\r${text}\u001b[K\n`)
    else if (text !== undefined) console.error(text)
    this.#open = false
    this.#lastPlain = 0
  }
}

/** `step 120/400  loss 2.345  1,234 tok/s  2:05 left`. */
export function describeStep(report: StepReport): string {
  const { step, steps, loss, tokensPerSecond, secondsLeft } = report
  return `step ${step}/${steps}  loss ${loss.toFixed(3)}  ${count(Math.round(tokensPerSecond))} tok/s  ${duration(secondsLeft)} left`
}

/** `reading 1,200/11,274  0:03 left`, for anything that counts up to a total. */
export function describeProgress(what: string, done: number, total: number | undefined, started: number): string {
  const seconds = (Date.now() - started) / 1000
  if (total === undefined || done === 0)
    return `${what} ${count(done)}  ${count(Math.round(done / Math.max(seconds, 0.001)))}/s`
  return `${what} ${count(done)}/${count(total)}  ${duration((seconds / done) * (total - done))} left`
}

/** 1,234,567. */
export function count(value: number): string {
  return value.toLocaleString('en-US')
}

/** 1:05 or 2:00:07. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
  const pad = (value: number) => String(value).padStart(2, '0')
  return h > 0 ? `${h}:${pad(m)}:${pad(s)}` : `${m}:${pad(s)}`
}

/** 3.76 MB. */
export function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB']
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, value)) / 3)))
  return `${(value / 1000 ** power).toFixed(power === 0 ? 0 : 2)} ${units[power] ?? ''}`
}
