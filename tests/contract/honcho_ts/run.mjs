// `node run.mjs BASE_URL`: runs every case; prints what failed, and which methods there are and were called, as JSON.
import * as sdk from '@honcho-ai/sdk'
import './session_and_conclusions.mjs'
import './workspace_and_peer.mjs'
import { cases, makeWorld } from './world.mjs'

const CLASSES = [
  'Honcho', 'Peer', 'Session', 'Scope', 'ConclusionsView', 'WorkspaceConclusions', 'SessionContext', 'Page',
  'DialecticStreamResponse',
]
const OWN = /^(?!constructor$|toString$|_)/
const called = new Set()

function watched(owner) {
  const { prototype } = sdk[owner]
  const names = Object.getOwnPropertyNames(prototype).filter((name) => OWN.test(name))
  const methods = names.filter((name) => typeof Object.getOwnPropertyDescriptor(prototype, name).value === 'function')
  for (const name of methods) {
    const method = prototype[name]
    prototype[name] = function (...given) {
      called.add(`${owner}.${name}`)
      return method.apply(this, given)
    }
  }
  return methods.map((name) => `${owner}.${name}`)
}

const methods = CLASSES.flatMap(watched)
const world = await makeWorld(process.argv[2])
const failed = {}
const claimed = []
for (const { names, run } of cases) {
  called.clear()
  try {
    await run(world)
    const missed = names.filter((name) => !called.has(name))
    if (missed.length > 0) throw new Error(`does not call ${missed}`)
  } catch (error) {
    failed[names.join(' ')] = `${error?.stack ?? error}`
  }
  claimed.push(...names)
}
console.log(JSON.stringify({ methods, claimed, failed }))
