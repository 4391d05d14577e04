// Each setting with which a broker would lose events is found, and nothing else.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { brokerDemands } from '../lib/doctor/broker-demands.mjs'
import { fields } from '../lib/doctor/fields.mjs'
import { finds, set } from './planting.mjs'

describe('a broker that loses events', () => {
  /** @type {[folder: string, type: string, field: string, value: string | undefined, isWarning?: true][]} */
  const faults = [
    ['rabbitmq', 'pubsub.rabbitmq', 'publisherConfirm', undefined],
    ['rabbitmq', 'pubsub.rabbitmq', 'deliveryMode', undefined],
    ['rabbitmq', 'pubsub.rabbitmq', 'durable', 'false'],
    ['rabbitmq', 'pubsub.rabbitmq', 'deletedWhenUnused', undefined],
    ['rabbitmq', 'pubsub.rabbitmq', 'autoAck', 'true'],
    ['rabbitmq', 'pubsub.rabbitmq', 'requeueInFailure', undefined],
    ['rabbitmq', 'pubsub.rabbitmq', 'ttlInSeconds', '60'],
    ['rabbitmq', 'pubsub.rabbitmq', 'maxLen', '100'],
    ['rabbitmq', 'pubsub.rabbitmq', 'maxLenBytes', '100'],
    ['rabbitmq', 'pubsub.rabbitmq', 'enableDeadLetter', undefined, true],
    ['rabbitmq', 'pubsub.rabbitmq', 'prefetchCount', undefined, true],
    ['redis', 'pubsub.redis', 'processingTimeout', '0'],
    ['redis', 'pubsub.redis', 'redeliverInterval', '0s'],
    ['redis', 'pubsub.redis', 'streamTTL', '1h'],
    ['redis', 'pubsub.redis', 'maxLenApprox', undefined, true],
    ['kafka', 'pubsub.kafka', 'initialOffset', undefined],
    ['kafka', 'pubsub.kafka', 'consumeRetryEnabled', 'false'],
    ['nats', 'pubsub.jetstream', 'durableName', undefined],
    ['nats', 'pubsub.jetstream', 'queueGroupName', undefined],
    ['nats', 'pubsub.jetstream', 'ackPolicy', 'none'],
    ['nats', 'pubsub.jetstream', 'concurrencyMode', 'parallel'],
    ['nats', 'pubsub.jetstream', 'deliverPolicy', 'new'],
    ['nats', 'pubsub.jetstream', 'memoryStorage', 'true'],
    ['nats', 'pubsub.jetstream', 'maxDeliver', '5'],
    ['mqtt', 'pubsub.mqtt3', 'qos', '0'],
    ['mqtt', 'pubsub.mqtt3', 'cleanSession', 'true'],
    ['mqtt', 'pubsub.mqtt3', 'retain', 'true', true],
    ['aws', 'pubsub.aws.snssqs', 'messageRetryLimit', undefined],
    ['aws', 'pubsub.aws.snssqs', 'messageVisibilityTimeout', '30', true],
    ['aws', 'pubsub.aws.snssqs', 'fifo', 'true', true],
  ]
  for (const [broker, type, field, value, isWarning] of faults) {
    test(`${type}: ${field} ${value ?? 'missing'}`, () =>
      finds({ broker }, (profile) => set(profile.broker, field, value), [
        new RegExp(`^${isWarning ? 'warning' : 'error'}: ${field} is `),
      ]))
  }
  test('every demand has a planted fault, and is of a field that Dapr knows', () => {
    const demanded = Object.entries(brokerDemands).flatMap(([type, list]) =>
      list.map(({ field }) => `${type} ${field}`),
    )
    assert.deepEqual(faults.map(([, type, field]) => `${type} ${field}`).sort(), demanded.sort())
    for (const [, type, field] of faults) {
      assert.ok(fields.components[`${type}/v1`]?.fields.includes(field), `${type} ${field}`)
    }
  })
  test('what is never deleted needs no high limit', () =>
    finds(
      { broker: 'aws' },
      ({ broker }) => {
        set(broker, 'messageRetryLimit', '10')
        set(broker, 'disableDeleteOnRetryLimit', 'true')
      },
      [],
    ))
  test('a field that Dapr reads as it is written does not count in another case', () =>
    finds(
      { broker: 'kafka' },
      ({ broker }) => {
        set(broker, 'initialOffset', undefined)
        set(broker, 'initialoffset', 'oldest')
      },
      [/^error: initialOffset is missing/],
    ))
  test('one group for all apps', () =>
    finds({ broker: 'kafka' }, ({ broker }) => set(broker, 'consumerGroup', 'parley'), [
      /^error: consumerGroup is "parley" for every app/,
    ]))
  test('a group per replica', () =>
    finds({ broker: 'redis' }, ({ broker }) => set(broker, 'consumerID', '{uuid}'), [
      /^error: consumerID is "\{uuid\}": each replica/,
    ]))
  test('in memory', () =>
    finds({ broker: 'mqtt' }, ({ broker }) => Object.assign(broker.spec, { type: 'pubsub.in-memory' }), [
      /^error: pubsub.in-memory keeps/,
      /^warning: the fields of pubsub.in-memory v1 are not known/,
    ]))
  test('one that was never tried', () =>
    finds({ broker: 'mqtt' }, ({ broker }) => Object.assign(broker.spec, { type: 'pubsub.pulsar' }), [
      /^warning: pubsub.pulsar was never tried/,
      /^warning: the fields of pubsub.pulsar v1 are not known/,
    ]))
})
