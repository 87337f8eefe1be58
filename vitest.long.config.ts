import { defineConfig } from 'vitest/config'
import { globalSetup, shared } from './vitest.config.ts'

/** What takes minutes, and nothing else: `npm run test:long`. */
export default defineConfig({
  ...shared,
  test: {
    ...shared.test,
    ...{ globalSetup, include: ['test/**/*.long.ts'], maxWorkers: 2, testTimeout: 600_000, hookTimeout: 600_000 },
  },
})
