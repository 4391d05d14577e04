import { chooseLocale } from '../model/time.ts'

export const locale = chooseLocale(navigator.language)
