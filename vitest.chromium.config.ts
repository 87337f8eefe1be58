import { defineConfig } from 'vitest/config'
import config from './vitest.config.ts'

/** What runs in a page of Chromium, and nothing else: `npm run test:chromium`. */
export default defineConfig({
  ...config,
  // A browser is processes enough for two cores by itself.
  test: { ...config.test, include: ['test/**/*.chromium.ts'], maxWorkers: 2 },
})
