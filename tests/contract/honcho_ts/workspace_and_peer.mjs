// The methods of Honcho and Peer.
import assert from 'node:assert/strict'
import { NotFoundError } from '@honcho-ai/sdk'
import { z } from 'zod'
import { covers, gathered, rejectsAs, until } from './world.mjs'

const QUESTION = 'What is alice allergic to?'
const ids = (found) => found.map((one) => one.id)

covers('Honcho.setMetadata Honcho.getMetadata Honcho.refresh', async (world) => {
  const here = world.elsewhere()
  const same = world.elsewhere(here.workspaceId)
  await here.setMetadata({ tier: 'gold', nested: { n: 1 } })
  assert.deepEqual(await same.getMetadata(), { tier: 'gold', nested: { n: 1 } })
  await here.setMetadata({})
  await same.refresh()
  assert.deepEqual(same.metadata, {})
})

covers('Honcho.setConfiguration Honcho.getConfiguration', async (world) => {
  const here = world.elsewhere()
  await here.setConfiguration({ reasoning: { enabled: false, customInstructions: 'Be brief.' } })
  const found = await here.getConfiguration()
  assert.equal(found.reasoning.enabled, false)
  assert.equal(found.reasoning.customInstructions, 'Be brief.')
})

covers('Honcho.peer', async ({ honcho, name }) => {
  const id = name('peer')
  const made = await honcho.peer(id, { metadata: { x: 1 }, configuration: { observeMe: false } })
  const again = await honcho.peer(id)
  assert.deepEqual([again.id, again.metadata, again.configuration.observeMe], [id, { x: 1 }, false])
  assert.equal(again.createdAt, made.createdAt)
})

covers('Honcho.peers Page.getNextPage Page.toArray Page.get', async ({ honcho, name }) => {
  const names = []
  for (let n = 0; n < 3; n++) names.push((await honcho.peer(name('listed'), { metadata: { rank: 7 } })).id)
  const filters = { metadata: { rank: 7 } }
  assert.deepEqual(ids(await gathered(honcho.peers({ filters, size: 2 }))), names)
  const page = await honcho.peers({ filters, size: 2, reverse: true })
  assert.deepEqual([page.total, page.pages, page.length, page.hasNextPage], [3, 2, 2, true])
  assert.equal(page.get(0).id, names[2])
  assert.deepEqual(ids((await page.getNextPage()).items), [names[0]])
  assert.deepEqual(ids(await page.toArray()), names.toReversed())
})

covers('Honcho.session', async ({ honcho, alice, name }) => {
  const scope = name('scope')
  const id = name('session')
  const made = await honcho.session(id, {
    metadata: { topic: 'maps' },
    configuration: { reasoning: { enabled: false } },
    peers: [alice, ['somebody-new', { observeOthers: true }]],
    scopes: [scope],
  })
  assert.deepEqual([made.id, made.metadata, made.isActive], [id, { topic: 'maps' }, true])
  assert.equal(made.configuration.reasoning.enabled, false)
  assert.deepEqual(ids(await made.peers()).sort(), ['alice', 'somebody-new'])
  assert.deepEqual(ids(await gathered((await honcho.getScope(scope)).sessions())), [id])
})

covers('Honcho.sessions', async ({ honcho, name }) => {
  const names = []
  for (let n = 0; n < 3; n++) names.push((await honcho.session(name('listed'), { metadata: { kind: 'l' } })).id)
  assert.deepEqual(ids(await gathered(honcho.sessions({ filters: { metadata: { kind: 'l' } }, size: 2 }))), names)
})

covers('Honcho.workspaces Honcho.deleteWorkspace', async (world) => {
  const doomed = world.elsewhere()
  await doomed.peer('anybody')
  const filters = { id: doomed.workspaceId }
  assert.deepEqual(await gathered(world.honcho.workspaces({ filters })), [doomed.workspaceId])
  await world.honcho.deleteWorkspace(doomed.workspaceId)
  await until(async () => (await gathered(world.honcho.workspaces({ filters }))).length === 0, 'the workspace is gone')
})

covers('Honcho.search', async ({ honcho, said }) => {
  const [hit] = await honcho.search('peanuts', { filters: { peer_id: 'alice' }, limit: 1 })
  assert.deepEqual([hit.id, hit.content], [said[2].id, said[2].content])
  assert.deepEqual(await honcho.search('peanuts', { filters: { peer_id: 'nobody' } }), [])
})

covers('Honcho.chat', async ({ honcho, said }) => {
  assert.match(await honcho.chat(QUESTION), /peanuts/)
  const answer = await honcho.chat(QUESTION, { includeEvidence: true, reasoningLevel: 'minimal' })
  assert.match(answer.content, /peanuts/)
  assert.ok(ids(answer.evidence.messages).includes(said[2].id))
})

covers('Honcho.chatStream', async ({ honcho }) => {
  assert.match((await gathered(honcho.chatStream(QUESTION))).join(''), /peanuts/)
})

covers('Honcho.queueStatus', async ({ honcho, alice, session }) => {
  const status = await honcho.queueStatus({ sender: alice, session })
  assert.deepEqual([status.totalWorkUnits, status.completedWorkUnits, status.pendingWorkUnits], [2, 2, 0])
})

