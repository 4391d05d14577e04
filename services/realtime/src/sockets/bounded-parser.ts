import { clientEvents, limits } from '@parley/contracts'
import { Decoder, Encoder, type Packet, PacketType } from 'socket.io-parser'

/** Stands where the payload of a packet over the limit would: its event is answered, and the connection stays. */
export const tooLarge = Symbol('a packet over the limit')

/**
 * The transport cuts a connection at `maxHttpBufferSize`, without an answer. So that limit is far above ours, and what
 * lies between is not parsed but for its event and its acknowledgement id. Binary packets are not in the protocol.
 */
class BoundedDecoder extends Decoder {
  override add(chunk: unknown): void {
    if (typeof chunk !== 'string' || chunk.startsWith('5') || chunk.startsWith('6')) {
      throw new Error('binary packets are not in the protocol')
    }
    if (Buffer.byteLength(chunk) <= limits.socketPacketBytes) super.add(chunk)
    else this.emitReserved('decoded', withoutPayload(chunk))
  }
}

/** `2[/namespace,][ackId]["event",…` */
const eventHead = /^2(?:(\/[^,]{0,64}),)?(\d{1,10})?\["([^"\\]{1,64})"/

function withoutPayload(chunk: string): Packet {
  const [, nsp = '/', id, event = ''] = eventHead.exec(chunk) ?? []
  if (!Object.hasOwn(clientEvents, event)) throw new Error('an unknown packet over the limit')
  return {
    type: PacketType.EVENT,
    nsp,
    data: [event, tooLarge],
    ...(id === undefined ? {} : { id: Number(id) }),
  }
}

export const boundedParser = { Encoder, Decoder: BoundedDecoder }
