import assert from 'node:assert/strict'
import { it } from 'node:test'
import { connectMongo, durable } from './mongo-collection.ts'

it('no address weakens what is demanded of MongoDB', async () => {
  const url =
    'mongodb://db/chat?w=0&journal=false&readConcernLevel=local&readPreference=secondary&retryWrites=true'
  const client = connectMongo(url, 1, { readMs: 1, writeMs: 1 })
  const { writeConcern, readConcern, readPreference } = client.db().collection('any', durable)
  assert.deepEqual(
    [writeConcern?.w, writeConcern?.journal, readConcern?.level, readPreference?.mode],
    ['majority', true, 'majority', 'primary'],
  )
  assert.equal(client.options.retryWrites, false)
  await client.close()
})
