import type { ConversationId, Entry, UserId } from '@parley/contracts'
import { toEntry } from '@parley/messages'
import { blockIn } from './store.ts'
import type { World } from './world.ts'

/** The log as it lies in the store, checked block by block. */
export function readLog(world: World, id: ConversationId, wrong: string[]): Entry[] {
  const log: Entry[] = []
  let nonce = ''
  for (let n = 1; ; n++) {
    const document = world.store.documents.get(`log:${id}:${n}`)
    if (!document) break
    const block = blockIn(document.data)
    if (block.prevNonce !== nonce) wrong.push(`block ${id}:${n} does not continue the one before`)
    nonce = block.nonce
    if (block.firstSeq !== log.length + 1) wrong.push(`block ${id}:${n} overlaps the one before`)
    for (const entry of block.entries) {
      if (entry.seq !== log.length + 1) wrong.push(`${id}: seq ${entry.seq} stands at ${log.length + 1}`)
      log.push(toEntry(id, entry))
    }
    if (block.lastSeq !== log.length)
      wrong.push(`block ${id}:${n} ends at ${log.length}, not ${block.lastSeq}`)
  }
  const blocks = [...world.store.documents.keys()].filter((key) => key.startsWith(`log:${id}:`))
  const last = Math.max(0, ...blocks.map((key) => Number(key.split(':')[2])))
  if (last !== blocks.length) wrong.push(`${id}: ${blocks.length} blocks, the last is ${last}`)
  return log
}

/** Nothing is there twice, times do not go back, and whoever did something was a member then. */
export function checkLog(world: World, id: ConversationId, log: Entry[], wrong: string[]): void {
  const places = new Map<string, number>()
  const members = new Set<UserId>()
  const changes = new Map<string, number>()
  let at = ''
  for (const entry of log) {
    if (entry.at < at) wrong.push(`${id}:${entry.seq} is from before the one before`)
    at = entry.at
    if (entry.kind !== 'conversation' && entry.seq > 2 && !members.has(entry.by))
      wrong.push(`${id}:${entry.seq} is by ${entry.by}, who was no member`)
    if (entry.kind === 'message') {
      const key = `${entry.by}/${entry.message.clientId}`
      if (places.has(key)) wrong.push(`${key} is in ${id} at ${places.get(key)} and ${entry.seq}`)
      places.set(key, entry.seq)
    }
    if (entry.kind !== 'member') continue
    const change = `${entry.userId} ${entry.change}`
    changes.set(change, (changes.get(change) ?? 0) + 1)
    if (entry.change === 'added') members.add(entry.userId)
    if (entry.change === 'removed') members.delete(entry.userId)
  }
  const absences = id === world.conversations[0] ? world.absences.length : 0
  for (const user of ['ann', 'bob', 'cid', 'mal', 'dan']) {
    const expected = user === 'mal' ? absences : 0
    const [added = 0, removed = 0] = [changes.get(`${user} added`), changes.get(`${user} removed`)]
    if (added !== expected + 1 || removed !== expected)
      wrong.push(`${user} was added to ${id} ${added} times and removed ${removed} times`)
  }
}
