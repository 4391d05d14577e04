import { documentSchemas, type JsonSchema } from './document-schemas.ts'
import { events } from './events.ts'
import { limits } from './limits.ts'
import {
  ackError,
  clientEvents,
  handshake,
  handshakeErrors,
  serverEventSummaries,
  serverEvents,
} from './socket-events.ts'

type Node = Readonly<Record<string, unknown>>
type Schemas = ReturnType<typeof documentSchemas>

/** Keys of an AsyncAPI document have no colons. */
const keyOf = (event: string): string => event.replaceAll(':', '.')
const inChannel = (channel: string, message: string) => ({
  $ref: `#/channels/${channel}/messages/${message}`,
})

const ackSchema = (positive: JsonSchema): JsonSchema => ({
  oneOf: [
    {
      allOf: [positive, { type: 'object', properties: { ok: { const: true } }, required: ['ok'] }],
    },
    {
      type: 'object',
      properties: { ok: { const: false }, error: { $ref: '#/components/schemas/AckError' } },
      required: ['ok', 'error'],
    },
  ],
})

/** One Socket.IO connection: messages and operations of both directions. `send` and `receive` are as the server sees it. */
function socket({ schemaOf }: Schemas): { messages: Node; operations: Node } {
  const messages: Record<string, Node> = {}
  const operations: Record<string, Node> = {}
  for (const [event, contract] of Object.entries(clientEvents)) {
    const key = keyOf(event)
    messages[key] = { name: event, summary: contract.summary, payload: schemaOf(contract.payload) }
    if (contract.ack !== null)
      messages[`${key}.ack`] = {
        name: `${event} (acknowledgement)`,
        payload: ackSchema(schemaOf(contract.ack)),
      }
    operations[`receive.${key}`] = {
      action: 'receive',
      summary: contract.summary,
      channel: { $ref: '#/channels/socket' },
      messages: [inChannel('socket', key)],
      ...(contract.ack === null
        ? {}
        : {
            reply: { channel: { $ref: '#/channels/socket' }, messages: [inChannel('socket', `${key}.ack`)] },
          }),
    }
  }
  for (const [event, payload] of Object.entries(serverEvents)) {
    const key = keyOf(event)
    const summary = serverEventSummaries[event as keyof typeof serverEvents]
    messages[key] = { name: event, summary, payload: schemaOf(payload) }
    operations[`send.${key}`] = {
      action: 'send',
      summary,
      channel: { $ref: '#/channels/socket' },
      messages: [inChannel('socket', key)],
    }
  }
  return { messages, operations }
}

/** One channel per topic; one operation per service and direction. */
function broker({ schemaOf }: Schemas): { channels: Node; operations: Node } {
  const channels: Record<string, Node> = {}
  const operations: Record<string, Node> = {}
  for (const event of events) {
    channels[event.topic] = {
      address: event.topic,
      description: event.summary,
      servers: [{ $ref: '#/servers/broker' }],
      messages: {
        [event.topic]: {
          name: event.topic,
          contentType: 'application/cloudevents+json',
          summary: event.summary,
          description: 'The `data` of a CloudEvent 1.0; it may come twice, late and out of order.',
          payload: schemaOf(event.data),
        },
      },
    }
    const operation = (action: 'send' | 'receive', app: string) => {
      operations[`${app}.${action}.${event.topic}`] = {
        action,
        title: `${app} ${action === 'send' ? 'publishes' : 'subscribes to'} ${event.topic}`,
        channel: { $ref: `#/channels/${event.topic}` },
        messages: [inChannel(event.topic, event.topic)],
        tags: [{ name: app }],
      }
    }
    for (const app of event.publishers) operation('send', app)
    for (const app of event.subscribers) operation('receive', app)
  }
  return { channels, operations }
}

/** The AsyncAPI 3 document: Socket.IO for clients, and the events between the services. */
export function asyncApiDocument(): Node {
  const schemas = documentSchemas('draft-7')
  const live = socket(schemas)
  const events = broker(schemas)
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Parley',
      version: '1',
      license: { name: 'Apache-2.0' },
      description:
        'What clients send and receive over Socket.IO, and what the services tell each other over the broker of the profile.',
    },
    defaultContentType: 'application/json',
    servers: {
      gateway: {
        host: 'localhost:8080',
        protocol: 'ws',
        description: `Socket.IO 4 over WebSocket, path \`/socket.io/\`, namespace \`/\`, packets of at most ${limits.socketPacketBytes / 1024} KiB. A refused handshake gives \`connect_error\` with \`data.code\`: ${handshakeErrors.map((code) => `\`${code}\``).join(', ')}.`,
        security: [{ $ref: '#/components/securitySchemes/accessToken' }],
      },
      broker: {
        host: 'localhost',
        protocol: 'dapr',
        description: 'The Dapr component `pubsub`: which broker that is, the profile says.',
      },
    },
    channels: {
      socket: {
        address: '/socket.io/',
        title: 'Socket.IO',
        servers: [{ $ref: '#/servers/gateway' }],
        messages: live.messages,
      },
      ...events.channels,
    },
    operations: { ...live.operations, ...events.operations },
    components: {
      schemas: {
        ...schemas.components,
        AckError: schemas.inPlace(ackError),
        Handshake: schemas.inPlace(handshake),
      },
      securitySchemes: {
        accessToken: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description:
            'The access token, in the Socket.IO handshake as `auth: {token}` (schema `Handshake`), never in the query string.',
        },
      },
    },
  }
}
