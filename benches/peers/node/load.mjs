// What both loads share: batches of 1000 through insertMany, acknowledged by a majority and journaled, unordered; rejects
// into a file; one line of JSON with the counts on standard output. At most one batch and one chunk of rejects in memory.
import { createWriteStream } from 'node:fs'
import { once } from 'node:events'
import { MongoClient } from 'mongodb'

const BATCH_RECORDS = 1000

// judge(record) gives { document }, { problems: [{ field, message }] } or { dropped: name }.
export async function load({ uri, collection, rejects, records, judge }) {
  const client = await MongoClient.connect(uri)
  const target = client.db().collection(collection)
  const refused = createWriteStream(rejects)
  const counts = { read: 0, loaded: 0, rejected: 0, dropped: 0 }
  let batch = []
  const flush = async () => {
    if (batch.length === 0) return
    const written = await target.insertMany(batch, { ordered: false, writeConcern: { w: 'majority', j: true } })
    counts.loaded += written.insertedCount
    batch = []
  }
  for await (const record of records) {
    counts.read += 1
    const verdict = judge(record)
    if (verdict.document) {
      batch.push(verdict.document)
      if (batch.length === BATCH_RECORDS) await flush()
    } else if (verdict.dropped) {
      counts.dropped += 1
    } else {
      counts.rejected += 1
      const line = JSON.stringify({ record: counts.read, problems: verdict.problems, raw: record })
      if (!refused.write(line + '\n')) await once(refused, 'drain')
    }
  }
  await flush()
  refused.end()
  await once(refused, 'finish')
  await client.close()
  console.log(JSON.stringify(counts))
}

// The problems that zod found.
export function problemsOf(error) {
  return error.issues.map((issue) => ({ field: issue.path.join('.'), message: issue.message }))
}
