/** Where one stands in a box that scrolls: at its end, or at something that one reads. */
export interface Position {
  readonly atEnd: boolean
  /** The uppermost message in sight, and how far below the upper edge it is. */
  readonly reading?: { readonly key: string; readonly top: number }
  readonly viewHeight: number
  readonly contentHeight: number
}

const nearEndPx = 48

export const atTheEnd: Position = { atEnd: true, viewHeight: 0, contentHeight: 0 }

export function positionIn(box: HTMLElement): Position {
  const { scrollTop, clientHeight: viewHeight, scrollHeight: contentHeight } = box
  const atEnd = contentHeight - scrollTop - viewHeight < nearEndPx
  const reading = atEnd ? undefined : firstInSight(box)
  return { atEnd, viewHeight, contentHeight, ...(reading && { reading }) }
}

const messagesIn = (box: HTMLElement) => [...box.querySelectorAll<HTMLElement>('[data-key]')]

function firstInSight(box: HTMLElement): Position['reading'] {
  const first = messagesIn(box).find(
    ({ offsetTop, offsetHeight }) => offsetTop + offsetHeight > box.scrollTop,
  )
  const key = first?.dataset.key
  return first && key !== undefined ? { key, top: first.offsetTop - box.scrollTop } : undefined
}

/** After messages came, went or grew: still at the end, or still at what one reads. */
export function standAt(box: HTMLElement, { atEnd, reading }: Position): void {
  if (atEnd) box.scrollTop = box.scrollHeight
  // By its key: its element may be another one, in a group that others have joined.
  const message = reading && messagesIn(box).find(({ dataset }) => dataset.key === reading.key)
  if (message) box.scrollTop = message.offsetTop - reading.top
}

/** At the first new message, with a little of what is known above it; else at the end. */
export function standAtStart(box: HTMLElement): void {
  const mark = box.querySelector<HTMLElement>('[data-new]')
  box.scrollTop = mark ? mark.offsetTop - box.clientHeight / 4 : box.scrollHeight
}

/** Browsers scroll also because a size changed: that is no wish to go elsewhere. */
export const isResized = (box: HTMLElement, { viewHeight, contentHeight }: Position): boolean =>
  box.clientHeight !== viewHeight || box.scrollHeight !== contentHeight
