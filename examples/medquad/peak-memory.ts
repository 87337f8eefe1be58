import type { TrainerCallback } from 'peft-medaware'

/** The most memory that a run has held, in bytes resident, also before it was gone on with. */
export class PeakMemory implements TrainerCallback {
  readonly name = 'peak memory'
  #earlier = 0

  get bytes(): number {
    return Math.max(this.#earlier, process.resourceUsage().maxRSS * 1024)
  }

  state(): { bytes: number } {
    return { bytes: this.bytes }
  }

  restore({ bytes }: { readonly bytes?: unknown }): void {
    if (typeof bytes === 'number') this.#earlier = bytes
  }
}
