import { cpuBuilds } from '../../../src/device/cpu/cpu-device.ts'
import { testShares } from './shares.ts'

for (const build of cpuBuilds()) if (build !== 'relaxed') testShares(build)
