/** A variable of the process's environment; an empty one is none, and so is one that Deno does not let be read. */
export function variable(name: string): string | undefined {
  try {
    return process.env[name] || undefined
  } catch {
    return undefined
  }
}
