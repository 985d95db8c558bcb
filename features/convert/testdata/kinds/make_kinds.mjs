// Writes files of every kind of value that DuckDB, Polars and Arrow give: the rows of make_kinds.py, and its names. Needs
// @duckdb/node-api, nodejs-polars, apache-arrow and parquet-wasm in NODE_PATH: make interop-packages installs them. Run in any folder.
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeFileSync, rmSync } from "node:fs";

const require = createRequire(import.meta.url);
const { DuckDBInstance } = require("@duckdb/node-api");
const here = dirname(fileURLToPath(import.meta.url));
const c = await (await DuckDBInstance.create()).connect();
await c.run("CREATE TYPE animal AS ENUM ('ant', 'bee', 'cat')");
const value = { i: (j) => `(i * 3 + ${j} - 4)`, u: (j) => `(i * 3 + ${j})`, f: (j) => `((i * 3 + ${j} - 4) / 2)`, b: (j) => `((i * 3 + ${j}) % 2 = 1)` };
const cls = "['ant', 'bee', 'cat'][i % 3 + 1]";
const image = `${cls} || '/' || i || '.jpg'`;
const write = (file, select, options = "") => c.run(`COPY (SELECT ${select} FROM range(7) AS t(i)) TO '${join(here, file)}' (FORMAT parquet${options})`);
const vector = (kind, type) => `[${[0, 1, 2].map((j) => `${value[kind](j)}::${type}`).join(", ")}]`;
const row = (feature) => `${image} AS image, ${cls} AS class, ${feature} AS feature`;
const types = { f: ["FLOAT", "DOUBLE", "DECIMAL(6,2)", "DECIMAL(30,2)"], i: ["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"], u: ["UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"], b: ["BOOLEAN"] };
const plain = (t) => t.toLowerCase().replace(/\W+/g, "_").replace(/_$/, "");
for (const [kind, names] of Object.entries(types))
  for (const t of names) {
    await write(`duckdb_list_${plain(t)}-${kind}.parquet`, row(vector(kind, t)));
    await write(`duckdb_columns_${plain(t)}-${kind}.parquet`, `${image} AS image, ${cls} AS class, ${[0, 1, 2].map((j) => `${value[kind](j)}::${t} AS f${j}`).join(", ")}`);
  }
await write("duckdb_array-f.parquet", row(`${vector("f", "FLOAT")}::FLOAT[3]`));
await write("duckdb_mixed_columns-f.parquet", `${image} AS image, ${cls} AS class, ${value.f(0)}::FLOAT AS f0, ${value.f(1)}::DOUBLE AS f1, ${value.f(2)}::DECIMAL(6,2) AS f2`);
await write("duckdb_enum-f.parquet", `${image} AS image, (${cls})::animal AS class, ${vector("f", "FLOAT")} AS feature`);
await write("duckdb_blob_names-f.parquet", `${image} AS image, (${cls})::BLOB AS class, ${vector("f", "FLOAT")} AS feature`);
await write("duckdb_image_struct-f.parquet", `{bytes: '\\xFF\\xD8'::BLOB, path: ${image}} AS image, ${cls} AS class, ${vector("f", "FLOAT")} AS feature`);
await write("duckdb_image_bytes.parquet", `'\\xFF\\xD8'::BLOB AS image, ${cls} AS class, ${vector("f", "FLOAT")} AS feature`);
await write("duckdb_nested_1-f.parquet", row(`[${vector("f", "FLOAT")}]`));
await write("duckdb_nested_2.parquet", row(`[${vector("f", "FLOAT")}, ${vector("f", "FLOAT")}]`));
await write("duckdb_timestamp-f.parquet", `${row(vector("f", "FLOAT"))}, TIMESTAMP '2020-01-01' AS made, i AS id`);
await write("duckdb_null_row.parquet", row(`CASE WHEN i = 4 THEN NULL ELSE ${vector("f", "FLOAT")} END`));
await write("duckdb_null_value.parquet", row(`CASE WHEN i = 4 THEN [1, NULL, 2]::FLOAT[] ELSE ${vector("f", "FLOAT")} END`));
await write("duckdb_null_class.parquet", `${image} AS image, CASE WHEN i < 6 THEN ${cls} END AS class, ${vector("f", "FLOAT")} AS feature`);
await write("duckdb_ragged.parquet", row(`CASE WHEN i = 4 THEN [1.0::FLOAT] ELSE ${vector("f", "FLOAT")} END`));
await write("duckdb_two_lists.parquet", `${image} AS image, ${cls} AS class, ${vector("f", "FLOAT")} AS fc6, ${vector("f", "FLOAT")} AS fc7`);
await write("duckdb_label-f.parquet", `${image} AS image, (i % 3)::INTEGER AS label, ${vector("f", "FLOAT")} AS feature`);
for (const codec of ["uncompressed", "snappy", "gzip", "zstd", "lz4_raw", "brotli"])
  await write(`duckdb_${codec}-f.parquet`, row(vector("f", "DOUBLE")), `, COMPRESSION ${codec}`);
