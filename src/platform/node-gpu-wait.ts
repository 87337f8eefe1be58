import type { Platform } from './platform.ts'

/** Milliseconds: the longest rest, and the shortest that the system still keeps to. */
const [longest, shortest] = [1, 0.05]
/** Of what a wait has taken so far, what each rest adds to it. */
const share = 1 / 16

const cell = new Int32Array(new SharedArrayBuffer(4))
let waits = 0
let since = 0
let isTurning = false
/** When the last turn ended. */
let turned = 0

/**
 * Dawn asks at every turn of the event loop whether the GPU is done: thousands of times a step, each with garbage, and
 * on a core that a software adapter computes with. So each turn rests a little, the longer the wait has been, unless
 * the program itself had more to do in it.
 */
export const waitForGpu: Platform['waitForGpu'] = async (work) => {
  if (waits++ === 0) since = performance.now()
  if (!isTurning) turn()
  try {
    return await work
  } finally {
    waits--
  }
}

function turn(): void {
  isTurning = waits > 0
  if (!isTurning) return
  const now = performance.now()
  const rest = Math.min(longest, share * (now - since))
  if (rest >= Math.max(shortest, now - turned)) Atomics.wait(cell, 0, 0, rest)
  turned = performance.now()
  setImmediate(turn)
}
