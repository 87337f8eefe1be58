import type { LoadProgress } from 'peft-medaware'
import { bytes, count, duration } from '../medquad/words.ts'
import { adviceOf } from './model/plan-words.ts'
import type { TrainingPlan } from './model/model-plan.ts'
import type { Download } from './opening.ts'

/** What a model takes, in a sentence or two, and whether it does not fit. */
export function planWords(
  name: string,
  parameters: number,
  download: Download,
  plan: TrainingPlan,
): { text: string; isTooLarge: boolean } {
  const { missing, room } = download
  const { settings, memory, problem } = plan
  const training = `${settings.batchSize} questions of ${settings.maxLength} tokens at once`
  const sentences = [
    `${name}: ${count(parameters)} parameters, ${toRead(download)}.`,
    `In 4 bits, training it on ${training} takes at most ${bytes(memory.total)} of memory.`,
  ]
  const isTooLong = room !== null && room < missing
  if (isTooLong) sentences.push(`It does not fit: this browser lets the page keep ${bytes(room)} more.`)
  if (problem !== null) sentences.push(adviceOf(plan))
  return { text: sentences.join(' '), isTooLarge: isTooLong || problem !== null }
}

function toRead({ bytes: all, missing }: Download): string {
  if (missing === 0) return `${bytes(all)} to read`
  return missing < all ? `${bytes(missing)} of ${bytes(all)} are left to fetch` : `${bytes(missing)} to fetch`
}

/** How far a model is on its way. */
export function loadingLine(progress: LoadProgress): string {
  if (progress.phase === 'load') return `Loading: ${progress.done} of ${progress.total} tensors`
  const { file, done, total, bytesPerSecond, secondsLeft } = progress
  const rate = secondsLeft === null ? '' : `, ${bytes(bytesPerSecond)} a second, ${duration(secondsLeft)} left`
  return `Fetching ${file}: ${bytes(done)} of ${bytes(total)}${rate}`
}
