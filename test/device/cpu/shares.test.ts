import { testShares } from './shares.ts'

// shares.long.ts takes the other builds.
testShares('relaxed')
