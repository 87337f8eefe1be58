// What the adapter that the benchmark runs on says of itself, as JSON.
import { requestGpu } from '#platform'

const answer = await requestGpu()
if (!('gpu' in answer)) throw new Error(answer.reason)
const adapter = await answer.gpu.requestAdapter({ powerPreference: 'high-performance' })
if (adapter === null) throw new Error('there is no adapter')
const { info, limits, features } = adapter
console.log(JSON.stringify({ info: allOf(info), limits: allOf(limits), features: [...features].sort() }, null, 2))
process.exit(0)

/** Properties that objects of WebGPU inherit as getters. */
function allOf(object: object): Record<string, unknown> {
  const names: string[] = []
  for (const name in object) names.push(name)
  return Object.fromEntries(names.map((name) => [name, object[name as keyof object] as unknown]))
}
