// Writes the pictures of make_sources.py as Parquet files, with DuckDB: as Hugging Face's datasets do, a struct of bytes and path with
// class labels in the metadata; as plain binary with text; without names; with rows that hold nothing. Needs @duckdb/node-api in
// NODE_PATH: make interop installs it.
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const require = createRequire(import.meta.url);
const { DuckDBInstance } = require("@duckdb/node-api");
const here = dirname(fileURLToPath(import.meta.url));
const c = await (await DuckDBInstance.create()).connect();
const classes = ["ant", "bee", "éléphant"];
await c.run(`CREATE TABLE p AS SELECT content, split_part(filename, '/pictures/', 2) AS name, split_part(split_part(filename, '/pictures/', 2), '/', 1) AS class,
  hash(filename) AS mixed FROM read_blob('${join(here, "pictures")}/*/*.png')`);
const label = `(CASE class ${classes.map((n, i) => `WHEN '${n}' THEN ${i}`).join(" ")} END)::BIGINT AS label`;
const about = JSON.stringify({ info: { features: { image: { _type: "Image" }, label: { names: classes, _type: "ClassLabel" } } } });
const write = (file, select, rest, options = "") => c.run(`COPY (SELECT ${select} FROM p ${rest}) TO '${join(here, file)}' (FORMAT parquet${options})`);
for (const part of [0, 1]) {
  await write(`hf-0000${part}-of-00002.parquet`, `{'bytes': content, 'path': name} AS image, ${label}`, `WHERE mixed % 2 = ${part} ORDER BY mixed`, `, KV_METADATA {huggingface: '${about}'}`);
}
await write("plain.parquet", "class AS animal, content AS img, name AS file_name", "ORDER BY name", ", COMPRESSION zstd, ROW_GROUP_SIZE 2048");
await write("basenames.parquet", `{'bytes': content, 'path': split_part(name, '/', 2)} AS image, ${label}`, "ORDER BY name", `, KV_METADATA {huggingface: '${about}'}`);
await write("unnamed.parquet", `content AS jpg, ${label}`, "ORDER BY name");
await write("holes.parquet", "CASE WHEN name = 'ant/1.png' THEN NULL WHEN name = 'ant/2.png' THEN ''::BLOB ELSE content END AS image, CASE WHEN name <> 'ant/3.png' THEN class END AS label, name AS path", "ORDER BY name");
