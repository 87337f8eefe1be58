import { createHash } from 'node:crypto'
import { hubFolder } from '../../../src/io/huggingface/hub-folder.ts'

// A program of its own: downloads a file of the fake Hub's model and prints its sha256.
const [endpoint = '', cacheFolder = '', fileName = ''] = process.argv.slice(2)
const settings = { endpoint, cacheFolder, token: null, offline: false }
const folder = await hubFolder({ name: 'lab/tiny', revision: 'main' }, { hub: settings })
const source = await folder.open(fileName)
console.log(
  createHash('sha256')
    .update(await source.read(0, source.byteLength))
    .digest('hex'),
)
await source.close?.()
