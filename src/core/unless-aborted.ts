/** What a promise gives; null when `signal` is aborted before, and the promise is then nobody's to wait for. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T | null> {
  if (signal === undefined) return promise
  if (signal.aborted) return null
  const ended = new AbortController()
  const aborted = new Promise<null>((resolve) => {
    signal.addEventListener('abort', () => resolve(null), { once: true, signal: ended.signal })
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    ended.abort()
  }
}
