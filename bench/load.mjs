// The load, in a process of its own: people, their connections, and what they do. Plain socket.io-client, so that what is
// measured is the server.
import { createRooms, signUp } from './load/accounts.mjs'
import { run } from './load/flow.mjs'
import { fill, readPages } from './load/history.mjs'
import { closeAll, connect } from './load/sockets.mjs'
import { serve } from './rpc.mjs'

serve({ signUp, createRooms, connect, closeAll, run, fill, readPages })
