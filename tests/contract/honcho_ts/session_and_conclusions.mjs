// The methods of Session, its context, conclusions and scopes.
import assert from 'node:assert/strict'
import { NotFoundError } from '@honcho-ai/sdk'
import { covers, gathered, rejectsAs, until } from './world.mjs'

const ids = (found) => found.map((one) => one.id)

covers('Session.setMetadata Session.getMetadata Session.refresh', async (world) => {
  const session = await world.newSession()
  const same = await world.honcho.session(session.id)
  await session.setMetadata({ topic: 'maps' })
  assert.deepEqual(await same.getMetadata(), { topic: 'maps' })
  await session.setMetadata({})
  await same.refresh()
  assert.deepEqual([same.metadata, same.isActive], [{}, true])
})

covers('Session.setConfiguration Session.getConfiguration', async (world) => {
  const session = await world.newSession()
  await session.setConfiguration({ reasoning: { enabled: false } })
  assert.equal((await session.getConfiguration()).reasoning.enabled, false)
})

covers('Session.addPeers Session.setPeers Session.removePeers Session.peers', async (world) => {
  const session = await world.newSession()
  const guest = await world.peer()
  await session.addPeers([world.alice, [guest, { observeOthers: true }]])
  assert.deepEqual(ids(await session.peers()).sort(), ['alice', guest.id])
  await session.setPeers([world.tutor, guest])
  assert.deepEqual(ids(await session.peers()).sort(), [guest.id, 'tutor'])
  await session.removePeers([world.tutor])
  assert.deepEqual(ids(await session.peers()), [guest.id])
})

covers('Session.setPeerConfiguration Session.getPeerConfiguration', async (world) => {
  const session = await world.newSession()
  await session.addPeers(world.alice)
  await session.setPeerConfiguration(world.alice, { observeMe: false, observeOthers: true })
  assert.deepEqual(await session.getPeerConfiguration('alice'), { observeMe: false, observeOthers: true })
})

covers('Session.addMessages Session.messages', async (world) => {
  const session = await world.newSession()
  const peer = await world.peer()
  const sent = [0, 1, 2, 3, 4].map((n) => peer.message(`m${n}`, { metadata: { n } }))
  const added = await session.addMessages(sent)
  assert.deepEqual(added.map((one) => [one.content, one.peerId]), sent.map((_, n) => [`m${n}`, peer.id]))
  assert.deepEqual(ids(await gathered(session.messages({ size: 2 }))), ids(added))
  const late = await gathered(session.messages({ filters: { metadata: { n: { gte: 2 } } }, reverse: true }))
  assert.deepEqual(late.map((one) => one.content), ['m4', 'm3', 'm2'])
})

covers('Session.getMessage Session.updateMessage', async (world) => {
  const session = await world.newSession()
  const [added] = await session.addMessages(world.alice.message('Hello'))
  assert.deepEqual((await session.updateMessage(added, { seen: true })).metadata, { seen: true })
  assert.deepEqual((await session.getMessage(added.id)).metadata, { seen: true })
  await rejectsAs(NotFoundError, () => session.getMessage('no-such-message'))
})

covers('Session.delete', async (world) => {
  const session = await world.newSession()
  await session.addMessages(world.alice.message('Hello'))
  await session.delete()
  let isAnew = true
  await session.addMessages(world.alice.message('Too late')).catch((error) => {
    isAnew = false
    assert.ok(error instanceof NotFoundError, String(error))
  })
  if (isAnew) {
    // The worker was quicker than this script: the name was free again, and nothing is left of what it stood for.
    assert.deepEqual((await gathered(session.messages())).map((message) => message.content), ['Too late'])
    return
  }
  const filters = { id: session.id }
  await until(async () => (await gathered(world.honcho.sessions({ filters }))).length === 0, 'the session is gone')
})

covers('Session.clone', async (world) => {
  const session = await world.newSession()
  const added = await session.addMessages([0, 1, 2].map((n) => world.tutor.message(`m${n}`)))
  const whole = await session.clone()
  const part = await session.clone(added[1].id)
  const contents = async (of) => (await gathered(of.messages())).map((one) => one.content)
  assert.deepEqual(await contents(whole), ['m0', 'm1', 'm2'])
  assert.deepEqual(await contents(part), ['m0', 'm1'])
  assert.deepEqual(ids(await part.peers()), ['tutor'])
})

covers('Session.context SessionContext.toOpenAI SessionContext.toAnthropic', async (world) => {
  const found = await world.session.context({
    tokens: 10_000, peerTarget: 'alice', representationOptions: { searchQuery: 'peanuts' },
  })
  assert.deepEqual(ids(found.messages), ids(world.said))
  assert.match(found.peerRepresentation, /peanuts/)
  const roles = (turns) => turns.slice(-3).map((turn) => turn.role)
  assert.deepEqual(roles(found.toOpenAI('tutor')), ['user', 'assistant', 'user'])
  assert.deepEqual(roles(found.toAnthropic(world.tutor)), ['user', 'assistant', 'user'])
  assert.deepEqual((await world.session.context({ tokens: 1, summary: false })).messages, [])
})

