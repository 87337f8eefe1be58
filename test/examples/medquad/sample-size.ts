import { sampleFolder } from '../../../examples/medquad/data/load-medquad.ts'
import { readMedquad } from '../../../examples/medquad/data/read-medquad.ts'

/** How many pairs the sample that comes with the recipe holds. */
export const sampleSize = (await readMedquad(sampleFolder)).pairs.length
