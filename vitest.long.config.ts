import { defineConfig, mergeConfig } from 'vitest/config'
import config from './vitest.config.ts'

/** What takes minutes: `npm run test:long`. */
export default mergeConfig(
  config,
  defineConfig({ test: { include: ['test/**/*.long.ts'], testTimeout: 600_000, hookTimeout: 600_000 } }),
)
