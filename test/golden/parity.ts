/**
 * `npm run parity -- DIR [--only NAME] [--dtype f16|bf16] [--browser]`: compares every number in a folder of golden
 * values, made by the Python stack (make_golden.py), with this library on every device present, or on WebGPU in a
 * headless Chromium; with --dtype, those of base models whose matrices are stored so. One line a check; exit 1 if one
 * fails or none passes.
 */
import { existsSync, readdirSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { parseArgs } from 'node:util'
import { fileSource } from '../../src/platform/node.ts'
import { testDevices } from '../device/devices.ts'
import { compareInChromium } from './chromium.ts'
import { CheckLines } from './check-lines.ts'
import { type GoldenCheck, goldenChecks } from './golden-checks.ts'
import { GoldenFolder } from './golden-folder.ts'

const { positionals, values: flags } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string' },
    dtype: { type: 'string', default: 'f32' },
    browser: { type: 'boolean', default: false },
  },
})
const [root] = positionals
const { only } = flags
const dtype = (['f32', 'f16', 'bf16'] as const).find((one) => one === flags.dtype)
if (root === undefined || !existsSync(root) || dtype === undefined) {
  console.error(
    'usage: npm run parity -- DIR [--only NAME] [--dtype f32|f16|bf16] [--browser]   DIR holds golden folders such as falcon-rw, quantised, ' +
      'qlora-falcon-rw; --browser compares in Chromium instead of on the devices of Node',
  )
  process.exit(2)
}

const options = { only, dtype }
const lines = new CheckLines()
const print = ({ group, device, check }: GoldenCheck) => lines.print(`${group}: ${check.name}`, device, check)

/** Compares on Node's devices, and says on how many. */
async function compareHere(paths: readonly string[], root: string): Promise<string> {
  const golden = new GoldenFolder(paths, (path) => fileSource(join(root, path)))
  const devices = await testDevices()
  for await (const line of goldenChecks(golden, devices, options)) print(line)
  await golden.close()
  for (const device of devices) device.dispose()
  return `${devices.length} devices`
}

const paths = readdirSync(root, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => relative(root, join(entry.parentPath, entry.name)).replaceAll(sep, '/'))
const where = flags.browser
  ? `Chromium ${await compareInChromium(root, paths, options, print)}`
  : await compareHere(paths, root)
const { passed, failed, unsupported, leftOut, exitCode } = lines
console.log(`\n${passed} passed, ${failed} failed; ${unsupported} not supported yet, ${leftOut} left out, on ${where}`)
process.exit(exitCode)
