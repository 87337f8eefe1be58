import { isSpace } from './regex/characters.ts'

/** Python's `text.split()`: what stands between spaces, of which Python knows others than JavaScript. */
export function pythonWords(text: string): string[] {
  const words: string[] = []
  let start = -1
  for (let i = 0; i < text.length; i++) {
    // Every space is one UTF-16 unit.
    const isBetween = isSpace(text.charCodeAt(i))
    if (!isBetween && start < 0) start = i
    if (isBetween && start >= 0) {
      words.push(text.slice(start, i))
      start = -1
    }
  }
  if (start >= 0) words.push(text.slice(start))
  return words
}

/** Python's `text.rstrip()`. */
export function pythonRstrip(text: string): string {
  let end = text.length
  while (end > 0 && isSpace(text.charCodeAt(end - 1))) end--
  return text.slice(0, end)
}

/** Python's `text.strip()`. */
export function pythonStrip(text: string): string {
  const kept = pythonRstrip(text)
  let begin = 0
  while (begin < kept.length && isSpace(kept.charCodeAt(begin))) begin++
  return kept.slice(begin)
}
