import { defineConfig } from 'vitest/config'
import config from './vitest.config.ts'

/** What takes minutes, and nothing else: `npm run test:long`. Merged configurations would have the lists of both. */
export default defineConfig({
  ...config,
  test: { ...config.test, include: ['test/**/*.long.ts'], maxWorkers: 2, testTimeout: 600_000, hookTimeout: 600_000 },
})
