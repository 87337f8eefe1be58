/** Runs once; a failure is not kept. */
export function once<T>(work: (fileName: string) => Promise<T>): (fileName: string) => Promise<T> {
  let result: Promise<T> | undefined
  return (fileName) => {
    result ??= work(fileName).catch((error: unknown) => {
      result = undefined
      throw error
    })
    return result
  }
}
