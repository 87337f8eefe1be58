import { count } from '../medquad/words.ts'
import { DataInput } from './data-input.ts'
import { say, sentence } from './find.ts'
import type { PageState } from './page-state.ts'
import { readPairs } from './pairs.ts'

/** "2. Questions and answers": what is to be learned. */
export class DataPanel {
  constructor(private readonly page: PageState) {
    new DataInput((now) => void this.#read(now))
  }

  async #read(now: string | File): Promise<void> {
    try {
      const { pairs, leftOut } = readPairs(typeof now === 'string' ? now : new Uint8Array(await now.arrayBuffer()))
      const rest = leftOut === 0 ? '' : `; ${count(leftOut)} without question or answer left out`
      say('data-status', `${count(pairs.length)} questions with answers${rest}.`)
      this.page.change({ pairs })
    } catch (error) {
      const isEmpty = now === ''
      say('data-status', isEmpty ? 'No questions yet.' : sentence(error), !isEmpty)
      this.page.change({ pairs: null })
    }
  }
}
