import { type MessageStored, messageStored } from '@parley/contracts'
import { type HttpApp, subscribe } from '@parley/kit'
import pLimit from 'p-limit'

/** Some brokers deliver without bound. */
const handledAtOnce = 16

export function registerEvents(
  http: HttpApp,
  { notify, poke }: { notify: (data: MessageStored) => Promise<void>; poke: () => void },
): void {
  const limit = pLimit(handledAtOnce)

  subscribe(http, messageStored, async (data) => {
    await limit(() => notify(data))
    poke()
    return 'done'
  })
}
