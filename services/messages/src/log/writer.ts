import type { Command, ConversationId } from '@parley/contracts'
import { ChatError, type Clock, type CreateOutcome, type DocumentStore, type Logger } from '@parley/kit'
import { type Draft, fitting, nextBlock } from './block.ts'
import { coalesce } from './coalesce.ts'
import { decide } from './decide.ts'
import type { Projector } from './projector.ts'
import { type Refusal, settleRefusal } from './refusal.ts'
import { type Block, blockLimits, commandKey, families, keys, type Sent, type StoredEntry } from './stored.ts'
import { applyBlock, tailEntries, type View } from './view.ts'
import type { Views } from './views.ts'

/**
 * What became of a command. `retry`: nothing is known to be stored; the same command may be given again, by anyone.
 * `stored.entries` are empty where the command changed nothing, or ended so long ago that only its `seq` is at hand.
 */
export type Outcome =
  | { outcome: 'stored'; seq: number; entries: readonly StoredEntry[]; repeated: boolean; view: View }
  | { outcome: 'refused'; refusal: Refusal }
  | { outcome: 'retry'; reason: string }

/** When the projection is due (entries), and when the writer must wait for it (blocks). */
export interface TailLimits {
  readonly entries: number
  readonly blocks: number
}
export const tailLimits: TailLimits = { entries: 32, blocks: 256 }

export interface Writer {
  /** Carries the command out, after all that was submitted for the conversation before it. Never throws. */
  submit(conversation: ConversationId, command: Command): Promise<Outcome>
  /** Refuses the command for good, unless it is in the log already: what cannot be handled has an outcome too. */
  refuse(conversation: ConversationId, command: Command, refusal: Refusal): Promise<Outcome>
  /** What is on record of the command's client id: an entry of the tail, what it became, or nothing. */
  lookUp(view: View, command: Command): Promise<StoredEntry | Sent | undefined>
  /** Resolves when nothing is under way any more. */
  idle(): Promise<void>
}

interface Job {
  readonly command: Command
  readonly key: string
  /** To be refused whatever the state says. */
  readonly forced: Refusal | undefined
  /** What the command has put into the log so far, where it takes more than one block. */
  readonly written: StoredEntry[]
  readonly resolve: (outcome: Outcome) => void
}

