import type { LoadProgress } from 'peft-medaware'
import { bytes, count, duration } from '../medquad/words.ts'
import type { Plan } from './opening.ts'

/** What a model takes, in a sentence or two, and whether it does not fit. */
export function planWords(name: string, plan: Plan): { text: string; isTooLarge: boolean } {
  const { parameters, memory, missing, room, advice, settings } = plan
  const left =
    missing < plan.bytes ? `${bytes(missing)} of ${bytes(plan.bytes)} are left to fetch` : `${bytes(missing)} to fetch`
  const training = `${settings.batchSize} questions of ${settings.maxLength} tokens at once`
  const sentences = [
    `${name}: ${count(parameters)} parameters, ${left}.`,
    `In 4 bits, training it on ${training} takes at most ${bytes(memory)} of memory.`,
  ]
  const isTooLong = room !== null && room < missing
  if (isTooLong) sentences.push(`It does not fit: this browser lets the page keep ${bytes(room)} more.`)
  if (advice !== null) sentences.push(`It does not fit: ${advice}.`)
  return { text: sentences.join(' '), isTooLarge: isTooLong || advice !== null }
}

/** How far a model is on its way. */
export function loadingLine(progress: LoadProgress): string {
  if (progress.phase === 'load') return `Loading: ${progress.done} of ${progress.total} tensors`
  const { file, done, total, bytesPerSecond, secondsLeft } = progress
  const rate = secondsLeft === null ? '' : `, ${bytes(bytesPerSecond)} a second, ${duration(secondsLeft)} left`
  return `Fetching ${file}: ${bytes(done)} of ${bytes(total)}${rate}`
}
