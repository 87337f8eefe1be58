/** `tsx test/device/with-gpu.ts FILE [words]`: runs a TypeScript file where Dawn finds an adapter, as the tests do. */
import { spawnSync } from 'node:child_process'
import { gpuEnvironment } from './gpu-environment.ts'

const { status } = spawnSync(process.execPath, ['--import', 'tsx', ...process.argv.slice(2)], {
  stdio: 'inherit',
  env: { ...process.env, ...gpuEnvironment() },
})
process.exitCode = status ?? 1