covers('Session.summaries', async ({ session }) => {
  const found = await session.summaries()
  assert.deepEqual([found.id, found.shortSummary, found.longSummary], [session.id, null, null])
})

covers('Session.search', async (world) => {
  assert.deepEqual(ids(await world.session.search('peanuts', { limit: 1 })), [world.said[2].id])
})

covers('Session.uploadFile', async (world) => {
  const session = await world.newSession()
  const metadata = { of: 'file' }
  const file = { filename: 'notes.txt', content: Buffer.from('A note about tides.'), content_type: 'text/plain' }
  const [stored] = await session.uploadFile(file, world.tutor, { metadata })
  assert.deepEqual([stored.content, stored.peerId, stored.metadata], ['A note about tides.', 'tutor', metadata])
  const [blob] = await session.uploadFile(new Blob(['{"a":1}'], { type: 'application/json' }), 'tutor')
  assert.deepEqual(JSON.parse(blob.content), { a: 1 })
})

covers('Session.representation', async ({ session, alice }) => {
  assert.match(await session.representation(alice), /Lisbon/)
  assert.equal(await session.representation('nobody-known'), '')
})

covers('Session.queueStatus', async ({ session }) => {
  const status = await session.queueStatus({ sender: 'alice' })
  assert.deepEqual([status.totalWorkUnits, status.completedWorkUnits], [2, 2])
})

async function created(world, ...contents) {
  const view = (await world.peer()).conclusions
  const session = await world.newSession()
  return [view, await view.create(contents.map((content) => ({ content, sessionId: session })))]
}

covers('ConclusionsView.create ConclusionsView.list', async (world) => {
  const [view, made] = await created(world, 'likes maps', 'likes tea', 'likes rain')
  assert.deepEqual(made.map((one) => [one.content, one.level, one.timesDerived]), [
    ['likes maps', 'explicit', 1], ['likes tea', 'explicit', 1], ['likes rain', 'explicit', 1],
  ])
  const found = await gathered(view.list({ size: 2, session: made[0].sessionId }))
  assert.deepEqual(ids(found).sort(), ids(made).sort())
  assert.deepEqual(await gathered(view.list({ filters: { level: 'deductive' } })), [])
})

covers('ConclusionsView.query', async (world) => {
  const [view] = await created(world, 'collects old maps', 'is allergic to cats')
  assert.deepEqual((await view.query('old maps', 1)).map((one) => one.content), ['collects old maps'])
})

covers('ConclusionsView.get ConclusionsView.getMany WorkspaceConclusions.get WorkspaceConclusions.getMany', async (world) => {
  const [view, made] = await created(world, 'likes maps', 'likes tea')
  for (const place of [view, world.honcho.conclusions]) {
    assert.equal((await place.get(made[0].id)).content, 'likes maps')
    assert.deepEqual(ids(await place.getMany([...ids(made), 'no-such-conclusion'])).sort(), ids(made).sort())
    await rejectsAs(NotFoundError, () => place.get('no-such-conclusion'))
  }
})

covers('ConclusionsView.derived ConclusionsView.delete ConclusionsView.representation', async (world) => {
  const [view, [made]] = await created(world, 'collects old maps')
  assert.match(await view.representation({ searchQuery: 'maps', maxConclusions: 3 }), /collects old maps/)
  assert.deepEqual(await gathered(view.derived(made.id)), [])
  await view.delete(made.id)
  assert.deepEqual(await gathered(view.list()), [])
})

covers('WorkspaceConclusions.list', async (world) => {
  const [view, made] = await created(world, 'likes maps', 'likes tea')
  const filters = { observed_id: view.observed }
  assert.deepEqual(ids(await gathered(world.honcho.conclusions.list({ filters, size: 1 }))).sort(), ids(made).sort())
})

covers('Scope.addSessions Scope.sessions Scope.removeSession Scope.status', async (world) => {
  const scope = await world.honcho.scope(world.name('scope'))
  const second = await world.newSession()
  assert.deepEqual((await scope.status()).backfillStatus, {})
  await scope.addSessions([world.session])
  await scope.addSessions([second.id])
  assert.deepEqual(ids(await gathered(scope.sessions({ size: 1 }))), [world.session.id, second.id])
  const job = await until(async () => {
    const found = (await scope.status()).backfillStatus[world.session.id]
    return found?.state === 'pending' ? undefined : found
  }, 'the backfill is over')
  assert.equal(job.state, 'completed')
  assert.ok(job.docsCopied > 0)
  assert.match(await world.alice.representation({ scope }), /peanuts/)
  await scope.removeSession(second)
  assert.deepEqual(ids(await gathered(scope.sessions())), [world.session.id])
})
