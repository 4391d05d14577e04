import type { Command, ConversationId } from '@parley/contracts'
import { ChatError, type Clock, type CreateOutcome, type DocumentStore, type Logger } from '@parley/kit'
import { type Draft, fitting, nextBlock } from './block.ts'
import { createLookUp, type LookUp } from './client-ids.ts'
import { coalesce } from './coalesce.ts'
import { decide } from './decide.ts'
import { blame, type GiveUp, type Job, leading, newJob, type Outcome, type Queues } from './jobs.ts'
import type { Projector } from './projector.ts'
import { refusedForGood, settleRefusal } from './refusal.ts'
import { type Block, families, keys, type Sent, type StoredEntry } from './stored.ts'
import { applyBlock, type View } from './view.ts'
import type { Views } from './views.ts'

/** When the projection is due (entries), and when the writer must wait for it (blocks). */
export interface TailLimits {
  readonly entries: number
  readonly blocks: number
}
export const tailLimits: TailLimits = { entries: 32, blocks: 256 }

/** What happens to logs, for who measures it. */
export interface LogWatch {
  /** A block of so many entries is durable, so long after it was decided. */
  committed(ms: number, entries: number): void
  /** A log was read that cannot be right. */
  damaged(): void
}

export interface Writer {
  /** Carries the command out, after all that was submitted for the conversation before it. Never throws. */
  submit(conversation: ConversationId, command: Command | GiveUp): Promise<Outcome>
  readonly lookUp: LookUp
  /** Resolves when nothing is under way any more. */
  idle(): Promise<void>
}

const bulk = { items: 64, inFlight: 4 }

