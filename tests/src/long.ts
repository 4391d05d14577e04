/** Whether this is `npm test -- --long`. */
export const isLong = process.env.PARLEY_LONG_TESTS === '1'

/** Why it is skipped otherwise. */
export const onlyInLong = 'only in the long run: npm test -- --long'
