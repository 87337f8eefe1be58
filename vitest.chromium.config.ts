import { defineConfig } from 'vitest/config'
import { shared } from './vitest.config.ts'

/** What runs in a page of Chromium, and nothing else: `npm run test:chromium`. */
export default defineConfig({
  ...shared,
  // A browser is processes enough for two cores by itself.
  test: { ...shared.test, include: ['test/**/*.chromium.ts'], maxWorkers: 2 },
})
