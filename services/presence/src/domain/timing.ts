/** The times of presence, in milliseconds. */
export const timing = {
  /** How long a node counts as alive after a heartbeat; `realtime` sends one every 5 s, so two may be lost. */
  leaseMs: 15_000,
  /** How long someone without a device still shows as before: a reload or a change of network is no going. */
  graceMs: 3_000,
  /** How often a replica looks at what is due. */
  tickMs: 1_000,
  /** How long a disconnect is kept beside its device; after that one number per node stands for all of them. */
  tombstoneMs: 15 * 60_000,
  /** How long the lease of a dead node is kept. A node that is cut off for less comes back with all its devices. */
  forgetNodeMs: 60 * 60_000,
  /** An event of a node that nobody knows (any more) is only believed up to this age: half of the above, for skewed clocks. */
  unknownNodeMs: 30 * 60_000,
} as const
