// What each broker's component must be set to, so that it loses no event. What a field means, and its default, was read in
// components-contrib 1.18; `metadata.yaml` there has other defaults than the code for some.
import { isTrue, seconds } from './finding.mjs'

/**
 * @typedef {object} Demand
 * @property {string} field
 * @property {string} [byDefault] what holds where the field is missing
 * @property {(value: string, other: (field: string) => string | undefined) => boolean} isRight
 * @property {string} what
 * @property {string} change
 * @property {boolean} [isWarning]
 */

const on = (/** @type {string} */ value) => isTrue(value)
const off = (/** @type {string} */ value) => !isTrue(value)
const none = (/** @type {string} */ value) => value === '' || value === '0'
/** Longer than an event is tried: 15 minutes of retries, and a minute for the last. */
const longestTrySeconds = 960

/** @type {Record<string, Demand[]>} */
export const brokerDemands = {
  'pubsub.rabbitmq': [
    ask(
      'publisherConfirm',
      'false',
      on,
      'a publish is answered before RabbitMQ has the event',
      'set it to "true"',
    ),
    ask('deliveryMode', '0', (value) => value === '2', 'events are kept in memory only', 'set it to "2"'),
    ask('durable', 'true', on, 'queues and exchanges are gone when RabbitMQ restarts', 'set it to "true"'),
    ask(
      'deletedWhenUnused',
      'true',
      off,
      'a queue is deleted, with its events, when no sidecar is connected',
      'set it to "false"',
    ),
    ask(
      'autoAck',
      'false',
      off,
      'an event counts as handled as soon as it is sent to a sidecar',
      'set it to "false"',
    ),
    ask('requeueInFailure', 'false', on, 'what a sidecar gives back is dropped', 'set it to "true"'),
    ask('ttlInSeconds', '', none, 'events that wait longer are dropped', 'remove it'),
    ask('maxLen', '', none, 'events beyond this length are dropped', 'remove it'),
    ask('maxLenBytes', '', none, 'events beyond this length are dropped', 'remove it'),
    hint(
      'enableDeadLetter',
      'false',
      on,
      'RabbitMQ 4 drops an event that was given back 20 times',
      'set it to "true"',
    ),
    hint(
      'prefetchCount',
      '0',
      (value) => Number(value) > 0,
      'the first replica takes all that waits',
      'set it to "10"',
    ),
  ],
  'pubsub.redis': [
    ask(
      'processingTimeout',
      '60s',
      (value) => seconds(value) !== 0,
      'what a crashed sidecar left is never taken over',
      'set it to "60s"',
    ),
    ask(
      'redeliverInterval',
      '15s',
      (value) => seconds(value) !== 0,
      'what a crashed sidecar left is never taken over',
      'set it to "15s"',
    ),
    ask(
      'streamTTL',
      '',
      (value) => value === '',
      'events that wait longer are dropped',
      'remove it; maxLenApprox bounds a stream',
    ),
    hint(
      'maxLenApprox',
      '0',
      (value) => Number(value) > 0,
      'a stream never shrinks, until Redis has no memory left',
      'set it to "100000"',
    ),
  ],
  'pubsub.kafka': [
    ask(
      'initialOffset',
      'newest',
      (value) => value.toLowerCase() === 'oldest',
      'a consumer group that is new, or was away for long, skips what is there',
      'set it to "oldest"',
    ),
    ask(
      'consumeRetryEnabled',
      'true',
      on,
      'what could be neither handled nor set aside is skipped',
      'set it to "true"',
    ),
  ],
  'pubsub.jetstream': [
    ask('durableName', '', Boolean, 'what comes while an app is away is lost to it', 'set it to "{appID}"'),
    ask('queueGroupName', '', Boolean, 'every replica of an app gets every event', 'set it to "{appID}"'),
    ask(
      'ackPolicy',
      'explicit',
      (value) => !['none', 'all'].includes(value),
      'events count as handled before they are',
      'set it to "explicit"',
    ),
    ask(
      'concurrencyMode',
      'single',
      (value) => value !== 'parallel',
      'an event is acknowledged before it is handled, and a crash loses it (components-contrib #3656)',
      'set it to "single"',
    ),
    ask(
      'deliverPolicy',
      'all',
      (value) => value === '' || value === 'all',
      'a new consumer skips what is there',
      'set it to "all"',
    ),
    ask('memoryStorage', 'false', off, 'NATS forgets how far an app has come when it restarts', 'remove it'),
    ask(
      'maxDeliver',
      '0',
      (value) => Number(value) <= 0,
      'an event that was brought this often is never brought again',
      'remove it',
    ),
  ],
  'pubsub.mqtt3': [
    ask(
      'qos',
      '1',
      (value) => ['1', '2'].includes(value),
      'events are sent once and may be lost on the way',
      'set it to "1"',
    ),
    ask('cleanSession', 'false', off, 'what comes while a sidecar is away is lost', 'set it to "false"'),
    hint(
      'retain',
      'false',
      off,
      'the last event of each topic comes again at every subscription',
      'set it to "false"',
    ),
  ],
  'pubsub.aws.snssqs': [
    ask(
      'messageRetryLimit',
      '10',
      keepsWhatFails,
      'an event that was brought this often is deleted, unheard',
      'set it to "1000000"',
    ),
    hint(
      'messageVisibilityTimeout',
      '10',
      (value) => Number(value) >= longestTrySeconds,
      'an event comes again while it is still being tried, and the first one can then not be deleted',
      `set it to "1000": an event is tried for up to ${longestTrySeconds} s`,
    ),
    hint(
      'fifo',
      'false',
      off,
      'all events are in one message group, of which one at a time is handled',
      'set it to "false": order does not matter here',
    ),
  ],
}

/**
 * @param {string} limit
 * @param {(field: string) => string | undefined} other
 */
function keepsWhatFails(limit, other) {
  return (
    Number(limit) >= 1000 ||
    isTrue(other('disableDeleteOnRetryLimit')) ||
    Boolean(other('sqsDeadLettersQueueName'))
  )
}

/** @type {(field: string, byDefault: string, isRight: Demand['isRight'], what: string, change: string) => Demand} */
function ask(field, byDefault, isRight, what, change) {
  return { field, byDefault, isRight, what, change }
}
/** @type {typeof ask} */
function hint(field, byDefault, isRight, what, change) {
  return { ...ask(field, byDefault, isRight, what, change), isWarning: true }
}
