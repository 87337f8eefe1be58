import { onBeforeUnmount, type Ref, ref } from 'vue'

/** A run that a reader starts and stops. */
export interface OneRun {
  readonly isRunning: Ref<boolean>
  /** Where it is, in words. */
  readonly state: Ref<string>
  readonly isWrong: Ref<boolean>
  /** Does `work`; its signal is aborted by `stop`, and when the reader leaves the page. */
  readonly start: (work: (signal: AbortSignal) => Promise<void>) => Promise<void>
  readonly stop: () => void
}

/** For a component: one run at a time, its state, and what went wrong. @param first What is said before any. */
export function oneRun(first: string): OneRun {
  const isRunning = ref(false)
  const isWrong = ref(false)
  const state = ref(first)
  let controller = new AbortController()

  async function start(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    controller = new AbortController()
    const { signal } = controller
    isRunning.value = true
    isWrong.value = false
    try {
      await work(signal)
    } catch (error) {
      isWrong.value = !signal.aborted
      if (signal.aborted) state.value = 'Stopped. Run begins anew.'
      else state.value = error instanceof Error ? error.message : String(error)
    } finally {
      isRunning.value = false
    }
  }
  const stop = () => controller.abort()
  onBeforeUnmount(stop)
  return { isRunning, state, isWrong, start, stop }
}
