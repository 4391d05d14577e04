/** What an event says, in a few letters: `c1[ann-001 bob-002]`, `c1[5 6 7]`. */
export function say(data: unknown): string {
  const { conversations, items, heads, data: inner } = data as Said
  if (inner) return say(inner)
  if (heads) return JSON.stringify(heads)
  if (items) return items.map((item) => `${item.senderId}/${item.clientId} ${item.error.code}`).join(' ')
  return (conversations ?? [])
    .map(({ conversationId, commands, entries }) => {
      const parts = commands?.map(sayCommand) ?? entries?.map(({ seq }) => seq) ?? []
      return `${conversationId}[${parts.join(' ')}]`
    })
    .join(' ')
}

const sayCommand = ({ kind, clientId }: { kind: string; clientId: string }): string =>
  kind === 'message' ? clientId : `${kind}/${clientId}`

interface Said {
  readonly conversations?: readonly {
    readonly conversationId: string
    readonly commands?: readonly { kind: string; clientId: string }[]
    readonly entries?: readonly { seq: number }[]
  }[]
  readonly items?: readonly { senderId: string; clientId: string; error: { code: string } }[]
  readonly heads?: Readonly<Record<string, number>>
  readonly data?: unknown
}
