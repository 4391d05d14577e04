import styles from './row.module.css'

/** Where rows will be. */
export function SkeletonRows({ count }: { count: number }) {
  return (
    <div aria-busy="true" role="status">
      <span className="unseen">Loading</span>
      {Array.from({ length: count }, (_, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: they are all the same
        <div key={index} className={`${styles.row} ${styles.skeleton}`} aria-hidden="true">
          <span className={styles.round} />
          <span className={styles.bar} />
          <span className={styles.line} />
        </div>
      ))}
    </div>
  )
}