covers('Honcho.scheduleDream', async ({ honcho, session, name }) => {
  const observer = name('dreamer')
  assert.equal(await honcho.scheduleDream({ observer, session }), undefined)
  const status = await honcho.queueStatus({ observer })
  assert.equal(status.totalWorkUnits, 1)
})

covers('Honcho.scope Honcho.getScope Honcho.scopes', async ({ honcho, name }) => {
  const id = name('scope')
  const made = await honcho.scope(id, { metadata: { of: 'tests' } })
  const found = await honcho.getScope(id)
  assert.deepEqual([found.id, found.metadata, found.createdAt], [id, { of: 'tests' }, made.createdAt])
  assert.ok(ids(await gathered(honcho.scopes({ size: 1 }))).includes(id))
  await rejectsAs(NotFoundError, () => honcho.getScope(name('missing')))
})

covers('Peer.setMetadata Peer.getMetadata Peer.refresh', async (world) => {
  const peer = await world.peer()
  const same = await world.honcho.peer(peer.id)
  await peer.setMetadata({ a: [1, { b: null }] })
  assert.deepEqual(await same.getMetadata(), { a: [1, { b: null }] })
  await peer.setMetadata({})
  await same.refresh()
  assert.deepEqual(same.metadata, {})
})

covers('Peer.setConfiguration Peer.getConfiguration', async (world) => {
  const peer = await world.peer()
  await peer.setConfiguration({ observeMe: false })
  assert.equal((await peer.getConfiguration()).observeMe, false)
})

covers('Peer.chat', async ({ alice, session }) => {
  assert.match(await alice.chat(QUESTION), /peanuts/)
  assert.match(await alice.chat(QUESTION, { session, reasoningLevel: 'minimal' }), /peanuts/)
  assert.match(await alice.chat(QUESTION, { sessions: [session] }), /peanuts/)
  const responseFormat = z.object({ answer: z.string() })
  assert.match((await alice.chat(QUESTION, { responseFormat })).answer, /peanuts/)
  const { evidence } = await alice.chat(QUESTION, { includeEvidence: true })
  assert.ok(evidence.conclusions.some((one) => one.content.includes('peanuts')))
})

covers('Peer.chatStream DialecticStreamResponse.getFinalResponse DialecticStreamResponse.toArray', async (world) => {
  const stream = await world.alice.chatStream(QUESTION, { includeEvidence: true })
  const pieces = await stream.toArray()
  assert.ok(pieces.length > 1)
  assert.match(pieces.join(''), /peanuts/)
  assert.equal(await stream.getFinalResponse(), pieces.join(''))
  assert.ok(ids(stream.evidence.messages).includes(world.said[2].id))
})

covers('Peer.sessions', async (world) => {
  const peer = await world.peer()
  const names = []
  for (let n = 0; n < 3; n++) {
    const session = await world.newSession()
    await session.addPeers(peer)
    names.push(session.id)
  }
  assert.deepEqual(ids(await gathered(peer.sessions({ size: 2 }))), names)
})

covers('Peer.message', async (world) => {
  const createdAt = '2026-01-02T03:04:05Z'
  const session = await world.newSession()
  const [stored] = await session.addMessages(world.alice.message('Hello', { metadata: { a: 1 }, createdAt }))
  assert.deepEqual(
    [stored.peerId, stored.content, stored.metadata, Date.parse(stored.createdAt)],
    ['alice', 'Hello', { a: 1 }, Date.parse(createdAt)],
  )
})

covers('Peer.search', async (world) => {
  assert.deepEqual(ids(await world.alice.search('peanuts', { limit: 1 })), [world.said[2].id])
  assert.deepEqual(await (await world.peer()).search('peanuts'), [])
})

covers('Peer.setCard Peer.getCard Peer.card', async (world) => {
  const peer = await world.peer()
  assert.equal(await peer.getCard(), null)
  assert.deepEqual(await peer.setCard(['IDENTITY: a nurse']), ['IDENTITY: a nurse'])
  assert.deepEqual(await peer.setCard(['IDENTITY: a friend'], world.alice), ['IDENTITY: a friend'])
  assert.deepEqual(await peer.getCard(world.alice), ['IDENTITY: a friend'])
  assert.deepEqual(await peer.card(), ['IDENTITY: a nurse'])
})

covers('Peer.representation', async (world) => {
  assert.match(await world.alice.representation(), /peanuts[^]*Lisbon|Lisbon[^]*peanuts/)
  assert.match(await world.alice.representation({ sessions: [world.session], searchQuery: 'food' }), /peanuts/)
  assert.equal(await (await world.peer()).representation({ target: world.alice }), '')
})

covers('Peer.context', async ({ alice, tutor }) => {
  const found = await alice.context({ searchQuery: 'peanuts', maxConclusions: 5 })
  assert.deepEqual([found.peerId, found.targetId], ['alice', 'alice'])
  assert.match(found.representation, /peanuts/)
  assert.equal((await alice.context({ target: tutor })).targetId, 'tutor')
})

covers('Peer.conclusionsOf', async ({ alice, tutor }) => {
  const view = alice.conclusionsOf(tutor)
  const [made] = await view.create({ content: 'tutor is patient' })
  assert.deepEqual([made.observerId, made.observedId], ['alice', 'tutor'])
})