export function createWriter(deps: {
  store: DocumentStore
  views: Views
  projector: Projector
  clock: Clock
  newNonce: () => string
  logger: Logger
  tail: TailLimits
}): Writer {
  const { store, views, projector, clock, logger } = deps
  const iso = (): string => new Date(clock.now()).toISOString()
  const queues = new Map<ConversationId, Job[]>()
  const runs = new Set<Promise<void>>()

  const bulk = { items: 64, inFlight: 4 }
  const readSent = coalesce<string, Sent | undefined>(async (wanted) => {
    const found = await store.getMany(families.sent, wanted)
    return wanted.map((key) => found.get(key)?.value)
  }, bulk)
  const createBlock = coalesce<{ key: string; value: Block; nonce: string }, CreateOutcome<Block>>(
    (items) => store.createMany(families.log, items),
    bulk,
  )

  async function run(conversation: ConversationId, jobs: Job[]): Promise<void> {
    while (jobs.length > 0) {
      try {
        const view = await views.load(conversation)
        await turn(view, jobs)
        projectIfDue(view)
      } catch (error) {
        if (error instanceof ChatError && error.code === 'conversation_read_only') {
          logger.error({ conversation, alarm: true }, error.message)
          const refusal = { code: error.code, message: error.message }
          for (const job of jobs.splice(0)) job.resolve({ outcome: 'refused', refusal })
        } else {
          giveUp(jobs, error instanceof Error ? error.message : String(error))
        }
      }
    }
    queues.delete(conversation)
  }

  /** All that waits, not only what failed: what a sender gave later must not come before what they gave earlier. */
  function giveUp(jobs: Job[], reason: string): void {
    for (const job of jobs.splice(0)) job.resolve({ outcome: 'retry', reason })
  }

  /** Decides and writes the first commands of the queue, or settles one of them. Leaves the rest for the next turn. */
  async function turn(view: View, jobs: Job[]): Promise<void> {
    const batch = leading(jobs)
    const basis = view.n
    const known = await Promise.all(batch.map((job) => lookUp(view, job.command)))
    // What was read of the client ids holds for this state of the log only.
    if (view.n !== basis) return

    const drafts: Draft[] = []
    const accepted: Job[] = []
    const now = iso()
    let unfinished = false
    for (const [i, job] of batch.entries()) {
      const before = known[i]
      if (before && 'seq' in before && accepted.length === 0) {
        const entries = 'kind' in before ? [before] : []
        resolveFirst(jobs, { outcome: 'stored', seq: before.seq, entries, repeated: true, view })
        continue
      }
      const isOpen = before === undefined && !job.forced
      const decision = isOpen ? decide(view.fold, job.command, now) : undefined
      if (!decision || 'refused' in decision || decision.entries.length === 0) {
        // Only the first of the queue is settled: those before it must be in the log first.
        if (accepted.length === 0) return settle(view, jobs, before)
        break
      }
      drafts.push({ by: job.command.senderId, entries: decision.entries })
      accepted.push(job)
      unfinished = decision.unfinished
    }
    if (accepted.length === 0) return
    const count = fitting(drafts)
    await append(view, jobs, drafts.slice(0, count), accepted.slice(0, count), unfinished)
  }

  /** The jobs that one block may hold: messages, or one command that changes what the next ones may do. */
  function leading(jobs: Job[]): Job[] {
    const batch: Job[] = []
    const seen = new Set<string>()
    for (const job of jobs) {
      if (batch.length === blockLimits.entries || seen.has(job.key)) break
      if (job.command.kind !== 'message' || job.forced) return batch.length === 0 ? [job] : batch
      seen.add(job.key)
      batch.push(job)
    }
    return batch
  }

  /** What is on record of a client id. A read that fails is never taken for "nothing". */
  async function lookUp(
    view: View,
    { senderId, clientId }: Command,
  ): Promise<StoredEntry | Sent | undefined> {
    const inTail = view.ids.get(commandKey(senderId, clientId))
    if (inTail) return inTail
    const sent = await readSent(keys.sent(view.id, senderId, clientId))
    if (sent && 'refused' in sent) {
      const lapsed = sent.phase === 'withdrawn' || (sent.phase === 'final' && sent.until <= clock.now())
      return lapsed ? undefined : sent
    }
    return sent
  }

  /** The first job makes no entry: it is refused, or there is nothing to change. */
  async function settle(view: View, jobs: Job[], known: StoredEntry | Sent | undefined): Promise<void> {
    const job = jobs[0]
    if (!job) return
    const basis = view.n
    await views.readForward(view)
    if (view.n !== basis) return
    const decision = decide(view.fold, job.command, iso())
    if (known === undefined && !job.forced && !('refused' in decision)) {
      const { written: entries } = job
      return resolveFirst(jobs, { outcome: 'stored', seq: view.fold.seq, entries, repeated: false, view })
    }
    const refuses = (): Refusal | undefined => {
      const now = decide(view.fold, job.command, iso())
      return 'refused' in now ? now.refused : job.forced
    }
    const barrier = 'refused' in decision ? () => views.readForward(view) : () => fence(view)
    const refusal = await settleRefusal({ store, clock, refuses, barrier }, view, job.command)
    if (refusal === undefined) return giveUp(jobs, 'a refusal could not be recorded')
    if (refusal !== 'reconsider') resolveFirst(jobs, { outcome: 'refused', refusal })
  }

  /** Takes the next place in the log with a block that says nothing: what was decided before that is void. */
  async function fence(view: View): Promise<void> {
    for (;;) {
      const value = nextBlock(view, [], deps.newNonce(), iso())
      const n = view.n + 1
      const created = await createBlock({ key: keys.log(view.id, n), value, nonce: value.nonce })
      if (created.outcome === 'unknown') throw new ChatError('unavailable')
      if (created.outcome === 'created') return applyBlock(view, n, value)
      await views.readForward(view)
    }
  }

  function resolveFirst(jobs: Job[], outcome: Outcome): void {
    jobs.shift()?.resolve(outcome)
  }

  async function append(
    view: View,
    jobs: Job[],
    drafts: readonly Draft[],
    accepted: readonly Job[],
    unfinished: boolean,
  ): Promise<void> {
    if (view.tail.length >= deps.tail.blocks && !(await projector.project(view)))
      return giveUp(jobs, 'the projection is behind and the store does not take it')
    const n = view.n + 1
    const value = nextBlock(view, drafts, deps.newNonce(), iso())
    const item = { key: keys.log(view.id, n), value, nonce: value.nonce }
    let created = await createBlock(item)
    // The write may still land. The only sound way on is the same block again, or to say that nothing is known.
    if (created.outcome === 'unknown') created = await createBlock(item)
    if (created.outcome === 'unknown')
      return giveUp(jobs, 'the store did not say whether the block was written')
    if (created.outcome === 'exists' && created.stored.nonce !== value.nonce) return views.readForward(view)
    applyBlock(view, n, value)

    let from = 0
    for (const [i, job] of accepted.entries()) {
      const entries = value.entries.slice(from, from + (drafts[i]?.entries.length ?? 0))
      from += entries.length
      job.written.push(...entries)
      if (unfinished && i === accepted.length - 1) return
      const seq = entries.at(-1)?.seq ?? view.fold.seq
      resolveFirst(jobs, { outcome: 'stored', seq, entries: job.written, repeated: false, view })
    }
  }

  /** Nobody waits for the projection, until the tail is so long that the writer must. */
  function projectIfDue(view: View): void {
    if (tailEntries(view) < deps.tail.entries) return
    projector.project(view).catch((error: unknown) => {
      logger.warn({ err: error, conversation: view.id }, 'projection failed; it is due again')
    })
  }

  function enqueue(conversation: ConversationId, command: Command, forced?: Refusal): Promise<Outcome> {
    return new Promise((resolve) => {
      const key = commandKey(command.senderId, command.clientId)
      const job: Job = { command, key, forced, written: [], resolve }
      const jobs = queues.get(conversation)
      if (jobs) return void jobs.push(job)
      const started = [job]
      queues.set(conversation, started)
      const done = run(conversation, started).finally(() => runs.delete(done))
      runs.add(done)
    })
  }

  return {
    lookUp,
    submit: (conversation, command) => enqueue(conversation, command),
    refuse: enqueue,
    async idle() {
      while (runs.size > 0) await Promise.all(runs)
    },
  }
}
