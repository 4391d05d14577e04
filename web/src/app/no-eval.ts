import { config } from 'zod'

// zod asks `new Function` whether it may compile its parsers; the gateway's content security policy says no, and the
// console shows it as an error. Imported before the contracts, whose schemas ask when they are made.
config({ jitless: true })
