/** The paper's three experiments: `npm run medquad:experiments`. */
import { reportErrorsPlainly } from '../story.ts'
import { parseExperimentOptions } from './options.ts'
import { reportExperiments } from './report-experiments.ts'
import { runExperiments } from './run-experiments.ts'

reportErrorsPlainly()
const options = parseExperimentOptions(process.argv.slice(2))
await (options.report ? reportExperiments() : runExperiments(options))
