import { ServerCrash } from 'lucide-react'
import { Component, type ReactNode } from 'react'
import { Button } from './button.tsx'
import { Empty } from './empty.tsx'

/** A fault of ours must not leave a white page. Nothing is lost: what is unsent is kept, and a reload brings it back. */
export class Boundary extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false }

  static getDerivedStateFromError() {
    return { failed: true }
  }

  override render(): ReactNode {
    if (!this.state.failed) return this.props.children
    return (
      <Empty icon={<ServerCrash />} title="Something broke">
        <p>It is our fault. Your messages are safe: load the page again to go on.</p>
        <Button look="primary" onClick={() => location.reload()}>
          Load again
        </Button>
      </Empty>
    )
  }
}
