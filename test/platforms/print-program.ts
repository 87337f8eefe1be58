/** Prints the path of a runtime's program: `tsx test/platforms/print-program.ts 'Node 24'`. */
import { programOf, runtimes } from './runtimes.ts'

const [name] = process.argv.slice(2)
const runtime = runtimes.find((each) => each.name === name)
if (runtime === undefined) throw new Error(`there is no ${name}; there are ${runtimes.map((each) => each.name).join()}`)
console.log(await programOf(runtime))
