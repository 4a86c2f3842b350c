"""Loads orders (CSV) the usual way of a Python script: csv, checks by hand, insert_many of 1000.

    python3 orders.py URI FILE REJECTS

Types, constraints, defaults, the derived day, the dropped test orders and the refused ones without a total are those of
orders-e2e.toml. Writes are acknowledged by a majority and journaled, unordered. Prints one line of JSON with the counts. At
most one batch is in memory.
"""

import csv
import datetime
import json
import re
import sys
import zoneinfo

import pymongo
from bson.decimal128 import Decimal128

BATCH_RECORDS = 1000
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
ORDER_ID = re.compile(r"[A-Z]{2}-\d{8}")
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
MOMENT = re.compile(r"(\d\d)/(\d\d)/(\d{4}) (\d\d):(\d\d)")
DECIMAL = re.compile(r"\d+(\.\d+)?")
INTEGER = re.compile(r"-?\d+")
CURRENCIES = {"EUR", "USD", "GBP"}
STATUSES = {"new", "sent", "done", "test"}
TRUTHS = {"true": True, "1": True, "false": False, "0": False}
CELLS = 11


def order(cells, problems):
    """The document of a record; what is wrong with it is added to problems. None: it is dropped."""
    if len(cells) != CELLS:
        problems.append((None, f"{len(cells)} cells"))
        return None
    order_id, email, ordered_at, deliver_on, total, currency, quantity, weight, status, paid, note = cells
    amount = {}
    document = {"amount": amount}
    if ORDER_ID.fullmatch(order_id):
        document["order_id"] = order_id
    else:
        problems.append(("order_id", "no number of an order"))
    if email:
        if not EMAIL.fullmatch(email):
            problems.append(("email", "no address"))
        document["customer"] = {"email": email}
    found = MOMENT.fullmatch(ordered_at)
    try:
        day, month, year, hour, minute = map(int, found.groups())
        document["ordered_at"] = datetime.datetime(year, month, day, hour, minute, tzinfo=BERLIN)
        document["day"] = datetime.datetime(year, month, day)
    except (AttributeError, ValueError):
        problems.append(("ordered_at", "no date and time"))
    if deliver_on:
        try:
            document["deliver_on"] = datetime.datetime.fromisoformat(deliver_on)
        except ValueError:
            problems.append(("deliver_on", "no date"))
    if total:
        if DECIMAL.fullmatch(total):
            amount["total"] = Decimal128(total)
        else:
            problems.append(("total", "no decimal of 0 or more"))
    if currency and currency not in CURRENCIES:
        problems.append(("currency", "no currency"))
    amount["currency"] = currency or "EUR"
    if quantity:
        number = int(quantity) if INTEGER.fullmatch(quantity) else 0
        if 1 <= number <= 1000:
            document["quantity"] = number
        else:
            problems.append(("quantity", "no integer from 1 to 1000"))
    if weight:
        try:
            document["weight"] = float(weight)
        except ValueError:
            problems.append(("weight", "no number"))
    status = status.strip().lower() or "new"
    if status not in STATUSES:
        problems.append(("status", "no status"))
    document["status"] = status
    if paid:
        if paid not in TRUTHS:
            problems.append(("paid", "neither true nor false"))
        document["paid"] = TRUTHS.get(paid)
    if note:
        if not note.isascii():
            try:
                note.encode()
            except UnicodeEncodeError:
                problems.append(("note", "no UTF-8"))
        document["note"] = note
    if not problems and status == "test":
        return None
    if status == "done" and not total:
        problems.append(("total", "a done order needs a total"))
    return document


def main():
    uri, path, rejects_path = sys.argv[1:]
    client = pymongo.MongoClient(uri)
    concern = pymongo.WriteConcern(w="majority", j=True)
    target = client.get_default_database().get_collection("orders", write_concern=concern)
    counts = {"read": 0, "loaded": 0, "rejected": 0, "dropped": 0}
    batch = []

    def flush():
        if batch:
            counts["loaded"] += len(target.insert_many(batch, ordered=False).inserted_ids)
            batch.clear()

    with (
        open(path, newline="", encoding="utf-8", errors="surrogateescape") as file,
        open(rejects_path, "w", encoding="utf-8", errors="surrogateescape") as rejects,
    ):
        rows = csv.reader(file)
        next(rows)
        for cells in rows:
            if not cells:
                continue
            counts["read"] += 1
            problems = []
            document = order(cells, problems)
            if problems:
                counts["rejected"] += 1
                reject = {"record": counts["read"], "problems": problems, "raw": cells}
                rejects.write(json.dumps(reject) + "\n")
            elif document is None:
                counts["dropped"] += 1
            else:
                batch.append(document)
                if len(batch) == BATCH_RECORDS:
                    flush()
        flush()
    client.close()
    print(json.dumps(counts))


main()
