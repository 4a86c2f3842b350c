// Loads orders (CSV) the usual way of a Node service: csv-parse as a stream, zod, insertMany.
//
//   node orders.mjs URI FILE REJECTS
//
// Types, constraints, defaults, the derived day, the dropped test orders and the refused ones without a total are those of
// orders-e2e.toml. Local times become moments by the rule of the European Union, which is far faster than a library.
import { createReadStream } from 'node:fs'
import { parse } from 'csv-parse'
import { Decimal128 } from 'mongodb'
import { z } from 'zod'
import { load, problemsOf } from './load.mjs'

const [uri, file, rejects] = process.argv.slice(2)
const MINUTE = 60_000

// The last Sunday of a month (from 0), 01:00 UTC: when the clocks of the Union change.
function change(year, month) {
  const last = new Date(Date.UTC(year, month + 1, 0))
  return Date.UTC(year, month, last.getUTCDate() - last.getUTCDay(), 1)
}
const changes = new Map()
function berlin(utc, year) {
  let [summer, winter] = changes.get(year) ?? []
  if (summer === undefined) {
    summer = change(year, 2)
    winter = change(year, 9)
    changes.set(year, [summer, winter])
  }
  const candidate = utc - 120 * MINUTE
  return candidate >= summer && candidate < winter ? candidate : utc - 60 * MINUTE
}

const MOMENT = /^(\d\d)\/(\d\d)\/(\d{4}) (\d\d):(\d\d)$/
function moment(text, context) {
  const found = MOMENT.exec(text)
  if (found) {
    const [, day, month, year, hour, minute] = found.map(Number)
    const utc = Date.UTC(year, month - 1, day, hour, minute)
    const date = new Date(utc)
    if (date.getUTCDate() === day && date.getUTCMonth() === month - 1 && hour < 24 && minute < 60) {
      return { at: new Date(berlin(utc, year)), day: new Date(Date.UTC(year, month - 1, day)) }
    }
  }
  context.addIssue({ code: 'custom', message: 'no date and time' })
  return z.NEVER
}
function date(text, context) {
  const at = new Date(`${text}T00:00:00Z`)
  if (!Number.isNaN(at.getTime()) && at.toISOString().startsWith(text)) return at
  context.addIssue({ code: 'custom', message: 'no date' })
  return z.NEVER
}

const missing = (schema) => z.preprocess((text) => (text === '' ? undefined : text), schema)
const optional = (schema) => missing(schema.optional())
const order = z.object({
  order_id: missing(z.string().regex(/^[A-Z]{2}-\d{8}$/)),
  email: optional(z.email()),
  ordered_at: missing(z.string().transform(moment)),
  deliver_on: optional(z.string().regex(/^\d{4}-\d\d-\d\d$/).transform(date)),
  total: optional(z.string().regex(/^\d+(\.\d+)?$/).transform((text) => Decimal128.fromString(text))),
  currency: missing(z.enum(['EUR', 'USD', 'GBP']).default('EUR')),
  quantity: optional(z.string().regex(/^-?\d+$/).transform(Number).pipe(z.number().min(1).max(1000))),
  weight: optional(z.string().transform(Number).pipe(z.number())),
  status: z.preprocess(
    (text) => (text.trim() === '' ? undefined : text.trim().toLowerCase()),
    z.enum(['new', 'sent', 'done', 'test']).default('new'),
  ),
  paid: optional(z.enum(['true', 'false', '1', '0']).transform((text) => text === 'true' || text === '1')),
  note: optional(z.string().refine((text) => !text.includes('\ufffd'), 'no UTF-8')),
})
const NAMES = Object.keys(order.shape)

function judge(cells) {
  if (cells.length !== NAMES.length) return { problems: [{ field: null, message: `${cells.length} cells` }] }
  const raw = {}
  for (let index = 0; index < NAMES.length; index += 1) raw[NAMES[index]] = cells[index]
  const read = order.safeParse(raw)
  if (!read.success) return { problems: problemsOf(read.error) }
  const found = read.data
  if (found.status === 'test') return { dropped: 'test_orders' }
  if (found.status === 'done' && found.total === undefined) {
    return { problems: [{ field: 'total', message: 'a done order needs a total' }] }
  }
  const document = {
    order_id: found.order_id,
    ordered_at: found.ordered_at.at,
    day: found.ordered_at.day,
    amount: { currency: found.currency },
    status: found.status,
  }
  if (found.email !== undefined) document.customer = { email: found.email }
  if (found.deliver_on !== undefined) document.deliver_on = found.deliver_on
  if (found.total !== undefined) document.amount.total = found.total
  if (found.quantity !== undefined) document.quantity = found.quantity
  if (found.weight !== undefined) document.weight = found.weight
  if (found.paid !== undefined) document.paid = found.paid
  if (found.note !== undefined) document.note = found.note
  return { document }
}

const records = createReadStream(file).pipe(
  parse({ from_line: 2, relax_column_count: true, skip_empty_lines: true, record_delimiter: ['\r\n', '\n'] }),
)
await load({ uri, collection: 'orders', rejects, records, judge })