await write("duckdb_v2-f.parquet", `${image} AS image, ${cls} AS class, ${[0, 1, 2].map((j) => `${value.f(j)}::DOUBLE AS f${j}`).join(", ")}`, ", PARQUET_VERSION V2, DICTIONARY_SIZE_LIMIT 1");
rmSync(join(here, "duckdb_hive-f"), { recursive: true, force: true });
await write("duckdb_hive-f", row(vector("f", "FLOAT")), ", PARTITION_BY (class)");
await c.run(`COPY (SELECT ${row(vector("f", "DOUBLE"))} FROM range(7) AS t(i)) TO '${join(here, "duckdb_lists.csv")}' (FORMAT csv)`);
await c.run(`COPY (SELECT ${image} AS image, ${cls} AS class, ${[0, 1, 2].map((j) => `${value.f(j)}::DOUBLE AS f${j}`).join(", ")} FROM range(7) AS t(i)) TO '${join(here, "duckdb_columns-f.csv")}' (FORMAT csv)`);

const pl = require("nodejs-polars").default ?? require("nodejs-polars");
const n = [...Array(7).keys()];
const number = { i: (i, j) => i * 3 + j - 4, u: (i, j) => i * 3 + j, f: (i, j) => (i * 3 + j - 4) / 2 };
const classes = n.map((i) => ["ant", "bee", "cat"][i % 3]);
const images = n.map((i) => `${classes[i]}/${i}.jpg`);
const rows = (kind) => n.map((i) => [0, 1, 2].map((j) => number[kind](i, j)));
const polars = { Float32: "f", Float64: "f", Int8: "i", Int16: "i", Int32: "i", Int64: "i", UInt8: "u", UInt16: "u", UInt32: "u", UInt64: "u" };
for (const [type, kind] of Object.entries(polars)) {
  const frame = pl.DataFrame({ image: images, class: classes, f0: rows(kind).map((r) => r[0]), f1: rows(kind).map((r) => r[1]), f2: rows(kind).map((r) => r[2]) })
    .withColumns(...["f0", "f1", "f2"].map((f) => pl.col(f).cast(pl[type])), pl.col("class").cast(pl.Categorical));
  const lists = pl.DataFrame({ image: images, class: classes, feature: rows(kind) }).withColumns(pl.col("feature").cast(pl.List(pl[type])), pl.col("class").cast(pl.Categorical));
  frame.writeParquet(join(here, `polars_columns_${type.toLowerCase()}-${kind}.parquet`));
  lists.writeParquet(join(here, `polars_list_${type.toLowerCase()}-${kind}.parquet`));
  frame.writeIPC(join(here, `polars_columns_${type.toLowerCase()}-${kind}.arrow`));
  lists.writeIPC(join(here, `polars_list_${type.toLowerCase()}-${kind}.arrow`));
}
const lists = pl.DataFrame({ image: images, class: classes, feature: rows("f") });
lists.writeIPC(join(here, "polars_lz4-f.arrow"), { compression: "lz4" });
lists.writeIPC(join(here, "polars_zstd-f.arrow"), { compression: "zstd" });
pl.DataFrame({ image: images, class: classes, ...Object.fromEntries([0, 1, 2].map((j) => ["f" + j, n.map((i) => number.f(i, j))])) }).writeCSV(join(here, "polars_columns-f.csv"));

