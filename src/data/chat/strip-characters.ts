/** Python's `str.strip`, `lstrip` and `rstrip` with characters to take off the ends. */
export function stripCharacters(text: string, characters: string, method: string): string {
  const some = new Set(characters)
  const letters = Array.from(text)
  let [begin, end] = [0, letters.length]
  if (method !== 'rstrip') while (begin < end && some.has(letters[begin] ?? '')) begin++
  if (method !== 'lstrip') while (begin < end && some.has(letters[end - 1] ?? '')) end--
  return letters.slice(begin, end).join('')
}
