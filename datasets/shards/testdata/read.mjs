// Reads a folder of shards, its class table and a split with DuckDB and with Polars and prints what they see as JSON.
//   node read.mjs <folder of node_modules> <folder of shards> <class table> <split>
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { readdirSync } from "node:fs";

const [modules, dir, classes, split] = process.argv.slice(2);
const require = createRequire(join(resolve(modules), "x.js"));
const plain = (v) => {
  if (typeof v === "bigint") return Number(v);
  if (v && typeof v === "object" && Array.isArray(v.items)) return v.items.map(plain);
  if (Array.isArray(v) || ArrayBuffer.isView(v)) return Array.from(v, plain);
  return v;
};

let DuckDBInstance, pl;
try {
  ({ DuckDBInstance } = require("@duckdb/node-api"));
  pl = require("nodejs-polars").default;
} catch (e) {
  console.error(String(e));
  process.exit(77); // not installed, or without its native part
}
const db = await (await DuckDBInstance.create()).connect();
const rows = async (sql) => (await db.runAndReadAll(sql)).getRows().map((r) => r.map(plain));
const glob = `read_parquet('${join(dir, "*.parquet")}')`;
const duckdb = {
  types: Object.fromEntries((await rows(`describe select * from ${glob}`)).map((r) => [r[0], r[1]])),
  groups: await rows(`select count(distinct row_group_id), file_name from parquet_metadata('${join(dir, "*.parquet")}') group by 2 order by 2`),
  rows: await rows(`select image, class, label, feature from ${glob} order by image`),
  nulls: (await rows(`select count(*) from ${glob} where feature is null or list_contains(feature, null)`))[0][0],
  metadata: Object.fromEntries(await rows(`select decode(key), decode(value) from parquet_kv_metadata('${join(dir, "part-00000*.parquet")}') where decode(key) like 'vzsl%'`)),
  classes: await rows(`select label, class, wnid, attributes from '${classes}' order by label`),
  roles: await rows(`select image, role from '${split}' order by image`),
};
// The cast that vector functions want.
const width = duckdb.rows[0][3].length;
duckdb.cosine = (await rows(`select array_cosine_similarity(feature::FLOAT[${width}], feature::FLOAT[${width}]) from ${glob} where list_sum(feature) > 0 order by image limit 1`))[0][0];

const frames = readdirSync(dir).filter((f) => f.endsWith(".parquet")).sort().map((f) => pl.readParquet(join(dir, f)));
const frame = pl.concat(frames).sort("image");
const table = pl.readParquet(classes).sort("label");
const column = (f, name) => f.getColumn(name).toArray().map(plain);
const zip = (...lists) => lists[0].map((_, i) => lists.map((l) => l[i]));
const polars = {
  types: Object.fromEntries(frame.columns.map((c) => [c, String(frame.getColumn(c).dtype)])),
  rows: zip(column(frame, "image"), column(frame, "class"), column(frame, "label"), column(frame, "feature")),
  classes: zip(column(table, "label"), column(table, "class"), column(table, "wnid"), column(table, "attributes")),
};
// NaN has no JSON.
console.log(JSON.stringify({ duckdb, polars }, (_, v) => (typeof v === "number" && Number.isNaN(v) ? "NaN" : v)));
