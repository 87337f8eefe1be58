import { isJsonObject } from '../../../core/json.ts'
import { readCache, writeCache } from '#platform'
import { hashText } from '../../../core/hash.ts'
import { version } from '../../../core/version.ts'

/** What is known of one adapter with this version's programs, from one opening to the next. */
export interface AdapterFindings {
  /** Programs by class of call, as they were timed. */
  readonly choices: Readonly<Record<string, string>>
  /** Programs that are wrong, do not compile or are refused here. */
  readonly struck: readonly string[]
  /** Whether all others have passed the self-test. */
  readonly isTested: boolean
}

/** Of an adapter that is seen for the first time. */
const nothingFound: AdapterFindings = { choices: {}, struck: [], isTested: false }

/**
 * Findings about an adapter in the platform's cache. It is never needed: what cannot be read, or is damaged, is found
 * out again, and what cannot be written is found out next time.
 */
export class AdapterRecord {
  readonly #name: string
  readonly #adapter: string
  #findings = nothingFound

  /**
   * @param adapter All that tells the adapter and its driver from others.
   * @param programs All that tells this build's programs from others.
   */
  constructor(adapter: string, programs: string) {
    this.#adapter = `${adapter}; peft-medaware ${version}; programs ${hashText(programs)}`
    this.#name = `webgpu-${hashText(this.#adapter)}.json`
  }

  /** What was found up to the last `read` or `add`. */
  get findings(): AdapterFindings {
    return this.#findings
  }

  async read(): Promise<this> {
    const text = await readCache(this.#name)
    this.#findings = (text === null ? null : parse(text, this.#adapter)) ?? nothingFound
    return this
  }

  /** Adds to what is there; another process may have found something, too. */
  async add({ choices = {}, struck = [], isTested = false }: Partial<AdapterFindings>): Promise<void> {
    const known = (await this.read()).findings
    this.#findings = {
      choices: { ...known.choices, ...choices },
      struck: [...new Set([...known.struck, ...struck])],
      isTested: known.isTested || isTested,
    }
    await writeCache(this.#name, `${JSON.stringify({ adapter: this.#adapter, ...this.#findings }, null, 2)}\n`)
  }
}

/** null for anything but what `add` writes for this adapter. */
function parse(text: string, adapter: string): AdapterFindings | null {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  if (!isJsonObject(value) || value['adapter'] !== adapter) return null
  const { choices, struck, isTested } = value
  if (!isJsonObject(choices) || !Object.values(choices).every(isText)) return null
  if (!Array.isArray(struck) || !struck.every(isText) || typeof isTested !== 'boolean') return null
  return { choices: choices as Readonly<Record<string, string>>, struck, isTested }
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}
