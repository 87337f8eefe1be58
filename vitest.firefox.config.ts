import { defineConfig } from 'vitest/config'
import { shared } from './vitest.config.ts'

/** What runs in a page of Firefox, which npm does not bring: `npm run test:firefox`, after `.ci/install-firefox.sh`. */
export default defineConfig({
  ...shared,
  test: { ...shared.test, include: ['test/**/*.firefox.ts'], maxWorkers: 1 },
})
