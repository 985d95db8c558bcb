// Reads files with programs that are not ours and prints what they see as JSON, a table each: columns (name and type) and rows.
//   node read.js duckdb|polars|wasm FILE.parquet...
//   node read.js arrow FILE.arrow...
//   node read.js sql SCRIPT...        a table for each query, run in DuckDB
// duckdb tells each column chunk's statistics and the file's metadata too. Numbers keep all their bits; NaN is "NaN".
const { readFileSync } = require("node:fs");

const plain = (v) => {
  if (typeof v === "bigint") return Number(v);
  if (typeof v === "number" && Number.isNaN(v)) return "NaN";
  if (v && typeof v === "object") {
    if (Array.isArray(v.items)) return v.items.map(plain); // DuckDB's lists and arrays
    if (typeof v[Symbol.iterator] === "function") return Array.from(v, plain);
  }
  return v ?? null;
};

let connection;
const duckdb = async (sql) => {
  const { DuckDBInstance } = require("@duckdb/node-api");
  connection ??= await (await DuckDBInstance.create()).connect();
  const r = await connection.runAndReadAll(sql);
  return { columns: r.columnNames().map((n, i) => [n, String(r.columnType(i))]), rows: r.getRows().map((row) => row.map(plain)) };
};
const ofArrow = (bytes) => {
  const table = require("apache-arrow").tableFromIPC(bytes);
  const columns = table.schema.fields.map((f) => [f.name, String(f.type)]);
  return { columns, rows: Array.from(table, (row) => columns.map(([name]) => plain(row[name]))) };
};
const readers = {
  async duckdb(file) {
    const chunks = await duckdb(`select path_in_schema, row_group_id, row_group_num_rows, stats_min_value, stats_max_value, stats_null_count,
      type, encodings, compression from parquet_metadata('${file}') order by row_group_id, column_id`);
    const metadata = await duckdb(`select decode(key), decode(value) from parquet_kv_metadata('${file}')`);
    return { ...(await duckdb(`from '${file}'`)), chunks: chunks.rows, metadata: Object.fromEntries(metadata.rows) };
  },
  polars(file) {
    const frame = require("nodejs-polars").readParquet(file);
    const columns = frame.columns.map((c) => [c, String(frame.getColumn(c).dtype)]);
    const values = frame.columns.map((c) => plain(frame.getColumn(c).toArray()));
    return { columns, rows: values[0].map((_, i) => values.map((v) => v[i])) };
  },
  wasm: (file) => ofArrow(require("parquet-wasm").readParquet(readFileSync(file)).intoIPCStream()),
  arrow: (file) => ofArrow(readFileSync(file)),
  async sql(file) {
    const tables = [];
    for (const statement of readFileSync(file, "utf8").split(/;\s*$/m)) {
      if (!statement.replace(/--.*/g, "").trim()) continue;
      const t = await duckdb(statement);
      if (t.columns[0][0] !== "Count") tables.push(t); // of statements that are no queries
    }
    return tables;
  },
};

(async () => {
  const [reader, ...files] = process.argv.slice(2);
  const tables = [];
  for (const f of files) tables.push(await readers[reader](f));
  process.stdout.write(JSON.stringify(tables.flat()));
})().catch((e) => { console.error(e); process.exitCode = 1; });