const arrow = require("apache-arrow");
const build = (type, all) => arrow.vectorFromArray(all, type);
const list = (type) => new arrow.List(new arrow.Field("item", type, true));
const fixed = (type) => new arrow.FixedSizeList(3, new arrow.Field("item", type, true));
const table = (feature, more = {}) => new arrow.Table({ image: build(new arrow.Utf8(), images), class: build(new arrow.Utf8(), classes), feature, ...more });
const ipc = (name, t) => writeFileSync(join(here, name), arrow.tableToIPC(t, "file"));
const bools = n.map((i) => [0, 1, 2].map((j) => (i * 3 + j) % 2 === 1));
ipc("arrow_list_float16-f.arrow", table(build(list(new arrow.Float16()), rows("f"))));
ipc("arrow_fixed_float16-f.arrow", table(build(fixed(new arrow.Float16()), rows("f"))));
ipc("arrow_fixed_float32-f.arrow", table(build(fixed(new arrow.Float32()), rows("f"))));
ipc("arrow_fixed_float64-f.arrow", table(build(fixed(new arrow.Float64()), rows("f"))));
ipc("arrow_list_bool-b.arrow", table(build(list(new arrow.Bool()), bools)));
ipc("arrow_dictionary-f.arrow", new arrow.Table({ image: build(new arrow.Utf8(), images), class: build(new arrow.Dictionary(new arrow.Utf8(), new arrow.Int32()), classes), feature: build(list(new arrow.Float32()), rows("f")) }));
ipc("arrow_large_text-f.arrow", new arrow.Table({ image: build(new arrow.LargeUtf8(), images), class: build(new arrow.LargeUtf8(), classes), feature: build(list(new arrow.Float32()), rows("f")) }));
ipc("arrow_binary-f.arrow", new arrow.Table({ image: build(new arrow.Binary(), images.map((s) => Buffer.from(s))), class: build(new arrow.Utf8(), classes), feature: build(list(new arrow.Float32()), rows("f")) }));
ipc("arrow_timestamp-f.arrow", table(build(list(new arrow.Float32()), rows("f")), { made: build(new arrow.TimestampMillisecond(), n.map((i) => new Date(i))) }));
writeFileSync(join(here, "arrow_stream.arrow"), arrow.tableToIPC(table(build(list(new arrow.Float32()), rows("f"))), "stream"));
const wasm = require("parquet-wasm");
for (const name of ["list_float16-f", "fixed_float32-f", "fixed_float16-f"]) {
  const feature = build((name.startsWith("list") ? list : fixed)(name.includes("16") ? new arrow.Float16() : new arrow.Float32()), rows("f"));
  const t = wasm.Table.fromIPCStream(arrow.tableToIPC(table(feature), "stream"));
  writeFileSync(join(here, `arrow_${name}.parquet`), wasm.writeParquet(t));
}
const split = wasm.Table.fromIPCStream(arrow.tableToIPC(new arrow.Table({ image: build(new arrow.Utf8(), images), class: build(new arrow.Utf8(), classes), ...Object.fromEntries([0, 1, 2].map((j) => ["f" + j, build(new arrow.Float32(), n.map((i) => number.f(i, j)))])) }), "stream"));
const split_columns = ["f0", "f1", "f2"].reduce((b, f) => b.setColumnDictionaryEnabled(f, false).setColumnEncoding(f, wasm.Encoding.BYTE_STREAM_SPLIT), new wasm.WriterPropertiesBuilder());
writeFileSync(join(here, "arrow_byte_stream_split-f.parquet"), wasm.writeParquet(split, split_columns.build()));
