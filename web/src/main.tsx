import './app/no-eval.ts'
import './base.css'
import { createChat } from '@parley/client'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { createActions } from './app/actions.ts'
import { AppContext } from './app/context.ts'
import { deviceName } from './app/device.ts'
import { drafts } from './app/drafts.ts'
import { keep } from './app/keep.ts'
import { namePeople } from './app/people.ts'
import { followRoute, go } from './app/router.ts'
import { lasting } from './app/storage.ts'
import { createStore } from './app/store.ts'
import { wire } from './app/wire.ts'
import { fold } from './model/fold.ts'
import { initialState } from './model/state.ts'
import { Boundary } from './parts/boundary.tsx'
import { App } from './views/app.tsx'

const locks = navigator.locks as LockManager | undefined
const chat = createChat({
  url: location.origin,
  storage: lasting,
  device: deviceName(navigator.userAgent),
  // Only secure contexts have locks: on plain http in a local network two tabs are two devices of one session.
  ...(locks && { exclusive: (name, task) => locks.request(name, task) }),
})
const store = createStore(initialState, fold)
wire(chat, store)
namePeople(chat, store, lasting)
keep(chat, store)
const actions = createActions(chat, store)
followRoute(actions)

chat.on('signedOut', ({ reason }) => {
  drafts.clear()
  // Whoever signs in next begins at the beginning; whose session just ended wants to go on where they were.
  if (reason === 'logout') go({ at: 'list' }, { replace: true })
})
addEventListener('online', () => chat.networkChanged(true))
addEventListener('offline', () => chat.networkChanged(false))
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') chat.networkChanged(true)
})

const root = document.getElementById('root')
if (root) {
  createRoot(root).render(
    <StrictMode>
      <AppContext value={{ store, actions }}>
        <Boundary>
          <App />
        </Boundary>
      </AppContext>
    </StrictMode>,
  )
}