export function createWriter(deps: {
  store: DocumentStore
  views: Views
  projector: Projector
  clock: Clock
  newNonce: () => string
  logger: Logger
  tail: TailLimits
  watch: Pick<LogWatch, 'committed'>
}): Writer {
  const { store, views, projector, clock, logger } = deps
  const iso = (): string => new Date(clock.now()).toISOString()
  const queues: Queues = new Map()
  const runs = new Set<Promise<void>>()
  const lookUp = createLookUp(store, clock)
  const createBlock = coalesce<{ key: string; value: Block; nonce: string }, CreateOutcome<Block>>(
    (items) => store.createMany(families.log, items),
    bulk,
  )

  async function run(conversation: ConversationId, jobs: Job[]): Promise<void> {
    while (jobs.length > 0) {
      try {
        const view = await views.load(conversation)
        const isWhole = view.damage !== undefined || (await turn(view, jobs))
        if (view.damage !== undefined) refuseAll(jobs, view)
        // Nobody waits for the projection, until the tail is so long that the writer must.
        else if (isWhole) projector.projectSoon(view)
      } catch (error) {
        giveBack(jobs, String(error))
      }
    }
    queues.delete(conversation)
  }

  /** All that waits, not only what failed: what a sender gave later must not come before what they gave earlier. */
  function giveBack(jobs: Job[], reason: string): void {
    for (const job of jobs.splice(0)) job.resolve({ outcome: 'retry', reason })
  }

  function refuseAll(jobs: Job[], view: View): void {
    const message = `Conversation ${view.id}: ${view.damage}.`
    for (const job of jobs.splice(0))
      job.resolve({ outcome: 'refused', refusal: { code: 'conversation_read_only', message } })
  }

  /** False where the view is not to be used any more. */
  async function turn(view: View, jobs: Job[]): Promise<boolean> {
    const batch = leading(jobs)
    try {
      await attempt(view, jobs, batch)
      return true
    } catch (error) {
      if (error instanceof ChatError && error.code === 'unavailable') throw error
      logger.error({ err: error, conversation: view.id, commands: batch.length }, 'commands failed')
      // It may have been left half way through a block.
      views.forget(view)
      projector.forget(view)
      const failed = blame(batch.filter((job) => jobs.includes(job)))
      if (failed) resolveFirst(jobs, { outcome: 'failed', reason: String(error) })
      return false
    }
  }

  /** Decides and writes the first commands of the queue, or settles one of them. Leaves the rest for the next turn. */
  async function attempt(view: View, jobs: Job[], batch: readonly Job[]): Promise<void> {
    const basis = view.n
    const known = await Promise.all(batch.map((job) => lookUp(view, job.command)))
    // What was read of the client ids holds for this state of the log only.
    if (view.n !== basis || (await wasBehind(view, known))) return

    const drafts: Draft[] = []
    let unfinished = false
    for (const [i, job] of batch.entries()) {
      const before = known[i]
      const isFirst = drafts.length === 0
      if (before && isFinal(before)) {
        if (!isFirst) break
        resolveFirst(jobs, outcomeOf(view, before))
        continue
      }
      const { command } = job
      const drafted = before && command.kind !== 'give-up' ? undefined : draft(view, command)
      if (!drafted) {
        // Only the first of the queue is settled: those before it must be in the log first.
        if (isFirst && command.kind !== 'give-up') return settle(view, jobs, command)
        break
      }
      drafts.push(drafted)
      unfinished = drafted.unfinished
    }
    if (drafts.length > 0) await append(view, jobs, drafts.slice(0, fitting(drafts)), unfinished)
  }

  /** Another replica has stored and projected what this one has not read yet: it is to be announced by this one, too. */
  async function wasBehind(view: View, known: readonly (StoredEntry | Sent | undefined)[]): Promise<boolean> {
    const { seq } = view.fold
    if (!known.some((record) => record && 'seq' in record && record.seq > seq)) return false
    await views.readForward(view)
    if (view.fold.seq > seq || view.damage !== undefined) return true
    throw new ChatError('unavailable', {
      detail: 'the log that was read ends before what is on record of it',
    })
  }

  /** What a command adds to the log; undefined where it is to be refused for what the log says. */
  function draft(view: View, command: Command | GiveUp): (Draft & { unfinished: boolean }) | undefined {
    const { senderId: by, clientId, submittedAt } = command
    const without = (became: Sent) => ({
      by,
      entries: [],
      settled: { by, clientId, became },
      unfinished: false,
    })
    if (command.kind === 'give-up') return without(refusedForGood(command.refusal, submittedAt, clock.now()))
    const decision = decide(view.fold, command, iso())
    if ('refused' in decision) return undefined
    // Also what changes nothing takes a place in the log: a late copy must not be decided anew.
    return decision.entries.length === 0 ? without({ seq: view.fold.seq }) : { by, ...decision }
  }

  async function settle(view: View, jobs: Job[], command: Command): Promise<void> {
    const basis = view.n
    await views.readForward(view)
    if (view.n !== basis || view.damage !== undefined) return
    const refusal = await settleRefusal({ store, views, clock }, view, command)
    if (refusal === undefined) return giveBack(jobs, 'a refusal could not be recorded')
    if (refusal !== 'reconsider') resolveFirst(jobs, { outcome: 'refused', refusal })
  }

  function resolveFirst(jobs: Job[], outcome: Outcome): void {
    jobs.shift()?.resolve(outcome)
  }

  async function append(
    view: View,
    jobs: Job[],
    drafts: readonly Draft[],
    unfinished: boolean,
  ): Promise<void> {
    if (view.tail.length >= deps.tail.blocks) {
      // What was decided before this wait may not hold after it: the next turn decides again.
      if (await projector.project(view)) return
      return giveBack(jobs, 'the projection is behind and the store does not take it')
    }
    const n = view.n + 1
    const value = nextBlock(view, drafts, deps.newNonce(), iso())
    const item = { key: keys.log(view.id, n), value, nonce: value.nonce }
    const decidedAt = clock.now()
    let created = await createBlock(item)
    // The write may still land. The only sound way on is the same block again, or to say that nothing is known.
    if (created.outcome === 'unknown') created = await createBlock(item)
    if (created.outcome === 'unknown')
      return giveBack(jobs, 'the store did not say whether the block was written')
    if (created.outcome === 'exists' && created.stored.nonce !== value.nonce) return views.readForward(view)
    deps.watch.committed(clock.now() - decidedAt, value.entries.length)
    applyBlock(view, n, value)
    resolveAppended(view, jobs, drafts, value, unfinished)
  }

  /** The jobs of the drafts are the first of the queue, in the same order. */
  function resolveAppended(
    view: View,
    jobs: Job[],
    drafts: readonly Draft[],
    block: Block,
    unfinished: boolean,
  ): void {
    let from = 0
    for (const [i, { entries: drafted, settled }] of drafts.entries()) {
      const [job] = jobs
      if (!job) return
      const entries = block.entries.slice(from, from + drafted.length)
      from += entries.length
      job.written.push(...entries)
      if (unfinished && i === drafts.length - 1) return
      if (settled && 'refused' in settled.became) resolveFirst(jobs, outcomeOf(view, settled.became))
      else {
        const seq = entries.at(-1)?.seq ?? block.lastSeq
        resolveFirst(jobs, { outcome: 'stored', seq, entries: job.written, repeated: false, view })
      }
    }
  }

  return {
    lookUp,
    submit(conversation, command) {
      return new Promise((resolve) => {
        const job = newJob(command, resolve)
        const jobs = queues.get(conversation)
        if (jobs) return void jobs.push(job)
        const started = [job]
        queues.set(conversation, started)
        const done = run(conversation, started).finally(() => runs.delete(done))
        runs.add(done)
      })
    },
    async idle() {
      while (runs.size > 0) await Promise.all(runs)
    },
  }
}

/** All but a tentative refusal, which whoever meets it must settle. */
const isFinal = (record: StoredEntry | Sent): boolean =>
  !('refused' in record) || record.phase !== 'tentative'

function outcomeOf(view: View, record: StoredEntry | Sent): Outcome {
  if ('refused' in record) return { outcome: 'refused', refusal: record.refused }
  const entries = 'kind' in record ? [record] : []
  return { outcome: 'stored', seq: record.seq, entries, repeated: true, view }
}
