import { type MessageStored, messageStored } from '@parley/contracts'
import { type HttpApp, subscribe } from '@parley/kit'
import pLimit from 'p-limit'

/** Some brokers deliver without bound. */
const handledAtOnce = 16

export function registerEvents(
  http: HttpApp,
  { notify, poke }: { notify: (data: MessageStored) => Promise<boolean>; poke: () => void },
): void {
  const limit = pLimit(handledAtOnce)

  subscribe(http, messageStored, async (data) => {
    // A look at the outbox is a bulk read of all its shards: most messages have nobody to push to.
    if (await limit(() => notify(data))) poke()
    return 'done'
  })
}
