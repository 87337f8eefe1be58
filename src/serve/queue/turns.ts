/** The device does one thing at a time: steps come one after the other, in the order in which they were asked for. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve()

  /** Does some work when all that was asked for before is done. */
  async take<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work)
    this.#last = done.catch(() => {})
    return done
  }
}

/** Goes through a generator, a turn for each step; it is ended when this is left. */
export async function* byTurns<T>(
  steps: AsyncGenerator<T, void, undefined>,
  turn: <R>(work: () => Promise<R>) => Promise<R>,
): AsyncGenerator<T, void, undefined> {
  try {
    for (;;) {
      const { value, done } = await turn(() => steps.next())
      if (done === true) return
      yield value
    }
  } finally {
    await steps.return()
  }
}
