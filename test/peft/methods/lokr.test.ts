import { testEngines } from '../../device/devices.ts'
import { describeGolden } from './one-linear.ts'

describeGolden('lokr', await testEngines())
