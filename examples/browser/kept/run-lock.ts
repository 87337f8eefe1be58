/** Keeps a run for this tab alone, until it is let go of or the tab is closed. */
export class RunLock {
  private constructor(private readonly letGo: () => void) {}

  /** @returns null where another tab has it. */
  static async take(id: string): Promise<RunLock | null> {
    return new Promise((resolve, reject) => {
      navigator.locks
        .request(`medaware-run-${id}`, { ifAvailable: true }, async (lock) => {
          if (lock === null) {
            resolve(null)
            return
          }
          await new Promise<void>((letGo) => resolve(new RunLock(letGo)))
        })
        .catch(reject)
    })
  }

  release(): void {
    this.letGo()
  }
}
