/** Upper ends of the classes that durations are counted in, in seconds. */
const buckets = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600]

/** What is counted, in Prometheus' words. */
const kinds = {
  peft_medaware_requests_total: 'counter',
  peft_medaware_prompt_tokens_total: 'counter',
  peft_medaware_cached_prompt_tokens_total: 'counter',
  peft_medaware_completion_tokens_total: 'counter',
  peft_medaware_requests_running: 'gauge',
  peft_medaware_requests_waiting: 'gauge',
  peft_medaware_prompt_cache_bytes: 'gauge',
  peft_medaware_request_seconds: 'histogram',
} as const

type Name = keyof typeof kinds
type Labels = Readonly<Record<string, string | number>>

/** Figures of a server, as Prometheus reads them (its text format 0.0.4). */
export class Metrics {
  readonly #values = new Map<string, number>()

  /** Counts up. */
  add(name: Name, labels: Labels, value: number): void {
    const line = lineOf(name, labels)
    this.#values.set(line, (this.#values.get(line) ?? 0) + value)
  }

  /** Counts how long something took. */
  observe(name: Name, labels: Labels, seconds: number): void {
    for (const end of [...buckets, Infinity]) {
      const le = end === Infinity ? '+Inf' : end
      this.#count(lineOf(`${name}_bucket`, { ...labels, le }), seconds <= end ? 1 : 0)
    }
    this.#count(lineOf(`${name}_sum`, labels), seconds)
    this.#count(lineOf(`${name}_count`, labels), 1)
  }

  /** @param now What is measured when it is asked for. */
  text(now: Partial<Record<Name, number>>): string {
    const values = new Map([...this.#values, ...Object.entries(now)])
    const lines = Object.entries(kinds).flatMap(([name, kind]) => {
      const own = [...values].filter(([line]) => line.split('{')[0]?.replace(/_(bucket|sum|count)$/, '') === name)
      return [`# TYPE ${name} ${kind}`, ...own.map(([line, value]) => `${line} ${value}`)]
    })
    return `${lines.join('\n')}\n`
  }

  #count(line: string, value: number): void {
    this.#values.set(line, (this.#values.get(line) ?? 0) + value)
  }
}

function lineOf(name: string, labels: Labels): string {
  const told = Object.entries(labels).map(([label, value]) => `${label}=${JSON.stringify(String(value))}`)
  return told.length === 0 ? name : `${name}{${told.join(',')}}`
}
