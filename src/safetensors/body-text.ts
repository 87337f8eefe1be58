import { check } from '../core/errors.ts'
import type { HttpResponse } from './http-client.ts'

/**
 * The text of an answer. @param who Begins an error. @param heard Called before each wait for bytes.
 * @throws MedAwareError `format` for one of more than `mostBytes`, and what reading throws.
 */
export async function bodyText(
  who: string,
  body: HttpResponse['body'],
  mostBytes: number,
  heard: () => void,
): Promise<string> {
  const reader = body?.getReader()
  const decoder = new TextDecoder()
  let text = ''
  for (let read = 0; ;) {
    heard()
    const { value } = (await reader?.read()) ?? {}
    if (value === undefined) return text + decoder.decode()
    read += value.length
    if (read > mostBytes) await reader?.cancel()
    check(read <= mostBytes, 'format', () => `${who} is longer than ${mostBytes} bytes`)
    text += decoder.decode(value, { stream: true })
  }
}
