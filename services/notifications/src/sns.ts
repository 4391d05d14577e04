import { componentNames } from '@parley/contracts'
import type { Sidecar } from '@parley/kit'
import type { OwedPush, SnsSubscription } from './documents.ts'
import type { Attempt } from './domain/attempt.ts'
import type { PushPayload } from './domain/payload.ts'

/** What is published to the topic, for whoever brings it to the device: the push, whose it is, and until when it is news. */
export interface SnsMessage extends PushPayload {
  readonly userId: string
  readonly device: string
  readonly validUntil: string
}

export type SnsChannel = (push: OwedPush, to: SnsSubscription) => Promise<Attempt>

/** SNS takes ASCII of less than 100 characters here; the title is in the message. */
const subject = 'New message'

/** To the one topic of the binding, which is all that it can publish to. */
export function createSnsChannel(sidecar: Pick<Sidecar, 'output'>): SnsChannel {
  return async ({ payload, userId, validUntil }, { device }) => {
    const content: PushPayload = JSON.parse(payload)
    const message: SnsMessage = {
      ...content,
      userId,
      device,
      validUntil: new Date(validUntil).toISOString(),
    }
    try {
      await sidecar.output(componentNames.bindings.sns, { subject, message: JSON.stringify(message) })
      return { kind: 'answered', status: 200 }
    } catch (error) {
      // The cause has what AWS says: rights that are missing, a topic that is gone.
      const { cause = error } = error as { cause?: unknown }
      return { kind: 'failed', reason: String(cause) }
    }
  }
}
