import { testSeeds } from './seeds.ts'

testSeeds(1501, 2000)
