// Loads events (JSON Lines) the usual way of a Node service: readline, JSON.parse, zod, insertMany.
//
//   node events.mjs URI FILE REJECTS
//
// Types and constraints are those of events-e2e.toml as far as JSON.parse goes: numbers are doubles (digits beyond 2^53
// are lost), and a name that stands twice in an object is not seen.
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { Decimal128, UUID } from 'mongodb'
import { z } from 'zod'
import { load, problemsOf } from './load.mjs'

const [uri, file, rejects] = process.argv.slice(2)

const event = z.object({
  id: z.uuid(),
  type: z.enum(['view', 'click', 'buy']),
  at: z.iso.datetime({ offset: true }),
  actor: z.object({
    id: z.number().min(1).refine((id) => Number.isInteger(id) && id < 2 ** 63, 'no integer of 64 bits'),
    name: z.string().optional(),
  }),
  price: z.number().optional(),
  ratio: z.number().optional(),
  seen: z.boolean().nullish(),
  tags: z.array(z.string()).optional(),
  payload: z.record(z.string(), z.unknown()).optional(),
})

function judge(line) {
  let raw
  try {
    raw = JSON.parse(line)
  } catch (error) {
    return { problems: [{ field: null, message: error.message }] }
  }
  const read = event.safeParse(raw)
  if (!read.success) return { problems: problemsOf(read.error) }
  const found = read.data
  const document = {
    event_id: new UUID(found.id),
    kind: found.type,
    at: new Date(found.at),
    actor: found.actor,
    seen: found.seen ?? false,
  }
  if (found.price !== undefined) document.price = Decimal128.fromString(String(found.price))
  if (found.ratio !== undefined) document.ratio = found.ratio
  if (found.tags !== undefined) document.tags = found.tags
  if (found.payload !== undefined) document.payload = found.payload
  return { document }
}

async function* lines() {
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
    if (line !== '') yield line
  }
}
await load({ uri, collection: 'events', rejects, records: lines(), judge })
