// A workspace in which something was said and has been read, and the cases that look at it.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { Honcho } from '@honcho-ai/sdk'

const PATIENCE_MS = 90_000

export const cases = []

/** Says which methods of the SDK a case calls and looks at, as `Class.method`. */
export function covers(names, run) {
  cases.push({ names: names.split(' '), run })
}

export async function until(fact, what) {
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    const found = await fact()
    if (found) return found
    assert.ok(Date.now() < deadline, `not in time: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

export async function drained(honcho) {
  await until(async () => {
    const status = await honcho.queueStatus()
    return status.pendingWorkUnits + status.inProgressWorkUnits === 0
  }, 'the queue is empty')
}

export async function gathered(page) {
  const found = []
  for await (const item of await page) found.push(item)
  return found
}

export async function rejectsAs(kind, call) {
  await assert.rejects(call, (error) => error instanceof kind || assert.fail(`${error}`))
}

export async function makeWorld(baseURL) {
  const workspaceId = `ts-${randomUUID().slice(0, 8)}`
  const honcho = new Honcho({ workspaceId, baseURL })
  const alice = await honcho.peer('alice')
  const tutor = await honcho.peer('tutor')
  const session = await honcho.session('talk')
  const said = await session.addMessages([
    alice.message('Hey there, can you help me with my math homework? I live in Lisbon.'),
    tutor.message('Absolutely. Send me your first problem!'),
    alice.message('I am allergic to peanuts, so no snacks please.'),
  ])
  await drained(honcho)
  let made = 0
  const name = (kind) => `${kind}-${++made}`
  return {
    honcho, baseURL, alice, tutor, session, said, name,
    peer: () => honcho.peer(name('peer')),
    newSession: () => honcho.session(name('session')),
    elsewhere: (id = `${workspaceId}-${name('other')}`) => new Honcho({ workspaceId: id, baseURL }),
  }
}
