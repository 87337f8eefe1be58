import { resolveAddress } from '#platform'
import { isGguf, parseModelName } from '../huggingface/hub-address.ts'

/**
 * The address that a text means in a page, where there are no folders: one that begins with `/`, `./` or `../`, or a
 * GGUF file's, such as `models/x.gguf`, which has one slash fewer than a file of the Hub. Null for any other text, and
 * in Node, where these are paths.
 */
export function relativeAddress(text: string): URL | null {
  const isBeside = /^\.{0,2}\//.test(text) || (isGguf(text) && !isOnHub(text))
  return isBeside ? resolveAddress(text) : null
}

/** Whether it has an owner and a model before the file's name. */
function isOnHub(text: string): boolean {
  return text.split('/').length > 2 && parseModelName(text) !== null
}

/**
 * A source as the page means it, for who opens it elsewhere: a worker's own address is another one.
 */
export function fromThisPage<T>(source: T): T | URL {
  return typeof source === 'string' ? (relativeAddress(source) ?? source) : source
}
